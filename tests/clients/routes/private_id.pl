#!/usr/bin/perl
# The client of private_id.c in Perl: KEY COUNT [MODE].
use strict;
use warnings;
use IPC::SysV qw(IPC_CREAT IPC_PRIVATE IPC_RMID);

my ($key, $count, $mode) = @ARGV;
my $requests = msgget(oct $key, 0) // die "msgget: $!\n";
my $own = msgget(IPC_PRIVATE, IPC_CREAT | oct($mode // '600')) // die "msgget: $!\n";
print STDERR "queue ", $own + 0, "\n";
END { msgctl($own, IPC_RMID, 0) if defined $own }
for my $number (1 .. $count) {
    my $text = "question $number of $$";
    msgsnd($requests, pack('l! l a256', 1, $own, $text), 0) or die "msgsnd: $!\n";
    msgrcv($own, my $message, 264, 1, 0) or die "msgrcv: $!\n";
    # A 64-bit program's answer has four bytes of padding at its end.
    my (undef, $status, $answer) = unpack 'l! l Z*', $message;
    $status == 0 && $answer eq "Processed: $text" or die "wrong answer to request $number\n";
}
print "ok $count\n";
