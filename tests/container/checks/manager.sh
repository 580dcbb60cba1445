# What the service manager does with what the daemon tells it, and what its journal explains.

checks_of_the_manager() {
    check an_entry_has_the_fields_that_operators_ask_for
    check the_catalog_explains_every_entry_with_an_id
    check why_a_start_failed_stands_with_the_unit_each_time
    check a_core_of_the_daemon_is_never_written
    check with_notify_reload_the_manager_waits_for_the_daemon_itself
    checks_of_wedges
}

entries() {
    journal --unit msgqd "$@"
}

# The id of an event, by the page that the catalog is made from.
id_of() {
    sed -n "s/^| $1 | \`\([0-9a-f]*\)\` .*/\1/p" "$here/../../docs/operations.md"
}

an_entry_has_the_fields_that_operators_ask_for() {
    start_service
    inside systemctl restart msgqd
    local entry
    entry=$(entries --output json --lines 1 "MESSAGE_ID=$(id_of serving)")
    for field in '"PRIORITY":"6"' '"MSGQD_QUEUE_KEY":"0x12345678"' '"SYSLOG_IDENTIFIER":"msgqd"' '"_TRANSPORT":"journal"'; do
        grep -qF "$field" <<<"$entry" || fail "no $field in $entry"
    done
    # By a client that ends before it reads.
    inside sh -c 'timeout 5 perl -e '\''msgsnd(msgget(0x12345678, 0), pack("l! l a256 x4", 1, $$, "x"), 0) or die $!; sleep 1'\'''
    wait_until 20 has_entry_of_a_client
}

has_entry_of_a_client() {
    entries --output json "MESSAGE_ID=$(id_of client-died)" | grep -q '"MSGQD_CLIENT_PID":"[1-9]'
}

the_catalog_explains_every_entry_with_an_id() {
    local id ids
    ids=$(inside sed -n 's/^-- \([0-9a-f]*\)$/\1/p' /usr/lib/systemd/catalog/msgqd.catalog)
    [ "$(wc -w <<<"$ids")" -gt 30 ]
    for id in $ids; do
        inside journalctl --no-pager --dump-catalog "$id" | grep -q '^Defined-By: msgqd$' || fail "$id is not known"
    done
    # As an operator sees it.
    entries --catalog "MESSAGE_ID=$(id_of serving)" | grep -F 'Subject: The server is ready'
    entries --catalog "MESSAGE_ID=$(id_of serving)" | grep -F 'Queue: 0x12345678'
}

# The process lives for a moment only, and the journal asks by its PID whose it was.
why_a_start_failed_stands_with_the_unit_each_time() {
    local before after count=10 attempt
    before=$(entries --output cat "MESSAGE_ID=$(id_of start-failed)" | wc -l)
    inside cp --preserve /etc/msgqd/msgqd.toml /root/configuration
    inside sh -c 'echo "[nonsense]" >>/etc/msgqd/msgqd.toml'
    drop_in $'[Service]\nRestart=no\nExecStartPre='
    for ((attempt = 0; attempt < count; attempt++)); do
        inside systemctl reset-failed msgqd
        inside systemctl restart msgqd || true
    done
    after=$(entries --output cat "MESSAGE_ID=$(id_of start-failed)" | grep -c nonsense || true)
    inside systemctl status --no-pager msgqd | tee /dev/stderr | grep -q 'Status: "Not started: ' || attempt=none
    inside cp --preserve /root/configuration /etc/msgqd/msgqd.toml
    no_drop_in
    start_service
    [ "$attempt" != none ]
    echo "$before before, $after after"
    [ "$after" -ge "$count" ]
}

a_core_of_the_daemon_is_never_written() {
    inside grep -E '^Max core file size +0 +0 ' "/proc/$(main_pid)/limits"
}

systemd_version() {
    inside systemctl --version | awk 'NR == 1 { print $2 }'
}

with_notify_reload_the_manager_waits_for_the_daemon_itself() {
    if [ "$(systemd_version)" -lt 253 ]; then
        echo "not shown: systemd $(systemd_version) does not know notify-reload"
        return
    fi
    local before pid through=0 count
    inside mkdir -p /run/systemd/system/msgqd.service.d
    inside cp /usr/share/doc/msgqd/examples/drop-ins/notify-reload.conf /run/systemd/system/msgqd.service.d/
    inside systemctl daemon-reload
    inside systemctl restart msgqd
    [ "$(property Type)" = notify-reload ]
    pid=$(main_pid)
    inside cp --preserve /etc/msgqd/msgqd.toml /root/configuration
    for before in 2 3 4; do
        inside sh -c 'printf "[queue]\ngroup = \"msgq\"\n[service]\nworkers = %s\n" "$1" >/etc/msgqd/msgqd.toml' sh "$before"
        inside systemctl reload msgqd
        # It is in effect as soon as the command returns.
        count=$(inside sh -c "ls /proc/$pid/task | wc -l")
        inside sh -c "cat /proc/$pid/task/*/comm" | grep -c '^worker' | grep -qx "$before" || through=1
        [ "$(property ActiveState)" = active ]
    done
    inside sh -c 'echo "[nonsense]" >>/etc/msgqd/msgqd.toml'
    inside systemctl reload msgqd || true
    inside systemctl status --no-pager msgqd | grep -q 'REFUSED'
    [ "$(main_pid)" = "$pid" ]
    is_answered
    inside cp --preserve /root/configuration /etc/msgqd/msgqd.toml
    no_drop_in
    inside systemctl restart msgqd
    [ "$through" -eq 0 ] || fail "$count tasks: a reload was not in effect when systemctl returned"
}

# Wedges of the daemon's own threads, by a build with switches: once each, and never after the restart.
checks_of_wedges() {
    if [ ! -x "$target/switches/release/msgqd" ]; then
        echo "not shown: wedges, without the build with switches (tests/run makes it)"
        return
    fi
    inside mkdir -p /opt/msgqd
    inside sh -c 'cat >/opt/msgqd/switched && chmod 755 /opt/msgqd/switched' <"$target/switches/release/msgqd"
    inside sh -c 'cat >/opt/msgqd/wedged && chmod 755 /opt/msgqd/wedged' <<'SCRIPT'
#!/bin/sh
mark=$RUNTIME_DIRECTORY/wedged
if [ ! -e "$mark" ]; then
    : >"$mark"
    export MSGQD_TEST_PAUSE_AT="$WEDGE:600000"
fi
exec /opt/msgqd/switched --config /etc/msgqd/msgqd.toml
SCRIPT
    check clients_do_not_notice_that_a_worker_stands_still
    check clients_do_not_notice_that_the_courier_stands_still
    check clients_do_not_notice_that_the_janitor_stands_still
    inside rm -rf /run/msgqd/wedged /opt/msgqd
}

clients_do_not_notice_that_a_worker_stands_still() {
    is_replaced_without_a_loss received 20
}

# More clients than a queue has room for: answers wait.
clients_do_not_notice_that_the_courier_stands_still() {
    is_replaced_without_a_loss courier-sending 200
}

clients_do_not_notice_that_the_janitor_stands_still() {
    is_replaced_without_a_loss reaping 20
}

# is_replaced_without_a_loss PLACE CLIENTS: what stands still there is ended by the watchdog, and the next server goes on.
is_replaced_without_a_loss() {
    local stalled before lost=0
    before=$(entries --output cat "MESSAGE_ID=$(id_of stalled)" | wc -l)
    inside systemctl stop msgqd
    inside rm -f /run/msgqd/wedged
    drop_in $'[Service]\nWatchdogSec=3s\nEnvironment=WEDGE='"$1"$'\nExecStart=\nExecStart=/opt/msgqd/wedged'
    start_service
    # Where the first request is the last, they are served after the restart.
    clients_start "$2"
    # The death of a client is what has the janitor reap.
    inside msgqctl send --timeout 1 hello || true
    wait_until 60 has_restarted || lost=restart
    wait_until 30 is_answered || lost=answer
    clients_lost_nothing || lost=clients
    stalled=$(entries --output cat "MESSAGE_ID=$(id_of stalled)" | wc -l)
    no_drop_in
    inside systemctl restart msgqd
    [ "$lost" = 0 ] || fail "$lost"
    [ "$stalled" -gt "$before" ]
    entries --output cat --grep="Failed with result 'watchdog'"
}

has_restarted() {
    [ "$(property NRestarts)" -ge 1 ]
}
