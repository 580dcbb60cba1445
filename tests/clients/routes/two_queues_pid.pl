#!/usr/bin/perl
# The client of two_queues_pid.c in Perl: KEY COUNT SECOND_KEY.
use strict;
use warnings;

my ($key, $count, $second) = @ARGV;
my $requests = msgget(oct $key, 0) // die "msgget: $!\n";
my $answers = msgget(oct $second, 0) // die "msgget: $!\n";
for my $number (1 .. $count) {
    my $text = "question $number of $$";
    msgsnd($requests, pack('l! l a128', 1, $$, $text), 0) or die "msgsnd: $!\n";
    msgrcv($answers, my $message, 136, $$, 0) or die "msgrcv: $!\n";
    # A 64-bit program's answer has four bytes of padding at its end.
    my (undef, $status, $answer) = unpack 'l! l Z*', $message;
    $status == 0 && $answer eq "Processed: $text" or die "wrong answer to request $number\n";
}
print "ok $count\n";
