#!/usr/bin/perl
# The client of shared_parts.c in Perl: KEY COUNT [LENGTH[e|s]].
use strict;
use warnings;

my ($key, $count, $option) = (@ARGV, '1048576');
my ($length, $end) = $option =~ /^(\d+)([es]?)$/ or die "usage: $0 KEY COUNT [LENGTH[e|s]]\n";
my $queue = msgget(oct $key, 0) // die "msgget: $!\n";

sub is_end {
    my ($answer, $part) = @_;
    return $end eq 'e' ? $part eq '' : $end eq 's' ? length $part < 3999 : length $answer >= $length;
}

for my $number (1 .. $count) {
    msgsnd($queue, pack('l! l a64', 1, $$, "bytes $length $number"), 0) or die "msgsnd: $!\n";
    my ($answer, $part) = '';
    do {
        msgrcv($queue, my $message, 4000, $$, 0) or die "msgrcv: $!\n";
        (undef, $part) = unpack 'l! Z*', $message;
        $answer .= $part;
    } until is_end($answer, $part);
    my $expected = join '', map { sprintf "%07d %07d\n", $number, $_ } 0 .. $length / 16;
    $answer eq substr $expected, 0, $length or die "wrong answer to request $number\n";
}
print "ok $count\n";
