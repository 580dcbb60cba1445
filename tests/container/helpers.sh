# What the checks share.

# wait_until SECONDS COMMAND...: true as soon as the command is, false when the time is over.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

fail() {
    echo "$*" >&2
    return 1
}

# expect_exit CODE COMMAND...: the command's output, and success only when it ends with that code.
expect_exit() {
    local wanted=$1 got=0
    shift
    "$@" || got=$?
    [ "$got" -eq "$wanted" ] || fail "exit code $got instead of $wanted"
}

# Fails when the command succeeds. A plain `!` would not: the shell does not stop at it.
refute() {
    if "$@"; then
        fail "succeeded: $*"
    fi
}

as() {
    local user=$1
    shift
    inside runuser -u "$user" -- "$@"
}

property() {
    inside systemctl show --property "$1" --value msgqd
}

main_pid() {
    property MainPID
}

# The kernel's line about the queue: key, id, mode, bytes, messages, PIDs, uid, gid ...
queue_line() {
    inside awk '$1 == 305419896' /proc/sysvipc/msg
}

has_queue() {
    [ -n "$(queue_line)" ]
}

queue_is_gone() {
    ! has_queue
}

queue_is_empty() {
    [ "$(queue_line | awk '{ print $5 }')" = 0 ]
}

is_answered() {
    [ "$(inside msgqctl send --timeout 10 hello)" = "Processed: hello" ]
}

answers_with_another_pid_than() {
    local pid
    pid=$(main_pid)
    [ "$pid" -gt 0 ] && [ "$pid" != "$1" ] && is_answered
}

# Sets the start limit back, so that a check does not pay for the failures that an earlier one provoked.
start_service() {
    inside systemctl reset-failed msgqd
    inside systemctl start msgqd
}

# drop_in TEXT: settings of the unit for one check; no_drop_in ends them.
drop_in() {
    inside mkdir -p /run/systemd/system/msgqd.service.d
    inside sh -c 'printf "%s\n" "$1" >/run/systemd/system/msgqd.service.d/test.conf' sh "$1"
    inside systemctl daemon-reload
}

no_drop_in() {
    inside rm -rf /run/systemd/system/msgqd.service.d
    inside systemctl daemon-reload
}

# journal OPTION...: what journalctl prints, with all that was logged before: what a program writes is not there at once.
journal() {
    inside journalctl --sync
    inside journalctl --no-pager "$@"
}

is_installed() {
    [ "$(inside dpkg-query --show --showformat '${db:Status-Status}' msgqd)" = installed ]
}
