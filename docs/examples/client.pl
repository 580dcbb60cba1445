#!/usr/bin/perl
# A client of msgqd in Perl, as `msgqctl client perl` prints it: sends one text and prints the answer. It needs nothing but
# what comes with perl.
#
#     perl client.pl hello                        # the queue for which this was printed
#     perl client.pl -k 0x12345679 -t 5 hello     # another one, and at most 5 seconds
#
# Exit status: 0 answered, 1 the server answered an error, 2 nothing was answered.
use strict;
use warnings;
use Errno qw(ENOENT EACCES EIDRM EINVAL EINTR ENOMSG);
use Getopt::Std qw(getopts);
use IPC::SysV qw(IPC_NOWAIT MSG_NOERROR);
use Time::HiRes qw(setitimer ITIMER_REAL);

use constant { DEFAULT_KEY => 0x12345678, TEXT_LEN => 256, RESPONSE_LEN => 264 };

sub usage {
    print STDERR "usage: $0 [-k KEY] [-t SECONDS] TEXT\n";
    exit 2;
}

my %option;
getopts('k:t:', \%option) && @ARGV == 1 or usage();
my $text    = $ARGV[0];
my $key     = $option{k} // DEFAULT_KEY;
my $seconds = $option{t} // 30;
my $mtype   = 1;
$key = hex $key if $key =~ /^0x[0-9a-f]+$/i;
# Key 0, IPC_PRIVATE, would make a queue that nobody serves.
$key =~ /^-?\d+$/ && $key & 0xffffffff && $seconds =~ /^[1-9]\d*$/ or usage();
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

# The queue's number may be 0, so ask whether it is defined, not whether it is true.
my $queue = msgget($key, 0);
defined $queue or fail('msgget');

# A signal that comes just before a call is lost on it, so the timer goes on every 0.1 seconds.
$SIG{ALRM} = sub { fail('waiting', 'no answer in time') };
setitimer(ITIMER_REAL, $seconds, 0.1);

my $pid = $$;
my $answer_type = $pid;

# Who had this number before may have gone without reading its answer: it is not for us.
my $message;
1 while msgrcv($queue, $message, RESPONSE_LEN, $answer_type, IPC_NOWAIT | MSG_NOERROR);
$! == ENOMSG or fail('msgrcv');

# l!: mtype, a C long, is no part of the body. l: clientPid. a256: requestData, padded with NULs.
my $request = pack 'l! l a256', $mtype, $pid, $text;
until (msgsnd($queue, $request, 0)) { $! == EINTR or fail('msgsnd') }
until (msgrcv($queue, $message, RESPONSE_LEN, $answer_type, 0)) { $! == EINTR or fail('msgrcv') }

my (undef, $status, $answer) = unpack 'l! l Z256', $message;
print "$answer\n";
exit($status == 0 ? 0 : 1);
