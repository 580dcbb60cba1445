# Start, stop, restart, reload, and what systemd does about a daemon that dies or hangs.

checks_of_the_life_cycle() {
    check stop_removes_the_queue_and_start_makes_it
    check a_start_that_returns_means_that_requests_are_answered
    check restart_serves_with_a_new_process
    check a_killed_daemon_is_started_again_by_systemd
    check an_idle_daemon_keeps_the_watchdog_content
    check a_daemon_that_hangs_is_replaced_by_the_watchdog
    check reload_of_a_good_configuration_keeps_the_process
    check reload_of_a_bad_configuration_fails_and_changes_nothing
    check reload_that_the_server_refuses_fails_with_its_sentence_and_changes_nothing
    check a_reinstallation_leaves_a_serving_daemon
}

stop_removes_the_queue_and_start_makes_it() {
    has_queue
    inside systemctl stop msgqd
    [ "$(inside systemctl is-active msgqd || true)" = inactive ]
    queue_is_gone
    start_service
    has_queue
}

a_start_that_returns_means_that_requests_are_answered() {
    local round
    for round in 1 2 3 4 5; do
        inside systemctl stop msgqd
        start_service
        inside msgqctl send --timeout 10 "round $round"
    done
}

restart_serves_with_a_new_process() {
    local before
    before=$(main_pid)
    inside systemctl reset-failed msgqd
    inside systemctl restart msgqd
    [ "$(inside systemctl is-active msgqd)" = active ]
    answers_with_another_pid_than "$before"
}

a_killed_daemon_is_started_again_by_systemd() {
    local before restarts
    start_service
    before=$(main_pid)
    restarts=$(property NRestarts)
    inside kill -KILL "$before"
    wait_until 30 answers_with_another_pid_than "$before"
    [ "$(property NRestarts)" -gt "$restarts" ]
}

# The interval is short, so that many of them fit into a test.
with_a_short_watchdog() {
    drop_in $'[Service]\nWatchdogSec=2s'
    inside systemctl reset-failed msgqd
    inside systemctl restart msgqd
}

with_the_usual_watchdog() {
    no_drop_in
    inside systemctl reset-failed msgqd
    inside systemctl restart msgqd
}

an_idle_daemon_keeps_the_watchdog_content() {
    with_a_short_watchdog
    local before after
    before=$(main_pid)
    sleep 7
    after=$(main_pid)
    with_the_usual_watchdog
    [ "$before" = "$after" ]
}

a_daemon_that_hangs_is_replaced_by_the_watchdog() {
    with_a_short_watchdog
    local before
    before=$(main_pid)
    inside kill -STOP "$before"
    local replaced=0
    wait_until 60 answers_with_another_pid_than "$before" || replaced=$?
    with_the_usual_watchdog
    [ "$replaced" -eq 0 ]
}

reload_of_a_good_configuration_keeps_the_process() {
    local before
    before=$(main_pid)
    inside systemctl reload msgqd
    [ "$(main_pid)" = "$before" ]
    [ "$(inside systemctl is-active msgqd)" = active ]
    is_answered
}

reload_of_a_bad_configuration_fails_and_changes_nothing() {
    reload_is_refused '[queue]\nmode = "0666"\nno_such_setting = 1\n'
}

# The file is good in each case, and the server that runs cannot follow it.
reload_that_the_server_refuses_fails_with_its_sentence_and_changes_nothing() {
    reload_is_refused '[queue]\nmode = "0666"\n[service]\noutbox_capacity = 64\n'
    journal --unit=msgqd --output=cat --grep='refused the reload.*outbox_capacity cannot change'
    inside systemctl status --no-pager msgqd | grep -q 'REFUSED: service.outbox_capacity cannot change'
    reload_is_refused '[queue]\nmode = "0666"\ngroup = "no-such-group"\n'
    reload_is_refused '[queue]\nmode = "0666"\nmax_bytes = 2000000000\n'
    inside systemctl reload msgqd
    refute inside sh -c 'systemctl status --no-pager msgqd | grep REFUSED'
}

# reload_is_refused CONFIGURATION: the command fails, and process and queue are as before.
reload_is_refused() {
    local before line reloaded=0
    before=$(main_pid)
    line=$(queue_line | awk '{ print $2, $3, $8, $9 }')
    inside cp --preserve /etc/msgqd/msgqd.toml /root/configuration
    inside sh -c 'printf "$1" >/etc/msgqd/msgqd.toml' sh "$1"
    inside systemctl reload msgqd || reloaded=$?
    inside cp --preserve /root/configuration /etc/msgqd/msgqd.toml
    [ "$reloaded" -ne 0 ]
    [ "$(main_pid)" = "$before" ]
    [ "$(queue_line | awk '{ print $2, $3, $8, $9 }')" = "$line" ]
    is_answered
}

a_reinstallation_leaves_a_serving_daemon() {
    local before
    before=$(main_pid)
    inside apt-get install --yes --reinstall "/packages/$(basename "$package")"
    [ "$(inside systemctl is-active msgqd)" = active ]
    answers_with_another_pid_than "$before"
}
