#!/usr/bin/perl
# A client of msgqd in Perl, as `msgqctl client perl` prints it: sends one text and prints the answer. It needs nothing but
# what comes with perl.
#
#     perl client.pl hello                        # the queue for which this was printed
#     perl client.pl -k 0x12345679 -t 5 hello     # another one, and at most 5 seconds
@@IF TYPES
#     perl client.pl -m @@LAST_TYPE@@ hello                   # of another type; there are @@TYPE_LIST@@
@@END
#
@@IF STATUS
# Exit status: 0 answered, 1 the server answered an error, 2 nothing was answered.
@@END
@@IF ECHO
# Exit status: 0 answered, 2 nothing was answered.
@@END
use strict;
use warnings;
use Errno qw(ENOENT EACCES EIDRM EINVAL EINTR ENOMSG);
use Getopt::Std qw(getopts);
use IPC::SysV qw(IPC_NOWAIT MSG_NOERROR);
use Time::HiRes qw(setitimer ITIMER_REAL);

use constant { DEFAULT_KEY => @@KEY@@, TEXT_LEN => 256, RESPONSE_LEN => 264 };
@@IF TYPES
my @REQUEST_TYPES = (@@PERL_RANGES@@);
@@END

sub usage {
@@IF TYPES
    print STDERR "usage: $0 [-k KEY] [-t SECONDS] [-m TYPE] TEXT\n";
@@END
@@IF ONE_TYPE
    print STDERR "usage: $0 [-k KEY] [-t SECONDS] TEXT\n";
@@END
    exit 2;
}

my %option;
getopts('@@OPTIONS@@', \%option) && @ARGV == 1 or usage();
my $text    = $ARGV[0];
my $key     = $option{k} // DEFAULT_KEY;
my $seconds = $option{t} // 30;
my $mtype   = @@PERL_MTYPE@@;
$key = hex $key if $key =~ /^0x[0-9a-f]+$/i;
# Key 0, IPC_PRIVATE, would make a queue that nobody serves.
$key =~ /^-?\d+$/ && $key & 0xffffffff && $seconds =~ /^[1-9]\d*$/ or usage();
@@IF TYPES
$mtype =~ /^\d+$/ && grep { $_->[0] <= $mtype && $mtype <= $_->[1] } @REQUEST_TYPES or usage();
@@END
if (length $text > TEXT_LEN) {
    printf STDERR "client: the text has %d bytes; a request carries at most %d\n", length $text, TEXT_LEN;
    exit 2;
}

sub fail {
    my ($call, $reason) = @_;
    $reason //=
        $! == ENOENT ? 'there is no such queue; is msgqd running?'
      : $! == EACCES ? "permission denied; are you in the queue's group? (ipcs -q shows it)"
      : $! == EIDRM || $! == EINVAL ? 'the queue is gone: the server was stopped'
      :                "$!";
    printf STDERR "client: %s on queue 0x%08x: %s\n", $call, $key & 0xffffffff, $reason;
    exit 2;
}

@@PART open_queue

@@IF PROCESS
my $pid = $$;
@@END
@@IF NUMBER
# Clients are numbers without a process behind them: one that no other client will have by chance.
my $pid = @@LOWEST@@ + int rand(@@HIGHEST@@ - @@LOWEST@@ + 1);
@@END
@@IF BASE
my $answer_type = @@BASE@@ + $pid;
@@END
@@IF NO_BASE
my $answer_type = $pid;
@@END

# Who had this number before may have gone without reading its answer: it is not for us.
my $message;
1 while msgrcv($queue, $message, RESPONSE_LEN, $answer_type, IPC_NOWAIT | MSG_NOERROR);
$! == ENOMSG or fail('msgrcv');

# l!: mtype, a C long, is no part of the body. l: clientPid. a256: requestData, padded with NULs.
my $request = pack 'l! l a256', $mtype, $pid, $text;
until (msgsnd($queue, $request, 0)) { $! == EINTR or fail('msgsnd') }
until (msgrcv($queue, $message, RESPONSE_LEN, $answer_type, 0)) { $! == EINTR or fail('msgrcv') }

@@IF STATUS
my (undef, $status, $answer) = unpack 'l! l Z256', $message;
print "$answer\n";
exit($status == 0 ? 0 : 1);
@@END
@@IF ECHO
my (undef, undef, $answer) = unpack 'l! l Z256', $message;
print "$answer\n";
@@END
