# From each earlier build, one of each layout of the table, to this one and back, and what an upgrade leaves.

checks_of_upgrades() {
    local earlier
    inside dpkg --purge msgqd >/dev/null 2>&1
    # The index of man pages is made anew at each change of packages, which takes longer than all else here.
    inside rm -f /var/lib/man-db/auto-update
    for earlier in $(cd "$fixtures" && ls msgqd_*.deb); do
        # Ubuntu's and Debian's scripts are the same, so the newest is enough there.
        [ "$release" != noble ] || [ "$earlier" = "$(newest_earlier)" ] || continue
        check twenty_clients_do_not_notice_the_upgrade_from "$earlier"
        check after_the_upgrade_a_stop_removes_the_queue_again_from "$earlier"
        check twenty_clients_do_not_notice_the_downgrade_to "$earlier"
    done
    check an_upgrade_that_fails_and_is_taken_back_is_not_noticed
    check where_a_policy_forbids_restarts_the_old_server_serves_on_and_no_note_is_left
    check an_upgrade_does_not_write_where_the_service_user_put_a_link
    check an_upgrade_that_asks_about_an_edited_file_leaves_the_server_running_and_can_be_finished
    check a_drop_in_of_the_configuration_asks_nothing_and_stays
    check an_upgrade_ends_where_the_configuration_no_longer_starts
    check what_is_new_is_where_administrators_are_told_it
    check a_purge_after_upgrades_leaves_nothing
}

# with_earlier PACKAGE: that build serves, as just installed, with the default on_stop.
with_earlier() {
    inside dpkg --purge msgqd
    inside apt-get install --yes --no-install-recommends "/earlier/$1"
    wait_until 30 is_answered
}

newest_earlier() {
    (cd "$fixtures" && ls msgqd_*.deb | sort | tail -n 1)
}

upgrade() {
    inside apt-get install --yes --no-install-recommends "$@" "/packages/$(basename "$package")" </dev/null
}

no_note_is_left() {
    refute inside test -e /run/msgqd/keep-queue-once
}

# changes_without_notice COMMAND...: clients run, the command replaces the server, and nothing is lost.
changes_without_notice() {
    local before msqid
    before=$(main_pid)
    msqid=$(queue_line | awk '{ print $2 }')
    clients_start
    # The starts of the check before count against the limit.
    inside systemctl reset-failed msgqd
    "$@"
    wait_until 30 answers_with_another_pid_than "$before"
    sleep 1
    clients_lost_nothing
    [ "$(queue_line | awk '{ print $2 }')" = "$msqid" ]
    no_note_is_left
}

twenty_clients_do_not_notice_the_upgrade_from() {
    with_earlier "$1"
    changes_without_notice upgrade
    refute journal --unit=msgqd --output=cat --since=-1min --grep='(if anything,|in hand) is lost'
}

after_the_upgrade_a_stop_removes_the_queue_again_from() {
    has_queue
    inside systemctl stop msgqd
    queue_is_gone
    start_service
}

twenty_clients_do_not_notice_the_downgrade_to() {
    changes_without_notice inside apt-get install --yes --allow-downgrades "/earlier/$1"
    [ "$(inside dpkg-query --show --showformat '${Version}' msgqd)" != "$(dpkg-deb --field "$package" Version)" ]
}

# variant VERSION SCRIPT: today's package with another version and a line at the beginning of its preinst.
variant() {
    local place
    place=$(mktemp -d)
    dpkg-deb --raw-extract "$package" "$place"
    sed -i "s/^Version: .*/Version: $1/" "$place/DEBIAN/control"
    printf '#!/bin/sh\n%s\n' "$2" >"$place/DEBIAN/preinst"
    chmod 755 "$place/DEBIAN/preinst"
    dpkg-deb --root-owner-group -Znone --build "$place" "$place.deb" >&2
    inside sh -c 'cat >/root/variant.deb' <"$place.deb"
    rm -rf "$place" "$place.deb"
}

# dpkg runs the postinst of what is installed with abort-upgrade, and that restarts the server.
an_upgrade_that_fails_and_is_taken_back_is_not_noticed() {
    local failed=0
    with_earlier "$(newest_earlier)"
    upgrade
    variant 9.0-1 'exit 1'
    fails_to_install() {
        inside apt-get install --yes /root/variant.deb || failed=$?
    }
    changes_without_notice fails_to_install
    [ "$failed" -ne 0 ]
    [ "$(inside dpkg-query --show --showformat '${db:Status-Status}' msgqd)" = installed ]
}

where_a_policy_forbids_restarts_the_old_server_serves_on_and_no_note_is_left() {
    local before
    with_earlier "$(newest_earlier)"
    before=$(main_pid)
    clients_start
    inside sh -c 'printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d'
    local upgraded=0
    upgrade || upgraded=$?
    inside rm /usr/sbin/policy-rc.d
    clients_lost_nothing
    [ "$upgraded" -eq 0 ]
    [ "$(main_pid)" = "$before" ]
    no_note_is_left
    inside systemctl stop msgqd
    queue_is_gone
    start_service
}

an_upgrade_does_not_write_where_the_service_user_put_a_link() {
    with_earlier "$(newest_earlier)"
    inside sh -c 'echo precious >/root/precious'
    as msgqd ln -s /root/precious /run/msgqd/keep-queue-once
    upgrade
    [ "$(inside cat /root/precious)" = precious ]
    is_answered
}

# dpkg asks, and nobody answers.
an_upgrade_that_asks_about_an_edited_file_leaves_the_server_running_and_can_be_finished() {
    with_earlier "$(newest_earlier)"
    inside sh -c 'echo "# edited" >>/etc/msgqd/msgqd.toml'
    changes_without_notice upgrade_in_two_steps
    [ "$(inside tail -n 1 /etc/msgqd/msgqd.toml)" = "# edited" ]
    inside test -f /etc/msgqd/msgqd.toml.dpkg-dist
}

upgrade_in_two_steps() {
    local before
    before=$(main_pid)
    if upgrade; then
        fail "dpkg asked nothing"
    fi
    [ "$(main_pid)" = "$before" ]
    is_answered
    inside dpkg --force-confold --configure msgqd
}

a_drop_in_of_the_configuration_asks_nothing_and_stays() {
    with_earlier "$(newest_earlier)"
    inside mkdir -p /etc/msgqd/msgqd.d
    inside sh -c 'printf "[queue]\nmode = \"0600\"\n" >/etc/msgqd/msgqd.d/local.toml'
    changes_without_notice upgrade
    [ "$(inside cat /etc/msgqd/msgqd.d/local.toml | tail -n 1)" = 'mode = "0600"' ]
    [ "$(queue_line | awk '{ print $3 }')" = 600 ]
    upgrade --reinstall
    [ "$(queue_line | awk '{ print $3 }')" = 600 ]
    inside rm /etc/msgqd/msgqd.d/local.toml
}

# Clients hear of it in place of waiting for ever, and dpkg is through.
an_upgrade_ends_where_the_configuration_no_longer_starts() {
    with_earlier "$(newest_earlier)"
    inside sh -c 'echo "no_such_setting = 1" >>/etc/msgqd/msgqd.toml'
    upgrade --option Dpkg::Options::=--force-confold
    wait_until 60 has_failed
    wait_until 60 queue_is_gone
    inside sed -i '$d' /etc/msgqd/msgqd.toml
    start_service
    is_answered
}

# apt-listchanges shows what is newer than the installed version.
what_is_new_is_where_administrators_are_told_it() {
    local version
    version=$(dpkg-deb --field "$package" Version)
    inside zcat /usr/share/doc/msgqd/NEWS.Debian.gz | head -n 1 | grep -q "^msgqd ($version) "
}

a_purge_after_upgrades_leaves_nothing() {
    # What a check that failed left behind.
    inside rm -f /etc/msgqd/msgqd.d/local.toml
    inside dpkg --purge msgqd
    queue_is_gone
    nothing_is_named_after_the_package
}
