#!/usr/bin/perl
# The client of private_key.c in Perl: KEY COUNT [MODE].
use strict;
use warnings;
use IPC::SysV qw(IPC_CREAT IPC_EXCL IPC_RMID);

my ($key, $count, $mode) = @ARGV;
my $requests = msgget(oct $key, 0) // die "msgget: $!\n";
my ($own_key, $own);
umask 0;
for my $try (0 .. 15) {
    $own_key = 0x50000000 + $$ * 16 + $try;
    $own = msgget($own_key, IPC_CREAT | IPC_EXCL | oct($mode // '622'));
    last if defined $own;
}
defined $own or die "msgget: $!\n";
print STDERR "queue ", $own + 0, "\n";
END { msgctl($own, IPC_RMID, 0) if defined $own }
for my $number (1 .. $count) {
    my $text = "question $number of $$";
    msgsnd($requests, pack('l! a100 l', 1, $text, $own_key), 0) or die "msgsnd: $!\n";
    msgrcv($own, my $message, 120, 1, 0) or die "msgrcv: $!\n";
    my (undef, $answer) = unpack 'l! Z*', $message;
    $answer eq "Processed: $text" or die "wrong answer to request $number\n";
}
print "ok $count\n";
