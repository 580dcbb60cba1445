# What the sandbox shuts for handlers, and what the shipped drop-ins open: each handler fails without its drop-in as
# docs/operations.md says, and works with it.

examples=/usr/share/doc/msgqd/examples
drop_ins=/etc/systemd/system/msgqd.service.d

checks_of_the_sandbox() {
    cc -O2 -static -o "$machine_place.just_in_time" "$here/../clients/just_in_time.c"
    inside cp --preserve /etc/msgqd/msgqd.toml /root/msgqd.toml.shipped
    check a_handler_that_needs_the_network_needs_the_drop_in_for_it
    check a_handler_that_compiles_while_it_runs_needs_the_drop_in_for_it
    check a_handler_that_writes_files_needs_the_drop_in_for_it
    check a_handler_below_home_needs_the_drop_in_for_it
    check a_worker_of_another_user_answers_through_a_socket
    check an_instance_is_confined_as_the_service_and_takes_the_same_drop_ins
    check under_a_filter_that_kills_no_call_of_msgqd_is_refused
    check a_handler_cannot_get_round_the_filter_by_io_uring
    check the_apparmor_profile_is_a_conffile_that_the_unit_can_ask_for
    check with_one_group_the_unit_is_exposed_to_less_and_all_goes_on
    check in_a_namespace_with_all_numbers_another_group_can_have_the_queue
    check with_one_group_another_group_is_refused_with_what_to_do
    sandbox_as_shipped
    inside rm /root/msgqd.toml.shipped
}

sandbox_as_shipped() {
    inside rm -rf "$drop_ins"
    inside cp --preserve /root/msgqd.toml.shipped /etc/msgqd/msgqd.toml
    inside systemctl daemon-reload
    inside systemctl reset-failed msgqd
    inside systemctl restart msgqd
}

# handler_is LINE...: a configuration with these lines for [handler], in effect.
handler_is() {
    {
        printf '[queue]\ngroup = "msgq"\n[handler]\n'
        printf '%s\n' "$@"
    } | inside sh -c 'cat >/etc/msgqd/msgqd.toml'
    inside rm -rf "$drop_ins"
    inside systemctl daemon-reload
    inside systemctl reset-failed msgqd
    inside systemctl restart msgqd
}

handler_runs() {
    handler_is 'kind = "exec"' "command = ['/bin/sh', '-c', '$1']"
}

shipped_drop_in() {
    inside mkdir -p "$drop_ins"
    inside cp "$examples/drop-ins/$1.conf" "$drop_ins/"
    inside systemctl daemon-reload
    inside systemctl restart msgqd
}

answer() {
    inside msgqctl send --timeout 20 hello 2>&1 || true
}

goes_on_over_a_reload_a_kill_and_a_drain() {
    local before
    inside systemctl reload msgqd
    before=$(main_pid)
    inside kill -KILL "$before"
    wait_until 30 answers_with_another_pid_than "$before"
    inside msgqctl drain --wait
    inside msgqctl resume
}

# answers_only_with DROP_IN ANSWER REFUSAL: the handler's answer with the drop-in, and what is in it without.
answers_only_with() {
    local said
    said=$(answer)
    grep -q "$3" <<<"$said" || fail "without the drop-in: $said"
    shipped_drop_in "$1"
    said=$(answer)
    [ "$said" = "$2" ] || fail "with the drop-in: $said"
}

a_handler_that_needs_the_network_needs_the_drop_in_for_it() {
    inside systemd-run --quiet --collect --unit=greeter perl -MIO::Socket::INET -e '
        my $door = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 4711, Listen => 5, ReuseAddr => 1) or die $!;
        while (my $guest = $door->accept) { print $guest "from afar\n"; close $guest; }'
    handler_is 'kind = "exec"' "command = ['/bin/bash', '-c', 'exec 3<>/dev/tcp/127.0.0.1/4711 && head -n 1 <&3']"
    answers_only_with network "from afar" "Address family not supported"
    inside systemctl stop greeter
}

a_handler_that_compiles_while_it_runs_needs_the_drop_in_for_it() {
    inside sh -c 'cat >/usr/local/bin/just_in_time && chmod 755 /usr/local/bin/just_in_time' \
        <"$machine_place.just_in_time"
    handler_is 'kind = "exec"' "command = ['/usr/local/bin/just_in_time']"
    # systemd refuses it by a filter, and from version 257 on by the kernel's own switch (PR_SET_MDWE).
    answers_only_with jit compiled "Operation not permitted\|Permission denied"
    inside rm /usr/local/bin/just_in_time
}

a_handler_that_writes_files_needs_the_drop_in_for_it() {
    # The directory is there, so that only the sandbox is in the way.
    inside install -d -o msgqd -g msgq -m 700 /var/lib/answers
    handler_runs 'cat >/var/lib/answers/last && echo kept'
    answers_only_with directory kept "Read-only file system"
    [ "$(inside cat /var/lib/answers/last)" = hello ]
    [ "$(inside stat --format '%a %U' /var/lib/answers/last)" = "600 msgqd" ]
    # The server's own files did not move beside the handler's.
    [ "$(inside ls /var/lib/answers)" = last ]
    inside rm -r /var/lib/answers
}

a_handler_below_home_needs_the_drop_in_for_it() {
    inside useradd --create-home anna
    inside runuser -u anna -- mkdir /home/anna/answers
    inside runuser -u anna -- sh -c 'umask 022; printf "#!/bin/sh\necho from home\n" >/home/anna/answers/answer'
    inside runuser -u anna -- chmod 755 /home/anna/answers /home/anna/answers/answer
    handler_runs '/home/anna/answers/answer'
    answers_only_with home "from home" "Permission denied"
    inside userdel --remove anna 2>/dev/null
}

a_worker_of_another_user_answers_through_a_socket() {
    inside useradd --system answers
    inside install -d /usr/local/lib/answers
    # It speaks as examples/worker.sh does, and answers with its user's name.
    inside sh -c 'cat >/usr/local/lib/answers/worker.py && chmod 755 /usr/local/lib/answers/worker.py' <<'END'
#!/bin/sh
read -r hello
echo "msgqd-handler 1"
while read -r word id client_pid deadline_ms length; do
    head -c "$length" >/dev/null
    name=$(id -un)
    printf 'answer %s 0 %s\n%s' "$id" "${#name}" "$name"
done
END
    inside cp "$examples/another-user/answers.socket" "$examples/another-user/answers@.service" /etc/systemd/system/
    handler_is 'kind = "unix"' 'socket = "/run/answers.socket"'
    [ -z "$(inside systemd-analyze verify answers.socket 2>&1)" ]
    inside systemctl start answers.socket
    wait_until 30 is_answered_by answers
    inside systemctl stop answers.socket 'answers@*.service'
    inside rm -r /etc/systemd/system/answers.socket /etc/systemd/system/answers@.service /usr/local/lib/answers
    inside userdel answers
}


an_instance_is_confined_as_the_service_and_takes_the_same_drop_ins() {
    local said
    inside sh -c 'cat >/etc/msgqd/boxed.toml' <<'END'
[queue]
key = 0x626f7865
group = "users"
[handler]
kind = "exec"
command = ["/bin/sh", "-c", "cat >/var/lib/answers/last && echo kept"]
END
    inside mkdir /etc/systemd/system/msgqd@boxed.service.d
    inside cp "$examples/drop-ins/directory.conf" /etc/systemd/system/msgqd@boxed.service.d/
    inside systemctl daemon-reload
    inside systemctl start msgqd@boxed
    inside systemd-analyze security --no-pager --threshold=4 msgqd@boxed.service
    said=$(inside msgqctl --instance boxed send --timeout 20 hello)
    [ "$said" = kept ] || fail "$said"
    inside systemctl stop msgqd@boxed
    inside rm -r /etc/systemd/system/msgqd@boxed.service.d /etc/msgqd/boxed.toml /var/lib/answers /var/lib/msgqd/boxed
    inside systemctl daemon-reload
}

# Where a refused call is an error it may go unnoticed; here it ends the process with SIGSYS.
under_a_filter_that_kills_no_call_of_msgqd_is_refused() {
    local since killed worker='read -r hello; echo msgqd-handler 1; while read -r word id rest; do
        head -c 5 >/dev/null; printf "answer $id 0 4\\ndone"; done'
    inside sh -c 'cat >/usr/local/bin/worker && chmod 755 /usr/local/bin/worker' <<<"#!/bin/sh
$worker"
    sandbox_as_shipped
    for unit in msgqd msgqd-failed; do
        inside mkdir -p "/run/systemd/system/$unit.service.d"
        inside sh -c 'printf "[Service]\nSystemCallErrorNumber=kill\n" >"$1"' sh "/run/systemd/system/$unit.service.d/kill.conf"
    done
    inside systemctl daemon-reload
    since=$(inside date +%s)
    inside systemctl restart msgqd
    is_answered
    goes_on_over_a_reload_a_kill_and_a_drain
    handler_runs 'cat; echo'
    is_answered_by hello
    handler_is 'kind = "worker"' 'command = ["/usr/local/bin/worker"]'
    wait_until 30 is_answered_by "done"
    inside sh -c 'printf "[service]\non_stop = \"keep\"\n" >>/etc/msgqd/msgqd.toml'
    inside systemctl restart msgqd
    inside systemctl restart msgqd
    wait_until 30 is_answered_by "done"
    # msgqd-failed.service runs where the server cannot start.
    inside sh -c 'echo "no_such_setting = 1" >>/etc/msgqd/msgqd.toml'
    inside systemctl restart msgqd || true
    wait_until 60 queue_is_gone
    killed=$(journal --unit=msgqd --unit=msgqd-failed --since="@$since" --output=cat | grep SYS || true)
    [ -z "$killed" ] || fail "$killed"
    # The filter does kill: chroot(2) is a call that it refuses.
    handler_runs 'exec chroot /tmp /bin/true'
    answer | tee /dev/stderr | grep -q SYS
    inside rm -r /run/systemd/system/msgqd.service.d /run/systemd/system/msgqd-failed.service.d /usr/local/bin/worker
}

# Its operations are no system calls: it would open sockets of every family. The number is the same on every architecture.
a_handler_cannot_get_round_the_filter_by_io_uring() {
    local said
    handler_is 'kind = "exec"' "command = ['/usr/bin/perl', '-e', 'syscall(425, 1, 0); print \"\$!\\n\"']"
    said=$(answer)
    [ "$said" = "Operation not permitted" ] || fail "$said"
}

# What it refuses is tried by tests/system/tests/apparmor.rs, where the kernel has AppArmor.
the_apparmor_profile_is_a_conffile_that_the_unit_can_ask_for() {
    inside dpkg-query --show --showformat '${Conffiles}\n' msgqd | grep -q '^ /etc/apparmor.d/msgqd '
    if [ -d /sys/kernel/security/apparmor ]; then
        echo "not shown: a service under AppArmor: a container may not load a profile"
        return
    fi
    sandbox_as_shipped
    shipped_drop_in apparmor
    is_answered
}

with_one_group_the_unit_is_exposed_to_less_and_all_goes_on() {
    sandbox_as_shipped
    shipped_drop_in one-group
    # In tenths.
    inside systemd-analyze security --no-pager --threshold=2 msgqd.service
    is_answered
    inside id member || inside useradd --groups msgq member
    [ "$(as member msgqctl send hello)" = "Processed: hello" ]
    goes_on_over_a_reload_a_kill_and_a_drain
    is_answered
    inside systemctl stop msgqd
    wait_until 10 queue_is_gone
}

with_one_group_another_group_is_refused_with_what_to_do() {
    sandbox_as_shipped
    shipped_drop_in one-group
    inside sed -i 's/^group = .*/group = "users"/' /etc/msgqd/msgqd.toml
    refute inside systemctl restart msgqd
    journal --output=cat --lines=20 SYSLOG_IDENTIFIER=msgqd | tee /dev/stderr |
        grep 'cannot be given to group users (100)' | grep -q 'PrivateUsers=no'
}

in_a_namespace_with_all_numbers_another_group_can_have_the_queue() {
    if [ "$(inside systemctl --version | awk 'NR == 1 { print $2 }')" -lt 257 ]; then
        echo "not shown: PrivateUsers=identity, which is of systemd 257"
        return
    fi
    sandbox_as_shipped
    shipped_drop_in identity
    inside systemd-analyze security --no-pager --threshold=2 msgqd.service
    inside sed -i 's/^group = .*/group = "users"/' /etc/msgqd/msgqd.toml
    inside systemctl restart msgqd
    is_answered
    [ "$(queue_line | awk '{ print $9 }')" = 100 ]
}

is_answered_by() {
    local said
    said=$(answer)
    [ "$said" = "$1" ] || fail "answered: $said"
}
