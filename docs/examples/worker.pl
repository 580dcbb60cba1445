#!/usr/bin/perl
# A worker for msgqd that answers each text in capitals. See docs/handler-protocol.md.
use strict;
use warnings;

binmode STDIN;
binmode STDOUT;
$| = 1;
<STDIN>;    # msgqd-handler 1
print "msgqd-handler 1\n";
while (my $header = <STDIN>) {
    my (undef, $id, $client_pid, $deadline_ms, $length) = split ' ', $header;
    read(STDIN, my $text, $length);
    my $answer = uc $text;
    printf "answer %s 0 %d\n%s", $id, length $answer, $answer;
}
