@@BEGIN open_queue
# The queue's number may be 0, so ask whether it is defined, not whether it is true.
my $queue = msgget($key, 0);
defined $queue or fail('msgget');

# A signal that comes just before a call is lost on it, so the timer goes on every 0.1 seconds.
$SIG{ALRM} = sub { fail('waiting', 'no answer in time') };
setitimer(ITIMER_REAL, $seconds, 0.1);
