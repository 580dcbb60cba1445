# What ran, what passed, what could not run.

passed=0
failed=0
not_run=()

# step NAME COMMAND...: runs the command with its output in a log, and counts what the log counts: cargo's
# `test result:` lines, else a closing `N passed, N failed`, else the command itself as one.
step() {
    local name=$1 log=$logs/$1.log begin=$SECONDS status=0 step_passed step_failed took
    shift
    # In a shell of its own: that of the steps collects also what ran beside and has ended.
    (
        trap 'cpu_seconds_of_children "$BASHPID" >"$log.cpu"' EXIT
        "$@"
    ) >"$log" 2>&1 </dev/null || status=$?
    took="$((SECONDS - begin)) s, $(cat "$log.cpu") s of CPU"
    rm -f "$log.cpu"
    read -r step_passed step_failed < <(counts "$log")
    if [ "$status" -ne 0 ] && [ "$step_failed" -eq 0 ]; then
        step_failed=1
    elif [ "$status" -eq 0 ] && [ $((step_passed + step_failed)) -eq 0 ]; then
        step_passed=1
    fi
    passed=$((passed + step_passed))
    failed=$((failed + step_failed))
    collect_not_run "$log"
    if [ "$step_failed" -eq 0 ]; then
        echo "ok   $name: $step_passed passed ($took)"
        return 0
    fi
    echo "FAIL $name: $step_passed passed, $step_failed failed ($took); from $log:"
    grep -E '^(FAIL |test .* FAILED$)' "$log" | sed 's/^/    /'
    excerpt "$log" | sed 's/^/    /'
    return 1
}

# cpu_seconds_of_children PID: what those that it started and that have ended used of the CPUs.
cpu_seconds_of_children() {
    awk -v ticks="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($14 + $15) / ticks) }' "/proc/$1/stat"
}

# A test program that died has no result line: its failed tests count, at least one.
counts() {
    awk '
        /^ +Running |^ +Doc-tests / { broken = 0 }
        /^test .* FAILED$/ { broken++ }
        /^test result: / {
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^passed/) ok += $(i - 1)
                if ($i ~ /^failed/) bad += $(i - 1)
            }
            broken = 0
            cargo = 1
        }
        /^  process didn.t exit successfully: .*\(signal/ { bad += broken ? broken : 1; cargo = 1 }
        /^[0-9]+ passed, [0-9]+ failed$/ { last_ok = $1; last_bad = $3 }
        END { if (cargo) print ok + 0, bad + 0; else print last_ok + 0, last_bad + 0 }
    ' "$1"
}

# The part of a failed step's log that tells most: what cargo says of failed tests where it does, else the end.
excerpt() {
    local failures
    failures=$(awk '/^failures:$/ { on = 1 } on; /^test result/ { on = 0 } /^  process didn.t exit/' "$1")
    if [ -n "$failures" ]; then
        head -n 120 <<<"$failures"
    else
        tail -n 40 "$1"
    fi
}

# Ignored tests, and lines in which a test says that it could not show something.
collect_not_run() {
    local line
    while IFS= read -r line; do
        not_run+=("$line")
    done < <(sed -nE 's/^test (.*) \.\.\. ignored,? ?(.*)$/\1: \2/p; s/^not (run|shown): //p' "$1" | sort -u)
}

# skip NAME REASON
skip() {
    not_run+=("$1: $2")
}

beside=()

# beside NAME COMMAND...: runs a function with its steps beside what follows, until `join`.
beside() {
    local name=$1
    shift
    # A process group of its own, so that it can be ended with all that it started.
    set -m
    (
        set +m
        passed=0 failed=0 not_run=()
        "$@"
        echo "$passed $failed"
        [ "${#not_run[@]}" -eq 0 ] || printf '%s\n' "${not_run[@]}"
    ) >"$logs/$name.books" 2>&1 &
    beside+=("$name:$!")
    set +m
}

end_beside() {
    local entry
    for entry in "${beside[@]}"; do
        kill -- "-${entry##*:}" 2>/dev/null
    done
}
trap end_beside EXIT
trap 'exit 130' INT TERM

# join [NAME]: waits for what runs beside under this name, or for all; shows its steps and takes over what they counted.
join() {
    local entry name books line others=()
    for entry in "${beside[@]}"; do
        name=${entry%:*}
        if [ -n "${1:-}" ] && [ "$name" != "$1" ]; then
            others+=("$entry")
            continue
        fi
        wait "${entry##*:}"
        books=$logs/$name.books
        sed '/^[0-9]* [0-9]*$/,$d' "$books"
        if ! line=$(grep --max-count 1 -xE '[0-9]+ [0-9]+' "$books"); then
            echo "FAIL $name: it ended early"
            line="0 1"
        fi
        passed=$((passed + ${line% *}))
        failed=$((failed + ${line#* }))
        while IFS= read -r line; do
            not_run+=("$line")
        done < <(sed '1,/^[0-9]* [0-9]*$/d' "$books")
    done
    beside=("${others[@]}")
}

close_books() {
    if [ "${#not_run[@]}" -gt 0 ]; then
        echo "not run:"
        printf '    %s\n' "${not_run[@]}"
    fi
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
