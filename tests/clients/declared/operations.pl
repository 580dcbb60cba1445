#!/usr/bin/perl
# The client of operations.c in Perl: KEY COUNT.
use strict;
use warnings;

my ($key, $count) = @ARGV;
my $queue = msgget(oct $key, 0) // die "msgget: $!\n";
my @work = (sub { uc shift }, sub { lc shift }, sub { scalar reverse shift }, sub { length shift },
    sub { substr shift, 0, 1 }, sub { shift });
for my $number (1 .. $count) {
    my $type = 1 + $number % 6;
    my $text = "Part $number of Some Data";
    msgsnd($queue, pack('l! i i a512', $type, $type, $$, $text), 0) or die "msgsnd: $!\n";
    msgrcv($queue, my $message, 520, $$, 0) or die "msgrcv: $!\n";
    my (undef, $op, $pid, $answer) = unpack 'l! i i Z512', $message;
    my $is_right = $op == $type && $pid == $$ && $answer eq $work[$type - 1]->($text);
    $is_right or die "wrong answer to request $number\n";
}
print "ok $count\n";
