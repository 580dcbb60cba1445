# The package msgqd-nats beside msgqd and Debian's NATS server, on Debian 12 alone. One machine has both ends: the queue of its
# clients, and another one (the instance `far`) whose server answers them over NATS.

checks_of_the_gateway() {
    gateway_package=$(ls -t "$(dirname "$package")"/msgqd-nats_*.deb 2>/dev/null | head -n 1)
    if [ -z "$gateway_package" ]; then
        echo "not shown: the gateway: there is no package msgqd-nats beside $package"
        return
    fi
    inside cp --preserve /etc/msgqd/msgqd.toml /root/msgqd.toml.shipped
    check apt_installs_the_gateway
    check without_a_route_nothing_starts_and_the_journal_says_why
    check the_units_of_the_gateway_give_systemd_nothing_to_complain_about
    check the_gateway_is_exposed_to_little_more_than_the_network
    check its_man_pages_are_found_and_format_without_a_warning
    check a_client_is_answered_over_nats_by_the_server_of_another_queue
    check the_gateway_runs_confined_as_its_own_user
    check every_route_is_found_whole_and_metrics_count_the_request
    check a_stop_lets_what_is_in_hand_be_answered_and_then_clients_are_told
    check a_killed_gateway_is_started_again
    check without_a_nats_server_it_runs_and_goes_on_when_there_is_one
    check systemd_makes_the_socket_of_a_route_and_starts_the_gateway_for_it
    check a_reinstallation_restarts_the_gateway_that_ran
    check a_purge_of_the_gateway_leaves_nothing
    without_the_gateway
}

# gateway_has SOCKET COMMAND: the routes near and far, and both servers, of which the one behind answers by the command.
gateway_has() {
    inside sh -c 'cat >/etc/msgqd/far.toml' <<END
[queue]
key = 0x6661
group = "msgq"
[handler]
kind = "exec"
command = ["/bin/sh", "-c", "$2"]
END
    inside sh -c 'cat >/etc/msgqd/msgqd.toml' <<END
[queue]
group = "msgq"
[handler]
kind = "unix"
socket = "$1"
timeout_ms = 20000
END
    # The shipped file, and its routes.
    inside sed -i '/^\[\[out\]\]/,$d' /etc/msgqd/nats.toml
    inside sh -c 'cat >>/etc/msgqd/nats.toml' <<END
[[out]]
name = "near"
socket = "$1"
config = "/etc/msgqd/msgqd.toml"
subject = "far.{host}"
[[in]]
name = "far"
subject = "far.*"
key = 0x6661
END
    inside mkdir -p /etc/systemd/system/msgqd.service.d
    inside cp /usr/share/doc/msgqd-nats/examples/join-gateway.conf /etc/systemd/system/msgqd.service.d/
    inside systemctl daemon-reload
    inside systemctl reset-failed
    inside systemctl restart msgqd@far
    inside systemctl restart msgqd-nats
    inside systemctl restart msgqd
}

without_the_gateway() {
    inside systemctl disable --now msgqd@far
    inside rm -rf /etc/msgqd/far.toml /run/msgqd/far /var/lib/msgqd/far /etc/systemd/system/msgqd.service.d
    inside mv /root/msgqd.toml.shipped /etc/msgqd/msgqd.toml
    inside systemctl daemon-reload
    inside systemctl restart msgqd
}

gateway_property() {
    inside systemctl show --property "$1" --value msgqd-nats
}

says() {
    [ "$(inside msgqctl send --timeout 10 hello)" = "$1" ]
}

apt_installs_the_gateway() {
    local complaints
    inside apt-get install --yes --no-install-recommends "/packages/$(basename "$gateway_package")"
    inside dpkg-query --show --showformat '${Conffiles}\n' msgqd-nats | grep -q '^ /etc/msgqd/nats.toml '
    complaints=$(inside dpkg --verify msgqd-nats | grep -v '^missing .*/usr/share/\(doc\|man\|locale\)/' || true)
    [ -z "$complaints" ] || fail "$complaints"
}

without_a_route_nothing_starts_and_the_journal_says_why() {
    [ "$(inside systemctl is-enabled msgqd-nats)" = enabled ]
    inside systemctl start msgqd-nats
    [ "$(inside systemctl is-active msgqd-nats || true)" = inactive ]
    journal --unit msgqd-nats --output cat | grep -F 'not started: /etc/msgqd/nats.toml has no route; see nats.toml(5)'
}

the_units_of_the_gateway_give_systemd_nothing_to_complain_about() {
    local complaints
    complaints=$(inside systemd-analyze verify --man=yes msgqd-nats.service msgqd-nats@x.socket 2>&1)
    [ -z "$complaints" ] || fail "$complaints"
}

# 1.3 of 10, in tenths: the unit says of each line that systemd counts why it stays.
the_gateway_is_exposed_to_little_more_than_the_network() {
    inside systemd-analyze security --no-pager --threshold=13 msgqd-nats.service
}

its_man_pages_are_found_and_format_without_a_warning() {
    local page complaints
    for page in 8:msgq-nats 8:msgq-nats-check 8:msgq-nats-metrics 5:nats.toml; do
        inside man -w "${page%%:*}" "${page#*:}"
        complaints=$(inside man --warnings --encoding=UTF-8 "${page%%:*}" "${page#*:}" 2>&1 >/dev/null)
        [ -z "$complaints" ] || fail "$page: $complaints"
    done
}

a_client_is_answered_over_nats_by_the_server_of_another_queue() {
    gateway_has /run/msgqd-nats/near.socket 'tr a-z A-Z'
    [ "$(gateway_property ActiveState)" = active ]
    wait_until 20 says HELLO
    [ "$(inside stat --format '%a %U %G' /run/msgqd-nats/near.socket)" = "660 msgqd-nats msgqd-nats" ]
    inside msgqctl -i far stat --json | grep -q '"received": *[1-9]'
    gateway_property StatusText
}

the_gateway_runs_confined_as_its_own_user() {
    local status pid
    pid=$(gateway_property MainPID)
    status=$(inside cat "/proc/$pid/status")
    # ps cuts names at eight bytes.
    [ "$(inside stat --format '%U %G' "/proc/$pid")" = "msgqd-nats msgqd-nats" ]
    grep -qP '^CapEff:\t0+$' <<<"$status"
    grep -qP '^NoNewPrivs:\t1$' <<<"$status"
    grep -qP '^Seccomp:\t2$' <<<"$status"
}

every_route_is_found_whole_and_metrics_count_the_request() {
    inside msgq-nats check
    inside msgq-nats metrics | tee /dev/stderr | grep -q '^msgq_nats_connected 1$'
    inside msgq-nats metrics | grep -E '^msgq_nats_route_outcomes_total\{.*outcome="answered".*\} [1-9]'
}

a_stop_lets_what_is_in_hand_be_answered_and_then_clients_are_told() {
    local asked said
    gateway_has /run/msgqd-nats/near.socket 'sleep 3; echo late'
    wait_until 20 says late
    inside msgqctl send --timeout 15 hello >"$machine_place.said" 2>&1 &
    asked=$!
    wait_until 10 inside pgrep -x sleep
    inside systemctl stop msgqd-nats
    wait "$asked" || true
    grep -x late "$machine_place.said" || fail "$(cat "$machine_place.said")"
    [ "$(gateway_property Result)" = success ]
    said=$(inside msgqctl send --timeout 15 hello 2>&1 || true)
    grep 'not run: ' <<<"$said" || fail "$said"
    inside systemctl start msgqd-nats
    wait_until 20 says late
}

a_killed_gateway_is_started_again() {
    gateway_has /run/msgqd-nats/near.socket 'tr a-z A-Z'
    wait_until 20 says HELLO
    inside kill -KILL "$(gateway_property MainPID)"
    wait_until 30 says HELLO
    [ "$(gateway_property NRestarts)" -ge 1 ]
}

without_a_nats_server_it_runs_and_goes_on_when_there_is_one() {
    local said
    inside systemctl stop nats-server
    inside systemctl restart msgqd-nats
    [ "$(gateway_property ActiveState)" = active ]
    said=$(inside msgqctl send --timeout 15 hello 2>&1 || true)
    grep 'not run: the gateway has no connection to NATS' <<<"$said" || fail "$said"
    gateway_property StatusText | tee /dev/stderr | grep -qi 'no connection'
    inside systemctl start nats-server
    wait_until 30 says HELLO
}

systemd_makes_the_socket_of_a_route_and_starts_the_gateway_for_it() {
    inside systemctl stop msgqd-nats
    inside systemctl enable --now msgqd-nats@near.socket
    gateway_has /run/msgqd-nats-near.socket 'tr a-z A-Z'
    # Its members alone may use the gateway's own sockets; this one is msgqd's.
    inside rm /etc/systemd/system/msgqd.service.d/join-gateway.conf
    inside systemctl daemon-reload
    inside systemctl restart msgqd
    inside systemctl stop msgqd-nats
    [ "$(inside stat --format '%a %U' /run/msgqd-nats-near.socket)" = "600 msgqd" ]
    wait_until 20 says HELLO
    [ "$(gateway_property ActiveState)" = active ]
}

a_reinstallation_restarts_the_gateway_that_ran() {
    local before
    before=$(gateway_property MainPID)
    inside apt-get install --yes --reinstall "/packages/$(basename "$gateway_package")"
    [ "$(gateway_property ActiveState)" = active ]
    [ "$(gateway_property MainPID)" != "$before" ]
    wait_until 20 says HELLO
}

# But its user, as Debian's policy asks.
a_purge_of_the_gateway_leaves_nothing() {
    local left
    inside apt-get purge --yes msgqd-nats
    left=$(inside find / /run /tmp -xdev \( -name '*msgq*nats*' -o -name 'nats.toml*' \) -not -path '/packages/*' \
        -not -path '/var/cache/man/*')
    [ -z "$left" ] || fail "left behind: $left"
    left=$(inside systemctl list-units --all --plain --no-legend 'msgqd-nats*'; inside systemctl list-unit-files --no-legend 'msgqd-nats*' || true)
    [ -z "$left" ] || fail "systemd still has: $left"
    inside test -f /etc/msgqd/msgqd.toml
    [ "$(inside systemctl is-active msgqd)" = active ]
}
