# Which checks run, and what becomes of them.

rooms=
log=

books_open() {
    log=$(mktemp)
}

# room NAME FUNCTION: the checks of one room, if it is wanted. All but those of upgrades need the package.
room() {
    if [ -n "$rooms" ]; then
        grep -qw "$1" <<<"$rooms" || return 0
        [ "$1" = install ] || [ "$1" = upgrade ] || is_installed || check apt_installs_the_package
    fi
    # Of two rooms that have a function of the same name, each is to call its own.
    . "$here/checks/$1.sh"
    "$2"
}

# Each check is a function whose name is the sentence that it proves. It fails when one of its commands does.
check() {
    local name=${1//_/ }
    shift
    (
        set -eE
        trap 'echo "line $LINENO: $BASH_COMMAND"' ERR
        "${name// /_}" "$@"
    ) >"$log" 2>&1
    local status=$?
    # The check may have booted the machine again, in its subshell.
    find_init
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok $name${*:+ ($*)}"
        grep '^not shown: ' "$log"
    else
        failed=$((failed + 1))
        echo "FAIL $name${*:+ ($*)}: $(tail -n 12 "$log" | cut -c 1-300 | tr '\n' '|')"
    fi
}

end() {
    machine_off
    [ -z "$machine_place" ] || rm -f "$machine_place".*
    rm -f "$log"
}

# Runs all releases side by side, and prints what each said when all are through.
each_release() {
    local outputs one
    outputs=$(mktemp -d)
    trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$outputs"; exit 130' INT TERM
    for one in $machine_releases; do
        { "$here/run" --release "$one" --package "$package" $rooms >"$outputs/$one" 2>&1; echo $? >"$outputs/$one.status"; } &
    done
    wait
    for one in $machine_releases; do
        sum_up "$one" "$outputs/$one" "$(cat "$outputs/$one.status")"
    done
    rm -rf "$outputs"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# sum_up RELEASE OUTPUT STATUS
sum_up() {
    local release=$1 output=$2 status=$3 ok=0 bad=0
    sed -nE "s/^ok /ok $release: /p; s/^FAIL /FAIL $release: /p; s/^not shown: /not shown: $release: /p" "$output"
    if [ "$status" -eq 2 ]; then
        echo "not run: container with $release: $(sed -n 's/^cannot run: //p' "$output")"
        return
    fi
    ok=$(grep -c '^ok ' "$output")
    bad=$(grep -c '^FAIL ' "$output")
    # One that ended early is no success.
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
        echo "FAIL $release: it ended with exit code $status: $(tail -n 3 "$output" | tr '\n' '|')"
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
}
