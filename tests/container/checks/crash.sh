# A server that is killed, replaced or given up, and clients that do not notice, or hear of it.

checks_of_crashes() {
    check clients_do_not_notice_that_the_daemon_is_killed
    check clients_do_not_notice_that_the_daemon_is_killed_for_its_memory
    check clients_do_not_notice_that_the_watchdog_replaces_the_daemon
    check with_on_stop_keep_clients_do_not_notice_a_restart
    check clients_do_not_notice_an_upgrade_whatever_on_stop_says
    check a_typo_that_prevents_a_restart_leaves_no_client_waiting
    check with_on_stop_remove_clients_hear_of_a_stop
    check when_systemd_gives_up_clients_hear_of_it
    check after_many_crashes_in_a_row_clients_hear_that_systemd_gives_up
    check with_on_failure_keep_what_waits_is_answered_after_the_next_start
}

# clients_start [CLIENTS [PAUSE_US]]: twenty clients in loops, which take an answer for lost after half a minute. Their pauses leave
# CPUs to the machine's other containers.
clients_start() {
    # What a check that failed left behind.
    inside systemctl stop chaos 2>/dev/null || true
    inside systemctl reset-failed chaos 2>/dev/null || true
    inside systemd-run --quiet --collect --unit=chaos --service-type=exec --property=TimeoutStopSec=60 \
        /root/chaos 0x12345678 "${1:-20}" 30 "${2:-2000}"
    wait_until 30 clients_are_served
}

clients_are_served() {
    inside msgqctl --json stat | grep -q '"served": [1-9]'
}

clients_log() {
    journal --unit=chaos --output=cat "$@"
}

# Ends the clients: each has got each answer once, and the right one.
clients_lost_nothing() {
    # Clients that met an error have ended before.
    inside systemctl stop chaos || true
    clients_log --lines=8
    clients_log --grep='^requests ' --lines=1 | tail -n 1 | grep -q ' wrong 0 lost 0 extra 0$'
}

# "remove" is the default of both settings.
configure() {
    if [ "$2" = remove ]; then
        inside rm -f "/etc/msgqd/msgqd.d/50-$1.toml"
    else
        inside sh -c 'printf "[service]\n%s = \"%s\"\n" "$@" >"/etc/msgqd/msgqd.d/50-$1.toml"' sh "$1" "$2"
    fi
    inside systemctl reset-failed msgqd
    inside systemctl restart msgqd
}

restarts_exceed() {
    [ "$(property NRestarts)" -gt "$1" ]
}

is_not() {
    [ "$(property ActiveState)" != "$1" ]
}

clients_do_not_notice_that_the_daemon_is_killed() {
    local round before recovered
    start_service
    # Without pauses, so that each kill finds something in hand.
    clients_start 20 0
    for round in 1 2 3 4 5 6; do
        inside systemctl reset-failed msgqd
        before=$(main_pid)
        inside kill -KILL "$before"
        wait_until 30 answers_with_another_pid_than "$before"
    done
    clients_lost_nothing
    recovered=$(journal --unit=msgqd --output=cat --grep='recovered what an earlier server')
    [ -n "$recovered" ]
}

clients_do_not_notice_that_the_daemon_is_killed_for_its_memory() {
    start_service
    if ! inside test -e /sys/fs/cgroup/system.slice/msgqd.service/memory.max; then
        echo "not shown: a kill for memory in the container: its cgroups have no memory controller"
        return
    fi
    local before
    before=$(main_pid)
    clients_start
    inside systemctl set-property --runtime msgqd MemoryMax=1M
    wait_until 60 is_not active
    inside systemctl set-property --runtime msgqd MemoryMax=infinity
    inside systemctl reset-failed msgqd
    inside systemctl start msgqd
    wait_until 30 answers_with_another_pid_than "$before"
    journal --unit=msgqd --output=cat --grep="Failed with result 'oom-kill'"
    clients_lost_nothing
}

clients_do_not_notice_that_the_watchdog_replaces_the_daemon() {
    with_a_short_watchdog
    local before replaced=0
    before=$(main_pid)
    clients_start
    inside kill -STOP "$before"
    wait_until 60 answers_with_another_pid_than "$before" || replaced=$?
    clients_lost_nothing
    with_the_usual_watchdog
    [ "$replaced" -eq 0 ]
    journal --unit=msgqd --output=cat --grep="Failed with result 'watchdog'"
}

with_on_stop_keep_clients_do_not_notice_a_restart() {
    local round msqid
    configure on_stop keep
    msqid=$(queue_line | awk '{ print $2 }')
    clients_start 100
    for round in 1 2 3 4 5; do
        inside systemctl reset-failed msgqd
        inside systemctl restart msgqd
    done
    clients_lost_nothing
    [ "$(queue_line | awk '{ print $2 }')" = "$msqid" ]
}

clients_do_not_notice_an_upgrade_whatever_on_stop_says() {
    local before
    configure on_stop remove
    before=$(main_pid)
    clients_start
    inside apt-get install --yes --reinstall "/packages/$(basename "$package")"
    wait_until 30 answers_with_another_pid_than "$before"
    clients_lost_nothing
}

# The start fails, and what systemd runs then reads the same file.
a_typo_that_prevents_a_restart_leaves_no_client_waiting() {
    configure on_stop keep
    inside sh -c 'echo "no_such_setting = 1" >>/etc/msgqd/msgqd.toml'
    inside systemctl restart msgqd || true
    wait_until 60 has_failed
    wait_until 60 queue_is_gone
    # msgqctl finds the key although the file has an error elsewhere.
    expect_exit 3 inside msgqctl stat
    inside sed -i '$d' /etc/msgqd/msgqd.toml
    configure on_stop remove
    is_answered
}

# EIDRM for those who wait for an answer, EACCES for those who want to ask.
with_on_stop_remove_clients_hear_of_a_stop() {
    start_service
    clients_start
    inside systemctl stop msgqd
    wait_until 30 clients_have_ended
    clients_log --lines=8
    wait_until 30 clients_say '^(msgrcv: EIDRM|msgsnd: EACCES|msgsnd: EIDRM|msgsnd: EINVAL)$'
    start_service
}

clients_say() {
    clients_log --lines=40 | grep -E -q "$1"
}

clients_have_ended() {
    refute inside systemctl is-active chaos
}

# Two deaths within a minute are one too many.
with_a_low_start_limit() {
    drop_in $'[Unit]\nStartLimitIntervalSec=60\nStartLimitBurst=1\n[Service]\nRestartSec=1'
    inside systemctl reset-failed msgqd
    inside systemctl restart msgqd
}

# A client that waits for an answer of a server that does not run: its request is in the queue.
waiting_client() {
    inside sh -c 'timeout 60 msgqctl send --timeout 50 waiting >/root/waiting 2>&1; echo "exit $?" >>/root/waiting' &
    waiting=$!
}

has_failed() {
    [ "$(property Result)" = start-limit-hit ] || [ "$(property ActiveState)" = failed ]
}

when_systemd_gives_up_clients_hear_of_it() {
    with_a_low_start_limit
    inside systemctl kill --signal=STOP msgqd
    waiting_client
    sleep 1
    inside systemctl kill --signal=KILL msgqd
    wait_until 60 has_failed
    wait_until 60 queue_is_gone
    wait "$waiting" || true
    no_drop_in
    start_service
    inside cat /root/waiting
    # 3: the queue was removed meanwhile.
    inside grep -q '^exit 3$' /root/waiting
    is_answered
}

# With systemd's usual limit of five in ten seconds. Each but the last is one that it restarts after.
after_many_crashes_in_a_row_clients_hear_that_systemd_gives_up() {
    start_service
    inside sh -c 'echo "no_such_setting = 1" >>/etc/msgqd/msgqd.toml'
    inside kill -KILL "$(main_pid)"
    local gone=0
    wait_until 60 has_failed
    wait_until 60 queue_is_gone || gone=$?
    inside sed -i '$d' /etc/msgqd/msgqd.toml
    start_service
    [ "$gone" -eq 0 ]
    is_answered
}

is_said_to_be_down() {
    inside msgqctl stat | grep -q '^verdict       down since about '
}

with_on_failure_keep_what_waits_is_answered_after_the_next_start() {
    configure on_failure keep
    with_a_low_start_limit
    inside systemctl kill --signal=STOP msgqd
    waiting_client
    sleep 1
    inside systemctl kill --signal=KILL msgqd
    wait_until 60 has_failed
    # Not while the unit that OnFailure= starts looks after the queue.
    wait_until 60 is_said_to_be_down
    has_queue
    no_drop_in
    start_service
    wait "$waiting" || true
    inside cat /root/waiting
    inside grep -q '^Processed: waiting$' /root/waiting
    configure on_failure remove
}
