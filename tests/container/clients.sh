# Clients in closed loops in the container (tests/clients/chaos.c), and what each of them met. They are members of the
# group, since root is not kept out of a queue that is being closed. An answer that takes half a minute counts as lost.

clients_install() {
    inside sh -c 'cat >/usr/local/bin/chaos && chmod 755 /usr/local/bin/chaos' <"$target/container/chaos"
}

# clients_start [HOW MANY]
clients_start() {
    clients_stop
    local before
    before=$(served)
    # The shell outlives the stop, to say how the clients ended.
    inside systemd-run --quiet --collect --unit=chaos --uid=member --service-type=exec \
        --property=TimeoutStopSec=60 --property=StandardOutput=truncate:/root/clients --property=StandardError=inherit \
        /bin/sh -c "trap : TERM; if chaos 0x12345678 ${1:-20} 30; then echo ended well; else echo ended with an error; fi"
    wait_until 30 serves_more_than $((before + 100))
}

clients_stop() {
    inside systemctl stop chaos 2>/dev/null || true
    wait_until 30 clients_are_forgotten
}

clients_are_forgotten() {
    [ "$(inside systemctl show --property=LoadState --value chaos)" = not-found ]
}

# The number of requests that the present daemon has finished.
served() {
    inside msgqctl --json stat | sed -n 's/^ *"served": \([0-9]*\),$/\1/p'
}

serves_more_than() {
    local now
    now=$(served)
    [ -n "$now" ] && [ "$now" -gt "$1" ]
}

# The clients are alive, and asking.
clients_go_on() {
    local now
    is_answered
    now=$(served)
    wait_until 30 serves_more_than $((now + 100))
}

# Ends the clients: each has got every answer once, and the right one, and none has met an error.
clients_have_noticed_nothing() {
    clients_stop
    inside cat /root/clients
    inside grep -q '^ended well$' /root/clients
    refute inside grep -q '^msg' /root/clients
    inside awk '/^requests / { sum = $0; good = $2 > 500 && $4 == $2 && $6 == 0 && $8 == 0 && $10 == 0 }
        END { print "shown: " sum; exit !good }' /root/clients
}

# clients_have_heard HOW MANY: each has ended with an error of the queue, instead of an answer that never comes. EIDRM for
# those who were waiting when it was removed, EINVAL for those who came a moment later, EACCES while it is being closed.
clients_have_heard() {
    wait_until 60 clients_have_ended
    inside cat /root/clients
    local heard
    heard=$(inside grep -c -E '^(msgrcv: (EIDRM|EINVAL)|msgsnd: (EIDRM|EINVAL|EACCES))$' /root/clients)
    [ "$heard" -eq "$1" ]
    inside grep -q -E ' wrong 0 lost 0 extra 0$' /root/clients
    echo "shown: $(inside grep '^msg' /root/clients | sort | uniq -c | tr -s ' \n' ' ')"
}

clients_have_ended() {
    inside grep -q '^ended ' /root/clients
}
