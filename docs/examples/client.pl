#!/usr/bin/perl
# A client of msgqd in Perl, with nothing but its built-in functions: sends one text and prints the answer.
#
#     perl client.pl hello                  # the default queue
#     perl client.pl 0x12345679 hello       # another one
#
# Exit status: 0 answered, 1 the server answered an error, 2 nothing was answered.
use strict;
use warnings;
use Errno qw(ENOENT EACCES EIDRM EINVAL);
use IPC::SysV qw(IPC_NOWAIT MSG_NOERROR);

use constant { DEFAULT_KEY => 0x12345678, REQUEST_MTYPE => 1, TEXT_LEN => 256, RESPONSE_LEN => 264 };

sub fail {
    my ($call, $key) = @_;
    my $reason =
        $! == ENOENT ? 'there is no such queue; is msgqd running?'
      : $! == EACCES ? "permission denied; are you in the queue's group? (ipcs -q shows it)"
      : $! == EIDRM || $! == EINVAL ? 'the queue is gone: the server was stopped'
      :                "$!";
    printf STDERR "client: %s on queue 0x%08x: %s\n", $call, $key, $reason;
    exit 2;
}

if (@ARGV != 1 && @ARGV != 2) {
    print STDERR "usage: $0 [KEY] TEXT\n";
    exit 2;
}
my $text = pop @ARGV;
my $key  = @ARGV ? ($ARGV[0] =~ /^0x/i ? hex $ARGV[0] : $ARGV[0]) : DEFAULT_KEY;
if (length $text > TEXT_LEN) {
    printf STDERR "client: the text has %d bytes; a request carries at most %d\n", length $text, TEXT_LEN;
    exit 2;
}

# The queue's number may be 0, so ask whether it is defined, not whether it is true.
my $queue = msgget($key, 0);
defined $queue or fail('msgget', $key);

# A process that had this PID before may have died without reading its answer: it is not for us.
my $message;
1 while msgrcv($queue, $message, RESPONSE_LEN, $$, IPC_NOWAIT | MSG_NOERROR);

# l!: mtype, a C long, is no part of the body. l: clientPid. a256: requestData, padded with NULs.
my $request = pack 'l! l a256', REQUEST_MTYPE, $$, $text;
msgsnd($queue, $request, 0) or fail('msgsnd', $key);
msgrcv($queue, $message, RESPONSE_LEN, $$, 0) or fail('msgrcv', $key);

my (undef, $status, $answer) = unpack 'l! l Z256', $message;
print "$answer\n";
exit($status == 0 ? 0 : 1);
