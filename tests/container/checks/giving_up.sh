# A server that systemd no longer starts again.

checks_of_giving_up() {
    check when_systemd_gives_up_every_client_hears_of_it
    check with_on_failure_keep_what_was_in_hand_and_what_waits_is_answered_after_the_next_start
    as_shipped
}

# A death within a minute of the start is one too many.
with_a_low_start_limit() {
    drop_in $'[Unit]\nStartLimitIntervalSec=60\nStartLimitBurst=1'
    inside systemctl reset-failed msgqd
    inside systemctl restart msgqd
}

is_given_up() {
    [ "$(property ActiveState)" = failed ] && journal_says 'Start request repeated too quickly'
}

when_systemd_gives_up_every_client_hears_of_it() {
    as_shipped
    with_a_low_start_limit
    journal_mark
    clients_start
    inside kill -KILL "$(main_pid)"
    clients_have_heard 20
    wait_until 60 is_given_up
    queue_is_gone
    journal_says 'the service failed: removed queue 0x12345678 '
    no_drop_in
    start_service
    is_answered
}

# asks TEXT: a client that asks and writes its answer to a file of that name.
asks() {
    inside sh -c 'timeout 80 msgqctl send --timeout 70 "$1" >"/root/$1" 2>&1; echo "exit $?" >>"/root/$1"' sh "$1" &
}

was_answered() {
    inside cat "/root/$1"
    [ "$(inside cat "/root/$1")" = "Processed: $1
exit 0" ]
}

one_is_in_hand_and_one_waits() {
    inside msgqctl --json stat | grep -q '^ *"in_hand": \[$' && [ "$(queue_line | awk '{ print $5 }')" = 1 ]
}

# With a handler that takes its time, a request is in hand as long as the check needs that.
with_on_failure_keep_what_was_in_hand_and_what_waits_is_answered_after_the_next_start() {
    as_shipped
    inside sh -c 'printf "%s\n" "[queue]" "group = \"msgq\"" "[service]" "on_failure = \"keep\"" "[handler]" \
        "kind = \"exec\"" "command = [\"/bin/sleep\", \"600\"]" "max_concurrency = 1" >/etc/msgqd/msgqd.toml'
    with_a_low_start_limit
    journal_mark
    asks first
    asks second
    wait_until 30 one_is_in_hand_and_one_waits
    inside kill -KILL "$(main_pid)"
    wait_until 60 is_given_up
    wait_until 60 journal_says 'the service failed; queue 0x12345678 stays'
    has_queue
    inside msgqctl stat | grep -q '^verdict       down: '
    no_drop_in
    inside cp --preserve /root/shipped.toml /etc/msgqd/msgqd.toml
    start_service
    wait
    was_answered first
    was_answered second
    journal_says 'recovered what an earlier server had in hand: 1 run again'
}
