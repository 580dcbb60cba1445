# A server that is replaced by the next: clients that do not notice, or are told, as on_stop says.

checks_of_handing_over() {
    check with_on_stop_keep_clients_do_not_notice_restarts
    check with_on_stop_keep_clients_do_not_notice_an_upgrade
    check with_on_stop_remove_every_client_hears_of_a_restart
    as_shipped
}

msqid() {
    queue_line | awk '{ print $2 }'
}

# More clients than messages that fit into the queue, so that some wait for an answer and some for room.
with_on_stop_keep_clients_do_not_notice_restarts() {
    as_shipped
    drop_in $'[Unit]\nStartLimitIntervalSec=0'
    configure on_stop keep
    local round before queue
    queue=$(msqid)
    clients_start 100
    for round in 1 2 3 4 5; do
        before=$(main_pid)
        inside systemctl restart msgqd
        answers_with_another_pid_than "$before"
        [ "$(msqid)" = "$queue" ]
        clients_go_on
    done
    clients_have_noticed_nothing
}

# The same package under a higher version.
make_the_next_version() {
    inside dpkg-deb --raw-extract "/packages/$(basename "$package")" /root/next
    inside sed -i 's/^Version: .*/&+next/' /root/next/DEBIAN/control
    inside dpkg-deb --build --root-owner-group /root/next /root/next.deb
    inside rm -rf /root/next
}

version() {
    inside dpkg-query --show --showformat '${Version}' msgqd
}

with_on_stop_keep_clients_do_not_notice_an_upgrade() {
    as_shipped
    make_the_next_version
    configure on_stop keep
    local before version queue
    before=$(main_pid)
    version=$(version)
    queue=$(msqid)
    clients_start
    inside apt-get install --yes /root/next.deb
    [ "$(version)" = "$version+next" ]
    answers_with_another_pid_than "$before"
    [ "$(msqid)" = "$queue" ]
    clients_go_on
    clients_have_noticed_nothing
}

with_on_stop_remove_every_client_hears_of_a_restart() {
    as_shipped
    local queue
    queue=$(msqid)
    clients_start 100
    inside systemctl restart msgqd
    clients_have_heard 100
    [ "$(msqid)" != "$queue" ]
    is_answered
}
