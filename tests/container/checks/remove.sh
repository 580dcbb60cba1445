# What is left after `apt remove` and `apt purge`.

checks_of_removal() {
    check apt_remove_stops_the_daemon_and_the_queue_is_gone
    check apt_remove_keeps_the_configuration
    check apt_purge_leaves_no_file_behind
    check apt_purge_keeps_the_accounts_so_that_their_numbers_are_not_given_away
}

apt_remove_stops_the_daemon_and_the_queue_is_gone() {
    local pid
    # A queue that a stop kept goes too.
    inside sed -i 's/^#\?on_stop = .*/on_stop = "keep"/' /etc/msgqd/msgqd.toml
    inside systemctl restart msgqd
    pid=$(main_pid)
    has_queue
    inside apt-get remove --yes msgqd
    queue_is_gone
    refute inside test -e "/proc/$pid"
    refute inside systemctl is-active msgqd
}

apt_remove_keeps_the_configuration() {
    inside test -f /etc/msgqd/msgqd.toml
}

apt_purge_leaves_no_file_behind() {
    inside apt-get purge --yes msgqd
    local left
    # man keeps pages that were read in a cache of its own, and clears it by itself.
    left=$(inside find / /run /dev/shm /tmp -xdev -name '*msgq*' -not -path '/packages/*' -not -path '/var/cache/man/*')
    [ -z "$left" ] || fail "left behind: $left"
    left=$(inside systemctl list-unit-files --no-legend 'msgqd*' || true)
    [ -z "$left" ] || fail "systemd still has: $left"
}

apt_purge_keeps_the_accounts_so_that_their_numbers_are_not_given_away() {
    inside getent passwd msgqd
    inside getent group msgq
}
