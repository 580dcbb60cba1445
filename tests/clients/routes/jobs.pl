#!/usr/bin/perl
# The producer of jobs.c in Perl: KEY COUNT [NAME].
use strict;
use warnings;

my ($key, $count, $name) = (@ARGV, $$);
my $queue = msgget(oct $key, 0) // die "msgget: $!\n";
msgsnd($queue, pack('l! l a64', 1, $_, "$name $_"), 0) || die "msgsnd: $!\n" for 1 .. $count;
print "ok $count\n";
