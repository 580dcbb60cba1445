# Who may use the queue, and what the confined daemon can still see of its clients.

checks_of_permissions() {
    check users_inside_and_outside_the_group_are_made
    check the_queue_belongs_to_the_daemon_and_the_clients_group
    check a_member_of_the_group_is_answered
    check a_member_of_the_group_sees_that_a_daemon_serves
    check a_stranger_gets_exit_code_5_and_advice
    check a_client_of_another_user_that_died_leaves_nothing_in_the_queue
    check a_client_of_another_user_that_takes_its_time_still_finds_its_answer
    check a_queue_that_a_client_made_before_the_service_is_taken_over
}

users_inside_and_outside_the_group_are_made() {
    inside useradd --groups msgq member
    inside useradd stranger
}

the_queue_belongs_to_the_daemon_and_the_clients_group() {
    local line
    line=$(queue_line)
    echo "$line"
    [ "$(awk '{ print $3, $8, $9 }' <<<"$line")" = "660 $(inside id -u msgqd) $(inside getent group msgq | cut -d: -f3)" ]
}

a_member_of_the_group_is_answered() {
    [ "$(as member msgqctl send hello)" = "Processed: hello" ]
}

a_member_of_the_group_sees_that_a_daemon_serves() {
    as member msgqctl stat | tee /dev/stderr | grep -q "$(main_pid)"
}

a_stranger_gets_exit_code_5_and_advice() {
    local said
    said=$(expect_exit 5 as stranger msgqctl send hello 2>&1)
    echo "$said"
    grep -q 'group' <<<"$said"
    grep -q 'msgq' <<<"$said"
}

# A client in Perl, as anybody could write it. $1: what it does between its request and its end.
client() {
    as member perl -e '
        my $queue = msgget(0x12345678, 0) // die "msgget: $!";
        msgsnd($queue, pack("l! l a256 x4", 1, $$, "question"), 0) or die "msgsnd: $!";
        '"$1"
}

a_client_of_another_user_that_died_leaves_nothing_in_the_queue() {
    client ''
    client 'kill KILL => $$;' || true
    wait_until 20 queue_is_empty
}

a_client_of_another_user_that_takes_its_time_still_finds_its_answer() {
    client 'sleep 3; msgrcv($queue, my $answer, 264, $$, 0) or die "msgrcv: $!";
        my ($type, $status, $text) = unpack("l! l Z256", $answer);
        $text eq "Processed: question" or die "got $text";'
}

# The unit gives it to the daemon's user, before the daemon starts.
a_queue_that_a_client_made_before_the_service_is_taken_over() {
    inside systemctl stop msgqd
    as member perl -e '
        my $queue = msgget(0x12345678, 01660) // die "msgget: $!";
        msgsnd($queue, pack("l! l a256 x4", 1, $$, "early"), 0) or die "msgsnd: $!";'
    start_service
    the_queue_belongs_to_the_daemon_and_the_clients_group
    a_member_of_the_group_is_answered
    journal_has 4 'gave queue 0x12345678 .* of member'
    inside systemctl restart msgqd
    a_member_of_the_group_is_answered
}
