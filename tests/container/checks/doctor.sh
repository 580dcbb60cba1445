# What msgqctl doctor says of a real systemd, logind and dpkg, and that its commands mend what it found.

checks_of_the_doctor() {
    check doctor_finds_nothing_to_complain_about_after_installation
    check doctor_tells_a_member_of_the_group_what_it_could_not_check
    check doctor_says_that_the_unit_is_not_running
    check doctor_says_that_the_unit_has_failed_and_the_command_starts_it
    check doctor_says_that_the_unit_is_disabled_or_masked
    check doctor_finds_the_daemon_in_an_ipc_namespace_of_its_own
    check doctor_finds_settings_that_delete_the_queue_before_they_do
    check doctor_says_that_systemd_has_not_read_the_unit
    check doctor_says_that_the_program_was_replaced_on_disk
    check doctor_says_that_the_package_has_another_version
    check doctor_says_that_logind_removes_the_queue_of_an_ordinary_user
}

# What doctor says of the service, in one line. Succeeds, so that a check can put things right before it reads that.
diagnosis() {
    inside msgqctl doctor | tr -s '\n ' ' '
}

# says DIAGNOSIS TEXT...: all of these stand in it.
says() {
    local said=$1 text
    shift
    for text in "$@"; do
        grep -qF -- "$text" <<<"$said" || fail "\"$text\" is missing in: $said"
    done
}

is_well() {
    inside msgqctl doctor
}

doctor_finds_nothing_to_complain_about_after_installation() {
    start_service
    local said
    said=$(is_well)
    echo "$said"
    says "$(tr -s '\n ' ' ' <<<"$said")" '0 problems, 0 warnings' ', 0 not checked' 'PrivateIPC= of the unit' \
        'state of the unit, start at boot' 'version of the package'
    refute grep -q '^not needed.*of the unit' <<<"$said"
}

doctor_tells_a_member_of_the_group_what_it_could_not_check() {
    local said
    said=$(expect_exit 1 as member msgqctl doctor)
    says "$(tr -s '\n ' ' ' <<<"$said")" '0 problems, 0 warnings' 'not checked other programs on the queue' 'program on disk: which file PID'
}

doctor_says_that_the_unit_is_not_running() {
    inside systemctl stop msgqd
    local said ended=0
    inside msgqctl doctor >/dev/null || ended=$?
    said=$(diagnosis)
    start_service
    [ "$ended" -eq 1 ]
    says "$said" 'problem nobody serves queue 0x12345678' 'problem msgqd.service is not running' \
        'mend systemctl start msgqd.service'
    is_well
}

# What OnFailure= starts has ended too.
has_failed_and_told_its_clients() {
    [ "$(property ActiveState)" = failed ] && [ "$(inside systemctl show --property ActiveState --value msgqd-failed)" = inactive ]
}

doctor_says_that_the_unit_has_failed_and_the_command_starts_it() {
    drop_in $'[Service]\nRestart=no'
    start_service
    inside kill -KILL "$(main_pid)"
    wait_until 60 has_failed_and_told_its_clients
    local said
    said=$(diagnosis)
    no_drop_in
    says "$said" 'problem msgqd.service has failed (signal)' 'journalctl -u msgqd.service -n 20 --no-pager' \
        'systemctl reset-failed msgqd.service && systemctl start msgqd.service'
    inside sh -c 'systemctl reset-failed msgqd.service && systemctl start msgqd.service'
    is_well
}

doctor_says_that_the_unit_is_disabled_or_masked() {
    inside systemctl disable msgqd
    local disabled masked
    disabled=$(diagnosis)
    inside systemctl stop msgqd
    inside systemctl mask msgqd
    masked=$(diagnosis)
    inside sh -c 'systemctl unmask msgqd.service; systemctl enable msgqd.service'
    start_service
    says "$disabled" 'warning msgqd.service is disabled' 'systemctl enable msgqd.service' '0 problems, 1 warning'
    says "$masked" 'problem msgqd.service is masked' 'systemctl unmask msgqd.service && systemctl start msgqd.service'
    is_well
}

doctor_finds_the_daemon_in_an_ipc_namespace_of_its_own() {
    inside systemctl stop msgqd
    drop_in $'[Service]\nPrivateIPC=yes'
    start_service
    local said directory=/etc/systemd/system/msgqd.service.d
    said=$(diagnosis)
    says "$said" "problem a msgqd (PID $(main_pid)) serves queue 0x12345678 in IPC namespace" 'nsenter --target' \
        'problem msgqd.service has PrivateIPC=yes, from /run/systemd/system/msgqd.service.d/test.conf' \
        "mkdir -p $directory && printf '[Service]\\nPrivateIPC=no\\n' > $directory/zz-privateipc.conf"
    inside sh -c "mkdir -p $directory && printf '[Service]\\nPrivateIPC=no\\n' > $directory/zz-privateipc.conf"
    inside sh -c 'systemctl daemon-reload && systemctl restart msgqd.service'
    local mended=0
    is_well || mended=$?
    inside rm -r "$directory"
    no_drop_in
    [ "$mended" -eq 0 ]
    is_well
}

doctor_finds_settings_that_delete_the_queue_before_they_do() {
    drop_in $'[Service]\nRemoveIPC=yes'
    local removes dynamic
    removes=$(diagnosis)
    drop_in $'[Service]\nDynamicUser=yes'
    dynamic=$(diagnosis)
    no_drop_in
    says "$removes" 'problem msgqd.service has RemoveIPC=yes, from /run/systemd/system/msgqd.service.d/test.conf' \
        'systemd deletes the queue at every stop'
    says "$dynamic" 'problem msgqd.service has DynamicUser=yes, from' 'another number after a restart'
    is_well
}

doctor_says_that_systemd_has_not_read_the_unit() {
    drop_in $'[Service]\nNice=4'
    inside sh -c 'printf "[Service]\nNice=5\n" >/run/systemd/system/msgqd.service.d/test.conf'
    local said
    said=$(diagnosis)
    no_drop_in
    says "$said" 'warning the files of msgqd.service were changed after systemd read them' \
        'systemctl daemon-reload && systemctl restart msgqd.service'
    is_well
}

doctor_says_that_the_program_was_replaced_on_disk() {
    inside cp -p /usr/sbin/msgqd /usr/sbin/msgqd.new
    inside mv /usr/sbin/msgqd.new /usr/sbin/msgqd
    says "$(diagnosis)" 'runs a program that was replaced on disk: /usr/sbin/msgqd' \
        'mend systemctl restart msgqd.service' '0 problems, 1 warning'
    inside systemctl restart msgqd.service
    is_well
}

# As after an upgrade whose restart was put off.
doctor_says_that_the_package_has_another_version() {
    inside cp -p /var/lib/dpkg/status /root/status
    inside sed -i '/^Package: msgqd$/,/^$/s/^Version: .*/Version: 9.8.7-1/' /var/lib/dpkg/status
    local said
    said=$(diagnosis)
    inside mv /root/status /var/lib/dpkg/status
    says "$said" 'warning the package has version 9.8.7-1, and the daemon runs' 'only after a restart'
    is_well
}

serves_for_a_member() {
    inside msgqctl --key 0x6d656d62 --json stat
}

doctor_says_that_logind_removes_the_queue_of_an_ordinary_user() {
    inside systemd-run --quiet --collect --unit=by-hand --uid=member --setenv=RUNTIME_DIRECTORY=/dev/shm/by-hand \
        /usr/sbin/msgqd --config /dev/null --key 0x6d656d62
    wait_until 30 serves_for_a_member
    local said
    said=$(inside env RUNTIME_DIRECTORY=/dev/shm/by-hand msgqctl --key 0x6d656d62 doctor | tr -s '\n ' ' ')
    inside systemctl stop by-hand
    inside rm -rf /dev/shm/by-hand
    says "$said" 'problem logind has RemoveIPC=yes (the default), and the queue belongs to member, an ordinary user' \
        "printf '[Login]\\nRemoveIPC=no\\n' > /etc/systemd/logind.conf.d/zz-msgqd.conf"
}
