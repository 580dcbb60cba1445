# A server that is killed, and clients that do not notice.

checks_of_crashes() {
    clients_install
    inside cp --preserve /etc/msgqd/msgqd.toml /root/shipped.toml
    check clients_do_not_notice_that_the_daemon_is_killed_again_and_again
    check clients_do_not_notice_that_the_daemon_is_killed_for_its_memory
    check clients_do_not_notice_that_the_watchdog_replaces_the_daemon
    as_shipped
}

# Six kills at least, and more until one of them hit while something was in hand.
clients_do_not_notice_that_the_daemon_is_killed_again_and_again() {
    as_shipped
    drop_in $'[Unit]\nStartLimitIntervalSec=0'
    local kills=0 before recovered='recovered what an earlier server had in hand: '
    journal_mark
    clients_start
    until [ "$kills" -ge 6 ] && journal_says "$recovered"; do
        [ "$kills" -lt 40 ]
        before=$(main_pid)
        inside kill -KILL "$before"
        wait_until 30 answers_with_another_pid_than "$before"
        clients_go_on
        kills=$((kills + 1))
        [ "$(property NRestarts)" -eq "$kills" ]
    done
    clients_have_noticed_nothing
    echo "shown: $kills kills; $(journal_lines | grep "$recovered" | tail -n 1)"
}

clients_do_not_notice_that_the_daemon_is_killed_for_its_memory() {
    as_shipped
    if ! inside test -e /sys/fs/cgroup/system.slice/msgqd.service/memory.max; then
        echo "not shown: a kill for memory in the container: its cgroups have no memory controller"
        return
    fi
    # The pause is for raising the limit before the next start.
    drop_in $'[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=3'
    local before
    before=$(main_pid)
    journal_mark
    clients_start
    inside systemctl set-property --runtime msgqd MemoryMax=64K
    wait_until 60 journal_says "Failed with result 'oom-kill'"
    inside systemctl set-property --runtime msgqd MemoryMax=infinity
    wait_until 60 answers_with_another_pid_than "$before"
    [ "$(property NRestarts)" -ge 1 ]
    clients_go_on
    clients_have_noticed_nothing
}

clients_do_not_notice_that_the_watchdog_replaces_the_daemon() {
    as_shipped
    drop_in $'[Unit]\nStartLimitIntervalSec=0\n[Service]\nWatchdogSec=1s'
    inside systemctl restart msgqd
    local before
    before=$(main_pid)
    journal_mark
    clients_start
    inside kill -STOP "$before"
    wait_until 60 answers_with_another_pid_than "$before"
    journal_says "Failed with result 'watchdog'"
    [ "$(property NRestarts)" -ge 1 ]
    clients_go_on
    clients_have_noticed_nothing
}
