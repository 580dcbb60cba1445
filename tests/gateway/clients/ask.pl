#!/usr/bin/perl
# The client of ask.c in Perl: KEY COUNT NAME STOP LIMIT.
use strict;
use warnings;

my ($key, $count, $name, $stop, $limit) = @ARGV;
my ($queue, $right) = (msgget(oct $key, 0), 0);
defined $queue or die "msgget: $!\n";
$| = 1;
for my $i (1 .. $count) {
    last if -e $stop;
    my $message;
    alarm $limit;
    msgsnd($queue, pack('l! l a*', 1, $$, "$name-$i"), 0) or die "msgsnd: $!\n";
    msgrcv($queue, $message, 264, $$, 0) or die "msgrcv: $!\n";
    my (undef, $status, $answer) = unpack 'l! l Z256', $message;
    if ($status != 0) {
        print "$status $answer\n";
        select undef, undef, undef, 0.02;
    } elsif ($answer eq "Processed: $name-$i") {
        $right++;
    } else {
        print STDERR "wrong answer to $name-$i: \"$answer\"\n";
        exit 1;
    }
}
print "right $right\n";
