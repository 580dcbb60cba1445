#!/usr/bin/perl
# The client of private_parts.c in Perl: KEY COUNT [slow|fails|again|dies|removes|LENGTH].
use strict;
use warnings;
use IPC::SysV qw(IPC_CREAT IPC_PRIVATE IPC_RMID);
use constant {ERROR => 1, DATA => 2, LAST => 3};

my ($key, $count, $mode) = (@ARGV, '');
my $length = $mode =~ /^\d+$/ ? $mode : 20000;
my $requests = msgget(oct $key, 0) // die "msgget: $!\n";
my $own = msgget(IPC_PRIVATE, IPC_CREAT | 0600) // die "msgget: $!\n";
print STDERR "queue ", $own + 0, "\n";
END { msgctl($own, IPC_RMID, 0) if defined $own }

sub receive_part {
    select undef, undef, undef, 0.002 if $mode eq 'slow';
    msgrcv($own, my $message, 1000, 0, 0) or die "msgrcv: $!\n";
    return unpack 'l! Z*', $message;
}

sub leave {
    kill 'KILL', $$ if $mode eq 'dies';
    msgctl($own, IPC_RMID, 0);
    undef $own;
    print "removed\n";
    exit 0;
}

sub long_text {
    my ($number) = @_;
    return substr join('', map { sprintf "%07d %07d\n", $number, $_ } 0 .. $length / 16), 0, $length;
}

for my $number (1 .. $count) {
    my ($answer, $type, $text) = '';
    my $word = $mode eq 'fails' ? 'nothing' : 'bytes';
    msgsnd($requests, pack('l! l a64', 1, $own, "$word $length $number"), 0) or die "msgsnd: $!\n";
    while (($type, $text) = receive_part() and $type == DATA) {
        $answer .= $text;
        leave() if $number == $count && $mode =~ /dies|removes/;
    }
    redo if $mode eq 'again' && $type == ERROR;
    my $right = $mode eq 'fails' ? $type == ERROR && $text ne '' : $type == LAST && $answer . $text eq long_text($number);
    $right or die "wrong answer to request $number\n";
}
print "ok $count\n";
