#!/usr/bin/perl
# The client of two_queues_type.c in Perl: KEY COUNT SECOND_KEY.
use strict;
use warnings;

my ($key, $count, $second) = @ARGV;
my $requests = msgget(oct $key, 0) // die "msgget: $!\n";
my $answers = msgget(oct $second, 0) // die "msgget: $!\n";
for my $number (1 .. $count) {
    my $text = "question $number of $$";
    msgsnd($requests, pack('l! a200', $$, $text), 0) or die "msgsnd: $!\n";
    msgrcv($answers, my $message, 200, $$, 0) or die "msgrcv: $!\n";
    my (undef, $answer) = unpack 'l! Z*', $message;
    $answer eq "Processed: $text" or die "wrong answer to request $number\n";
}
print "ok $count\n";
