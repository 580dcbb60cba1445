#!/usr/bin/perl
# The client of pid_word.c in Perl, PID first: KEY COUNT.
use strict;
use warnings;

my ($key, $count) = @ARGV;
my $queue = msgget(oct $key, 0) // die "msgget: $!\n";
for my $number (1 .. $count) {
    my $text = "$$ line $number";
    msgsnd($queue, pack('l! Z*', 1, $text), 0) or die "msgsnd: $!\n";
    msgrcv($queue, my $message, 256, $$, 0) or die "msgrcv: $!\n";
    my (undef, $answer) = unpack 'l! a*', $message;
    $answer eq "Processed: $text\0" or die "wrong answer to request $number\n";
}
print "ok $count\n";
