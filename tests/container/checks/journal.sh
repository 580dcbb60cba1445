# What reaches the journal.

checks_of_the_journal() {
    check the_line_about_serving_has_priority_info
    check a_failed_start_is_not_active_and_has_priority_error
    check no_line_carries_a_prefix_or_a_time_of_its_own
}

# journal_has PRIORITY PATTERN: a line of the daemon with that priority and that text. Not asked by unit: on a busy machine the
# journal does not always find that of a process that has ended.
journal_has() {
    journal --output json --output-fields PRIORITY,MESSAGE SYSLOG_IDENTIFIER=msgqd |
        grep -F "\"PRIORITY\":\"$1\"" | grep -q "$2"
}

the_line_about_serving_has_priority_info() {
    journal_has 6 '"MESSAGE":"serving queue 0x12345678 '
}

# A queue of a stranger under the same key: the daemon cannot serve, so systemd must never see it ready.
a_failed_start_is_not_active_and_has_priority_error() {
    inside systemctl stop msgqd
    as stranger perl -e 'defined msgget(0x12345678, 01644) or die "msgget: $!"'
    drop_in $'[Service]\nRestart=no'
    local started=0
    inside systemctl start msgqd || started=$?
    local state
    state=$(inside systemctl is-active msgqd || true)
    inside ipcrm -Q 0x12345678
    no_drop_in
    start_service
    [ "$started" -ne 0 ]
    [ "$state" = failed ]
    journal_has 3 'belongs to stranger'
}

no_line_carries_a_prefix_or_a_time_of_its_own() {
    local lines
    lines=$(journal --unit msgqd --output cat SYSLOG_IDENTIFIER=msgqd)
    [ -n "$lines" ]
    refute grep -P '^<[0-7]>|^\[?\d{4}-\d{2}-\d{2}|^\d{2}:\d{2}' <<<"$lines"
}
