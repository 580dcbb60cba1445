# Settings in files of one's own, and limits of the unit that are too small for them.

checks_of_settings() {
    check settings_of_ones_own_come_after_the_packaged_file_and_leave_it_as_it_is
    check an_error_in_such_a_file_fails_the_reload_and_names_the_file
    check a_limit_that_may_be_too_small_is_told_with_the_line_for_systemctl_edit
    check doctor_fix_changes_nothing_where_the_limits_are_somebody_elses
}

# own_settings TEXT: for one check; without a text they end.
own_settings() {
    if [ $# -gt 0 ]; then
        inside sh -c 'printf "$1" >/etc/msgqd/msgqd.d/50-own.toml' sh "$1"
    else
        inside rm /etc/msgqd/msgqd.d/50-own.toml
    fi
}

queue_size() {
    inside msgqctl --json stat | grep -oE '"max_bytes": ?[0-9]+' | head -n 1 | grep -oE '[0-9]+'
}

settings_of_ones_own_come_after_the_packaged_file_and_leave_it_as_it_is() {
    local before
    start_service
    before=$(queue_size)
    own_settings '[queue]\nmax_bytes = "8K"\n'
    inside msgqd --check-config | grep -q '^/etc/msgqd/msgqd.toml, with /etc/msgqd/msgqd.d/50-own.toml: ok$'
    inside systemctl reload msgqd
    [ "$(queue_size)" = 8192 ]
    [ -z "$(inside dpkg --verify msgqd)" ]
    own_settings
    inside systemctl reload msgqd
    [ "$(queue_size)" = "$before" ]
}

an_error_in_such_a_file_fails_the_reload_and_names_the_file() {
    start_service
    own_settings '[queue]\nmode = "0660"\nno_such_setting = 1\n'
    refute inside systemctl reload msgqd
    own_settings
    journal --output=cat SYSLOG_IDENTIFIER=msgqd | grep -q '/etc/msgqd/msgqd.d/50-own.toml:3:1'
    is_answered
    inside systemctl reload msgqd
}

a_limit_that_may_be_too_small_is_told_with_the_line_for_systemctl_edit() {
    local told
    own_settings '[handler]\nkind = "exec"\ncommand = ["/bin/cat"]\nmax_concurrency = 200\n'
    drop_in $'[Service]\nLimitNOFILE=1000'
    inside systemctl restart msgqd
    told=$(journal --unit=msgqd --output=cat --lines=20)
    no_drop_in
    own_settings
    inside systemctl restart msgqd
    is_answered
    grep -q 'may have 1000: write LimitNOFILE=1664 below \[Service\] with `systemctl edit msgqd.service`' <<<"$told" || fail "$told"
}

# nspawn has /proc/sys read-only, as runtimes of containers do.
doctor_fix_changes_nothing_where_the_limits_are_somebody_elses() {
    own_settings '[queue]\nmax_bytes = "1M"\n'
    inside sh -c 'msgqctl doctor --fix --yes 2>&1; echo "code $?"' >"$machine_place.fix"
    own_settings
    grep -q '/proc/sys is read-only here, so nothing was changed' "$machine_place.fix"
    grep -q '^code 6$' "$machine_place.fix"
    refute inside test -e /etc/sysctl.d/60-msgqd.conf
}
