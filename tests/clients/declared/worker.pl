#!/usr/bin/perl
# What works the answers of these programs out, behind msgqd: worker.pl NAME. It speaks version 2 of the handler protocol.
use strict;
use warnings;

sub doubles {
    my (undef, $body) = @_;
    my (undef, $m, $n) = unpack 'i3', $body;
    # In front of the cells a 64-bit compiler puts four bytes of padding.
    my @cells = unpack 'd*', substr $body, length($body) == 816 ? 16 : 12;
    my $sum = 0;
    $sum += $_ for @cells[0 .. $m * $n - 1];
    return pack 'd', $sum;
}

sub floats {
    my (undef, $a, $b, $op) = unpack 'i f f a', $_[1];
    return pack 'f', $op eq '+' ? $a + $b : $op eq '-' ? $a - $b : $op eq '*' ? $a * $b : $a / $b;
}

sub operations {
    my ($type, $text) = @_;
    my @work = (sub { uc $text }, sub { lc $text }, sub { scalar reverse $text }, sub { length $text },
        sub { substr $text, 0, 1 }, sub { $text });
    return $work[$type - 1]->();
}

sub packed {
    my @fields = unpack 'I i S a21 C d', $_[1];
    $fields[-1] *= 2;
    return pack 'I i S a21 C d', @fields;
}

sub pid_int {
    return pack 'i', 2 * unpack('i', $_[1]) + 1;
}

my %work = (
    doubles => \&doubles, floats => \&floats, operations => \&operations, packed => \&packed, pid_int => \&pid_int,
);
my $work = $work{$ARGV[0]} or die "usage: $0 NAME\n";
binmode STDIN;
binmode STDOUT;
$| = 1;
scalar <STDIN>;    # msgqd-handler 2
print "msgqd-handler 2\n";
while (my $header = <STDIN>) {
    my (undef, $id, $client, $deadline_ms, $type, $length) = split ' ', $header;
    read(STDIN, my $request, $length);
    my $answer = $work->($type, $request);
    print "answer $id 0 ", length $answer, "\n", $answer;
}
