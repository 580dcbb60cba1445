# Several servers: msgqd@NAME.service, each with a file, a directory and a group of its own.

checks_of_instances() {
    check ten_instances_start_together_and_the_one_with_a_broken_file_fails_alone
    check the_status_of_the_broken_instance_says_what_is_wrong_with_its_file
    check list_shows_all_ten_with_what_they_do
    check only_members_of_its_group_use_an_instance
    check the_server_without_a_name_leaves_the_directories_of_instances_alone
    check an_instance_is_restarted_with_its_table_and_its_group_finds_it
    check an_instance_that_is_killed_finishes_what_it_had_in_hand
    check a_reload_of_an_instance_is_refused_or_done_by_its_own_file
    check an_instance_is_closed_and_opened_by_its_name
    check an_instance_without_a_file_says_which_to_write
    check an_instance_that_fails_for_good_lets_its_own_clients_know_and_nobody_else
    check the_doctor_names_the_unit_of_the_instance
    check an_upgrade_restarts_the_instances_that_ran_and_no_other
    check stopping_the_target_stops_all_servers
    check removal_leaves_no_queue_of_an_instance_and_a_new_installation_starts_those_enabled
    check the_instances_are_taken_away_again
}

# configure NAME KEY [LINE...]: the file of an instance.
configure() {
    local name=$1 key=$2
    shift 2
    { echo "[queue]"; echo "key = $key"; printf '%s\n' "$@"; } | inside sh -c "cat >/etc/msgqd/$name.toml"
}

unit_property() {
    inside systemctl show --property "$2" --value "msgqd@$1"
}

# says NAME PATTERN: what an operator looks at tells why the instance does not run.
says() {
    { inside systemctl status --no-pager --full "msgqd@$1" || true; } | grep -q "Status: .*$2"
}

state_of_instance() {
    inside msgqctl --json -i "$1" list | tr -d ' \n' | sed 's/.*"instances":\[//; s/.*"unit":"[^"]*","state":"\([a-z_]*\)".*/\1/'
}

has_key() {
    inside awk -v key="$(($1))" '$1 == key { found = 1 } END { exit !found }' /proc/sysvipc/msg
}

ten_instances_start_together_and_the_one_with_a_broken_file_fails_alone() {
    local name
    inside groupadd --system orders
    inside useradd --groups orders clerk
    configure orders 0x6e000001 'group = "orders"'
    for name in 2 3 4 5 6 7 8 9; do
        configure "$name" "0x6e00000$name"
    done
    configure broken 0x6e00000a 'mdoe = "0660"'
    inside systemctl enable msgqd@orders 'msgqd@2' 'msgqd@3' 'msgqd@4' 'msgqd@5' 'msgqd@6' 'msgqd@7' 'msgqd@8' 'msgqd@9' msgqd@broken
    inside systemctl start msgqd.target
    for name in orders 2 3 4 5 6 7 8 9; do
        wait_until 20 inside systemctl is-active "msgqd@$name"
        [ "$(inside msgqctl -i "$name" send hello)" = "Processed: hello" ]
    done
    wait_until 20 inside systemctl is-failed msgqd@broken
    is_answered
}

the_status_of_the_broken_instance_says_what_is_wrong_with_its_file() {
    local said
    wait_until 10 says broken '/etc/msgqd/broken.toml:3:1: .*mdoe'
}

list_shows_all_ten_with_what_they_do() {
    local listed name
    listed=$(inside env COLUMNS=200 msgqctl list)
    echo "$listed"
    for name in orders 2 3 4 5 6 7 8 9; do
        grep -qE "^msgqd@$name +in use: serves queue 0x6e00000" <<<"$listed"
    done
    grep -qE '^msgqd@broken +its file cannot be used: /etc/msgqd/broken.toml:3:1' <<<"$listed"
    [ "$(state_of_instance broken)" = broken ]
    [ "$(state_of_instance orders)" = serving ]
}

directory_of_orders() {
    inside stat --format '%U %G %a' /run/msgqd/orders
}

only_members_of_its_group_use_an_instance() {
    local seen
    [ "$(directory_of_orders)" = "msgqd orders 2751" ]
    [ "$(as clerk msgqctl -i orders send hello)" = "Processed: hello" ]
    seen=$(as clerk msgqctl -i orders stat)
    echo "$seen"
    grep -q "$(unit_property orders MainPID)" <<<"$seen"
    expect_exit 5 as member msgqctl -i orders send hello
    expect_exit 5 as clerk msgqctl send hello
    expect_exit 5 as clerk msgqctl -i 2 send hello
    [ "$(as member msgqctl -i 2 send hello)" = "Processed: hello" ]
    refute as member sh -c 'cat /run/msgqd/orders/*.table || ls /run/msgqd/orders'
    refute as clerk ls /run/msgqd
}

the_server_without_a_name_leaves_the_directories_of_instances_alone() {
    local act
    inside stat --format '%n %U %G %a' /run/msgqd/orders/queue-* | tee /dev/stderr >/tmp/instances-before
    for act in restart stop start; do
        inside systemctl "$act" msgqd
        [ "$(directory_of_orders)" = "msgqd orders 2751" ]
        inside stat --format '%n %U %G %a' /run/msgqd/orders/queue-* | diff /tmp/instances-before -
        as clerk msgqctl -i orders send hello
    done
    # systemd gives the tree below to the unit only where the directory itself is another's.
    [ "$(inside stat --format '%U %G %a' /run/msgqd)" = "msgqd msgq 751" ]
    [ "$(inside stat --format '%U %G %a' /var/lib/msgqd/orders)" = "msgqd msgqd 700" ]
}

an_instance_is_restarted_with_its_table_and_its_group_finds_it() {
    local pid
    configure orders 0x6e000001 'group = "orders"' '[service]' 'on_stop = "keep"'
    inside systemctl reload msgqd@orders
    pid=$(unit_property orders MainPID)
    inside systemctl restart msgqd@orders
    [ "$(unit_property orders MainPID)" != "$pid" ]
    [ "$(directory_of_orders)" = "msgqd orders 2751" ]
    as clerk msgqctl -i orders stat | tee /dev/stderr | grep -q "$(unit_property orders MainPID)"
    [ -z "$(inside find /run/msgqd/orders -not -group orders)" ]
}

has_new_pid() {
    [ "$(unit_property orders MainPID)" -gt 0 ] && [ "$(unit_property orders MainPID)" != "$1" ]
}

an_instance_that_is_killed_finishes_what_it_had_in_hand() {
    local pid
    pid=$(unit_property orders MainPID)
    inside kill -KILL "$pid"
    wait_until 10 has_new_pid "$pid"
    [ "$(as clerk msgqctl -i orders send --timeout 10 hello)" = "Processed: hello" ]
    [ "$(directory_of_orders)" = "msgqd orders 2751" ]
}

a_reload_of_an_instance_is_refused_or_done_by_its_own_file() {
    configure orders 0x6e000001 'group = "nobody-has-this"'
    refute inside systemctl reload msgqd@orders
    inside systemctl status --no-pager --full msgqd@orders | tee /dev/stderr | grep -q 'REFUSED'
    configure orders 0x6e000001 'group = "orders"'
    inside systemctl reload msgqd@orders
    refute grep -q REFUSED <<<"$(inside systemctl status --no-pager --full msgqd@orders)"
}

an_instance_is_closed_and_opened_by_its_name() {
    inside msgqctl -i orders drain --wait
    expect_exit 5 as clerk msgqctl -i orders send hello
    [ "$(as member msgqctl -i 2 send hello)" = "Processed: hello" ]
    [ "$(inside msgqctl -i orders resume)" = "open: new requests are welcome" ]
    [ "$(as clerk msgqctl -i orders send hello)" = "Processed: hello" ]
}

an_instance_without_a_file_says_which_to_write() {
    local said
    refute inside systemctl start msgqd@nofile
    wait_until 10 says nofile 'there is no /etc/msgqd/nofile.toml'
    said=$(expect_exit 2 inside msgqctl -i nofile stat 2>&1)
    echo "$said"
    grep -q 'there is no /etc/msgqd/nofile.toml; there are 2 (runs), 3 (runs)' <<<"$said"
    inside systemctl reset-failed msgqd@nofile
}

an_instance_that_fails_for_good_lets_its_own_clients_know_and_nobody_else() {
    inside sh -c 'echo "kye = 1" >>/etc/msgqd/9.toml'
    inside kill -KILL "$(unit_property 9 MainPID)"
    wait_until 30 inside systemctl is-failed msgqd@9
    wait_until 10 refute has_key 0x6e000009
    has_key 0x6e000008
    journal --output=cat SYSLOG_IDENTIFIER=msgqd | tee /dev/stderr | grep -q 'the service failed: removed queue 0x6e000009'
    configure 9 0x6e000009
    inside systemctl reset-failed msgqd@9
    inside systemctl start msgqd@9
}

the_doctor_names_the_unit_of_the_instance() {
    local said
    inside systemctl stop msgqd@8
    said=$(expect_exit 1 inside env COLUMNS=200 msgqctl -i 8 doctor)
    echo "$said"
    grep -q 'systemctl start msgqd@8.service' <<<"$said"
    said=$(expect_exit 3 inside msgqctl -i 8 send hello 2>&1)
    echo "$said"
    grep -q 'systemctl start msgqd@8' <<<"$said"
    [ "$(state_of_instance 8)" = not_running ]
}

# 8 was stopped, and is still enabled.
an_upgrade_restarts_the_instances_that_ran_and_no_other() {
    local before id
    before=$(unit_property orders MainPID)
    id=$(inside awk '$1 == 1845493761 { print $2 }' /proc/sysvipc/msg)
    inside apt-get install --yes --reinstall --no-install-recommends "/packages/$(basename "$package")"
    [ "$(unit_property orders MainPID)" != "$before" ]
    [ "$(inside systemctl is-active msgqd@orders)" = active ]
    # Its clients did not notice, although a stop removes the queue.
    [ "$(inside awk '$1 == 1845493761 { print $2 }' /proc/sysvipc/msg)" = "$id" ]
    [ "$(inside systemctl is-active msgqd@8 || true)" = inactive ]
    [ "$(directory_of_orders)" = "msgqd orders 2751" ]
}

is_inactive() {
    [ "$(inside systemctl is-active "$1" || true)" = inactive ]
}

# The target does not wait for them.
stopping_the_target_stops_all_servers() {
    local name
    inside systemctl stop msgqd.target
    for name in orders 2 3 4 5 6 7 9; do
        wait_until 20 is_inactive "msgqd@$name"
        refute has_key "0x6e00000${name/orders/1}"
    done
    wait_until 20 is_inactive msgqd
    inside systemctl start msgqd.target
    wait_until 20 inside systemctl is-active msgqd@orders msgqd@8 msgqd
}

removal_leaves_no_queue_of_an_instance_and_a_new_installation_starts_those_enabled() {
    configure 2 0x6e000002 '[service]' 'on_stop = "keep"'
    inside systemctl restart msgqd@2
    inside systemctl stop msgqd@2
    has_key 0x6e000002
    inside apt-get remove --yes msgqd
    refute inside systemctl is-active msgqd@orders
    refute has_key 0x6e000001
    refute has_key 0x6e000002
    inside test -f /etc/msgqd/orders.toml
    inside apt-get install --yes --no-install-recommends "/packages/$(basename "$package")"
    wait_until 20 inside systemctl is-active msgqd@orders msgqd@2 msgqd
    is_answered
}

# An administrator wrote their files, so `apt purge` leaves them, and what comes after finds none of them.
the_instances_are_taken_away_again() {
    configure 2 0x6e000002
    inside systemctl restart msgqd@2
    inside sh -c 'systemctl disable --now msgqd@orders msgqd@2 msgqd@3 msgqd@4 msgqd@5 msgqd@6 msgqd@7 msgqd@8 msgqd@9 msgqd@broken'
    inside systemctl reset-failed
    inside sh -c 'cd /etc/msgqd && rm -f orders.toml [2-9].toml broken.toml'
    [ -z "$(inside awk '$1 >= 1845493760 && $1 < 1845493776' /proc/sysvipc/msg)" ]
    is_answered
}
