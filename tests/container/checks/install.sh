# What stands there after `apt install`.

checks_of_installation() {
    note_the_machine >"$machine_place.before"
    check apt_installs_the_package
    check the_service_is_enabled_and_active_after_installation
    check status_says_what_is_served
    check the_shipped_configuration_is_good_and_a_conffile
    check the_unit_gives_systemd_nothing_to_complain_about
    check the_unit_is_exposed_to_nothing_that_it_does_not_need
    check the_daemon_runs_confined_as_its_own_user
    check every_man_page_is_found_and_formats_without_a_warning
    check completions_are_there_for_bash_zsh_and_fish
}

apt_installs_the_package() {
    inside apt-get install --yes --no-install-recommends "/packages/$(basename "$package")"
}

the_service_is_enabled_and_active_after_installation() {
    [ "$(inside systemctl is-enabled msgqd)" = enabled ]
    [ "$(inside systemctl is-active msgqd)" = active ]
}

status_says_what_is_served() {
    inside systemctl status --no-pager msgqd | tee /dev/stderr | grep -q 'Status: "Serving queue 0x12345678'
}

the_shipped_configuration_is_good_and_a_conffile() {
    [ "$(inside msgqd --config /etc/msgqd/msgqd.toml --check-config)" = "/etc/msgqd/msgqd.toml: ok" ]
    inside dpkg-query --show --showformat '${Conffiles}\n' msgqd | grep -q '^ /etc/msgqd/msgqd.toml '
}

# verify says what it dislikes, and still succeeds.
the_unit_gives_systemd_nothing_to_complain_about() {
    local complaints
    complaints=$(inside systemd-analyze verify --man=yes msgqd.service msgqd-failed.service \
        msgqd@x.service msgqd-failed@x.service msgqd.target 2>&1)
    [ -z "$complaints" ] || fail "$complaints"
}

# 0.4 of 10: msgqd.service says of each line that systemd counts why it stays. The threshold is in tenths.
the_unit_is_exposed_to_nothing_that_it_does_not_need() {
    inside systemd-analyze security --no-pager --threshold=4 msgqd.service
    inside systemd-analyze security --no-pager --threshold=4 msgqd-failed.service
}

the_daemon_runs_confined_as_its_own_user() {
    local status limit
    status=$(inside cat "/proc/$(main_pid)/status")
    echo "$status"
    [ "$(inside ps -o user=,group= -p "$(main_pid)" | tr -s ' ')" = "msgqd msgq" ]
    grep -qP '^CapEff:\t0+$' <<<"$status"
    grep -qP '^NoNewPrivs:\t1$' <<<"$status"
    grep -qP '^Seccomp:\t2$' <<<"$status"
    grep -qP "^VmLck:\\s+[1-9]" <<<"$status"
    limit=$(inside sed -n 's/^LimitNOFILE=//p' /lib/systemd/system/msgqd.service)
    inside grep -qP "^Max open files +$limit +$limit " "/proc/$(main_pid)/limits"
    [ "$(inside stat --format '%a %U' /var/lib/msgqd)" = "700 msgqd" ]
}

every_man_page_is_found_and_formats_without_a_warning() {
    local page complaints
    for page in 8:msgqd 1:msgqctl 1:msgqctl-stat 1:msgqctl-doctor 1:msgqctl-purge 1:msgqctl-restore 1:msgqctl-send 1:msgqctl-completions 1:msgqctl-dead-retry \
        5:msgqd.toml 7:msgqd-protocol; do
        inside man -w "${page%%:*}" "${page#*:}"
        complaints=$(inside man --warnings --encoding=UTF-8 "${page%%:*}" "${page#*:}" 2>&1 >/dev/null)
        [ -z "$complaints" ] || fail "$page: $complaints"
    done
}

completions_are_there_for_bash_zsh_and_fish() {
    local program
    for program in msgqd msgqctl; do
        inside bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader "$1"; complete -p "$1"' \
            bash "$program"
        inside grep -q "^#compdef $program" "/usr/share/zsh/vendor-completions/_$program"
        inside grep -qE "^complete .*(-c|--command) $program( |\$)" "/usr/share/fish/vendor_completions.d/$program.fish"
    done
}
