# What is left after `apt remove` and `apt purge`.

checks_of_removal() {
    check apt_remove_stops_the_daemon_and_the_queue_is_gone
    check apt_remove_keeps_the_configuration
    check apt_purge_leaves_no_file_behind
    check the_machine_is_as_it_was_before_the_installation
    check apt_purge_keeps_the_accounts_so_that_their_numbers_are_not_given_away
    check installed_again_it_serves_and_purged_again_it_leaves_nothing
}

apt_remove_stops_the_daemon_and_the_queue_is_gone() {
    local pid
    # A queue that a stop kept goes too.
    inside sed -i 's/^#\?on_stop = .*/on_stop = "keep"/' /etc/msgqd/msgqd.toml
    inside systemctl restart msgqd
    pid=$(main_pid)
    has_queue
    inside systemctl kill --signal=KILL msgqd
    wait_until 30 is_answered
    inside sh -c 'mkdir -p /dev/shm/msgqd-$(id -u msgqd)'
    inside apt-get remove --yes msgqd
    queue_is_gone
    refute inside test -e "/proc/$pid"
    refute inside systemctl is-active msgqd
}

apt_remove_keeps_the_configuration() {
    inside test -f /etc/msgqd/msgqd.toml
}

apt_purge_leaves_no_file_behind() {
    # An administrator's files stay; these are of checks.
    inside sh -c 'rm -f /etc/msgqd/msgqd.d/*.toml'
    inside apt-get purge --yes msgqd
    nothing_is_named_after_the_package
}

nothing_is_named_after_the_package() {
    local left
    # man keeps pages that were read in a cache of its own, and clears it by itself.
    left=$(inside find / /run /dev/shm /tmp -xdev -name '*msgq*' -not -path '/packages/*' -not -path '/earlier/*' \
        -not -path '/var/cache/man/*')
    [ -z "$left" ] || fail "left behind: $left"
    left=$(inside systemctl list-unit-files --no-legend 'msgqd*' || true)
    [ -z "$left" ] || fail "systemd still has: $left"
}

apt_purge_keeps_the_accounts_so_that_their_numbers_are_not_given_away() {
    inside getent passwd msgqd
    inside getent group msgq
}

# Everything that an installation could leave, each file with its size where that tells something.
note_the_machine() {
    # What the system itself writes all the time, the books of dpkg, and what man and the linker look up quicker with.
    inside find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /root -o -path /packages -o -path /earlier \
        -o -path /var/log -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/systemd/timers \
        -o -path /var/lib/systemd/catalog -o -path /var/tmp -o -path /var/lib/private -o -path /home \) -prune -o -print |
        grep -v -e '-$' -e '^/etc/\.pwd\.lock$' | sort
    inside find /etc/ld.so.cache /etc/passwd /etc/group /etc/shadow /etc/gshadow -printf '%p\n'
    inside cat /proc/sysvipc/msg | tail -n +2
    inside find /run /dev/shm -maxdepth 1 | sort
    inside systemctl list-units --all --plain --no-legend 'msgqd*'
    inside systemctl list-unit-files --no-legend 'msgqd*'
    inside dpkg-query --list | awk '$2 ~ /msgq/'
}

the_machine_is_as_it_was_before_the_installation() {
    local changes
    if [ ! -f "$machine_place.before" ]; then
        echo "not shown: what an installation leaves, as the package was installed before the checks began"
        return
    fi
    changes=$(note_the_machine | diff "$machine_place.before" - | grep '^[<>]' || true)
    [ -z "$changes" ] || fail "$changes"
}

installed_again_it_serves_and_purged_again_it_leaves_nothing() {
    apt_installs_the_package
    [ "$(inside systemctl is-active msgqd)" = active ]
    is_answered
    inside apt-get purge --yes msgqd
    queue_is_gone
    nothing_is_named_after_the_package
    the_machine_is_as_it_was_before_the_installation
}
