# What the checks of this directory share.

passed=0
failed=0
said=$(mktemp)

# Each check is a function whose name is the sentence that it proves. It fails when one of its commands does.
check() {
    (
        set -eE
        trap 'echo "line $LINENO: $BASH_COMMAND"' ERR
        "$1"
    ) >"$said" 2>&1
    # Not as the condition of an if, in which a failed command would not end the check.
    if [ $? -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok ${1//_/ }"
    else
        failed=$((failed + 1))
        echo "FAIL ${1//_/ }: $(tail -n 5 "$said" | cut -c 1-300 | tr '\n' '|')"
    fi
}

# fails COMMAND...: a check goes on where a plain `! COMMAND` fails.
fails() {
    if "$@"; then
        echo "did not fail: $*"
        return 1
    fi
}

close_checks() {
    rm -f "$said"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
