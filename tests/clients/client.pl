#!/usr/bin/perl
# The load client in Perl: KEY COUNT NAME. Its requests carry no padding and no NUL, as the shortest script would do it.
use strict;
use warnings;

die "usage: $0 KEY COUNT NAME\n" unless @ARGV == 3;
my ($key, $count, $name) = @ARGV;
my $queue = msgget($key =~ /^0x/i ? hex $key : $key, 0);
defined $queue or die "msgget: $!\n";
for my $i (1 .. $count) {
    my $message;
    msgsnd($queue, pack('l! l a*', 1, $$, "$name-$i"), 0) or die "msgsnd: $!\n";
    msgrcv($queue, $message, 264, $$, 0) or die "msgrcv: $!\n";
    my (undef, $status, $answer) = unpack 'l! l Z256', $message;
    if ($status != 0 || $answer ne "Processed: $name-$i") {
        print STDERR "wrong answer to $name-$i: status $status, \"$answer\"\n";
        exit 1;
    }
}
print "ok $count\n";
