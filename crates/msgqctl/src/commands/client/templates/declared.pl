#!/usr/bin/perl
# A client of msgqd in Perl, as `msgqctl client perl` prints it: sends one request and prints the fields of its answer. It needs
# nothing but what comes with perl.
#
#     perl client.pl @@EXAMPLE@@
#     perl client.pl -k 0x12345679 -t 5 @@EXAMPLE@@     # another queue, and at most 5 seconds
@@IF TYPES
#     perl client.pl -m @@LAST_TYPE@@ @@EXAMPLE@@     # of another type; there are @@TYPE_LIST@@
@@END
#
# Fields are named as in @REQUEST below, elements of an array as in name[2]; those that are left out are 0 or empty.
@@IF STATUS
# Exit status: 0 answered, 1 the answer's status is not 0, 2 nothing was answered.
@@END
@@IF NO_STATUS
# Exit status: 0 answered, 2 nothing was answered.
@@END
use strict;
use warnings;
no warnings qw(portable overflow pack);
use Errno qw(ENOENT EACCES EIDRM EINVAL EINTR ENOMSG);
use Getopt::Std qw(getopts);
use IPC::SysV qw(IPC_NOWAIT MSG_NOERROR);
use Time::HiRes qw(setitimer ITIMER_REAL);

@@IF TYPES
my @REQUEST_TYPES = (@@PERL_RANGES@@);
@@END

# Each field with its format for pack, its place in the body, and how many elements an array has. a* is a text that ends with
# the message.
my @REQUEST = (
@@REQUEST_ROWS@@
);
my @RESPONSE = (
@@RESPONSE_ROWS@@
);
# Without the type, in bytes.
use constant { REQUEST_LEN => @@REQUEST_LEN@@, RESPONSE_ROOM => @@RESPONSE_ROOM@@ };
# Who asks: filled in by this program.
use constant CLIENT => '@@CLIENT@@';
@@IF CLIENT_WORD
# In this word of the text, from 0.
use constant CLIENT_WORD => @@CLIENT_WORD@@;
@@END
# The places are those of programs in which a C long has as many bytes.
use constant LONG_LEN => @@LONG_LEN@@;

sub refuse {
    print STDERR "client: @_\n";
    exit 2;
}

sub usage {
    my $names = join ' ', map { $_->[0] . ($_->[3] ? '[N]' : '') } @REQUEST;
@@IF TYPES
    print STDERR "usage: $0 [-k KEY] [-t SECONDS] [-m TYPE] NAME=VALUE...\nnames: $names\n";
@@END
@@IF ONE_TYPE
    print STDERR "usage: $0 [-k KEY] [-t SECONDS] NAME=VALUE...\nnames: $names\n";
@@END
    exit 2;
}

# The names in their order, of arrays with each element; and format and place of each.
sub places {
    my (@names, %place);
    for my $field (@_) {
        my ($name, $format, $offset, $elements) = @$field;
        my $length = $format eq 'a*' ? 0 : length pack $format, 0;
        for my $i (0 .. ($elements // 1) - 1) {
            my $path = defined $elements ? "${name}[$i]" : $name;
            push @names, $path;
            $place{$path} = [$format, $offset + $i * $length];
        }
    }
    return (\@names, \%place);
}

my (undef, $place_of_request) = places(@REQUEST);
my ($names_of_answer, $place_of_answer) = places(@RESPONSE);

sub text_at {
    my ($body, $format, $offset) = @_;
    my ($text) = split /\0/, unpack($format, substr $body, $offset), 2;
    return $text // '';
}

# A number as it is shown: of floats the shortest that is read back as the same.
sub number_at {
    my ($body, $format, $offset) = @_;
    my $number = unpack $format, substr $body, $offset;
    return $number if $format !~ /^[fd]$/;
    my $shown;
    for my $digits (6 .. 17) {
        $shown = sprintf "%.${digits}g", $number;
        last if unpack($format, pack $format, $shown) == $number;
    }
    return $shown;
}

my $body = "\0" x REQUEST_LEN;

sub set_field {
    my ($name, $value) = @_;
    my ($format, $offset) = @{ $place_of_request->{$name} // refuse("$name: there is no such field") };
    if ($format =~ /^a(\d*)/) {
        my ($length, $room) = (length $value, $1);
        if ($room eq '') {
            $room = $length;
            $body .= "\0" x ($offset + $length + 1 - length $body) if $offset + $length + 1 > length $body;
        }
        $length <= $room or refuse("$name: the text has $length bytes; there is room for $room");
        $format = "a$room";
    } elsif ($format =~ /^[fd]$/) {
        $value =~ /^-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i or refuse("$name: it takes a number");
    } else {
        $value = hex $value if $value =~ /^0x[0-9a-f]+$/i;
        $value =~ s/^(-?)0+(?=\d)/$1/;
        $value =~ /^-?\d+$/ or refuse("$name: it takes an integer");
        # What the field cannot hold comes back as another number.
        unpack($format, pack $format, $value) eq $value or refuse("$name: it cannot hold $value");
    }
    my $packed = pack $format, $value;
    substr($body, $offset, length $packed) = $packed;
}
@@IF CLIENT_WORD

# Puts the number of the client into the text, in front of the words that come behind it.
sub name_client {
    my ($number) = @_;
    my @words = split ' ', text_at($body, @{ $place_of_request->{ +CLIENT } });
    @words >= CLIENT_WORD or refuse(CLIENT, 'has too few words in front of the client\'s number');
    splice @words, CLIENT_WORD, 0, $number;
    set_field(CLIENT, join ' ', @words);
}
@@END

length(pack 'l!', 0) == LONG_LEN or refuse('this program was printed for another kind of machine');
my %option;
getopts('@@OPTIONS@@', \%option) or usage();
my $key     = $option{k} // '@@KEY@@';
my $seconds = $option{t} // 30;
my $mtype   = @@PERL_MTYPE@@;
$key = hex $key if $key =~ /^0x[0-9a-f]+$/i;
# Key 0, IPC_PRIVATE, would make a queue that nobody serves.
$key =~ /^-?\d+$/ && $key & 0xffffffff && $seconds =~ /^[1-9]\d*$/ or usage();
@@IF TYPES
$mtype =~ /^\d+$/ && grep { $_->[0] <= $mtype && $mtype <= $_->[1] } @REQUEST_TYPES or usage();
@@END
for my $setting (@ARGV) {
    my ($name, $value) = split /=/, $setting, 2;
    defined $value or usage();
@@IF CLIENT_FIELD
    $name ne CLIENT or refuse("$name: this program fills it in");
@@END
    set_field($name, $value);
}
@@IF PROCESS
my $number = $$;
@@END
@@IF NUMBER
# Clients are numbers without a process behind them: one that no other client will have by chance.
my $number = @@LOWEST@@ + int rand(@@HIGHEST@@ - @@LOWEST@@ + 1);
@@END
@@IF CLIENT_FIELD
set_field(CLIENT, $number);
@@END
@@IF CLIENT_WORD
name_client($number);
@@END

sub fail {
    my ($call, $reason) = @_;
    $reason //=
        $! == ENOENT ? 'there is no such queue; is msgqd running?'
      : $! == EACCES ? "permission denied; are you in the queue's group? (ipcs -q shows it)"
      : $! == EIDRM  ? 'the queue is gone: the server was stopped'
      : $! == EINVAL ? 'the queue is gone: the server was stopped (or kernel.msgmax is below the length of a request)'
      :                "$!";
    refuse(sprintf '%s on queue 0x%08x: %s', $call, $key & 0xffffffff, $reason);
}

@@PART open_queue

@@IF BASE
my $answer_type = @@BASE@@ + $number;
@@END
@@IF NO_BASE
my $answer_type = $number;
@@END

# Who had this number before may have gone without reading its answer: it is not for us.
my $message;
1 while msgrcv($queue, $message, RESPONSE_ROOM, $answer_type, IPC_NOWAIT | MSG_NOERROR);
$! == ENOMSG or fail('msgrcv');

# A message begins with its type, a C long, which is no part of the body.
until (msgsnd($queue, pack('l! a*', $mtype, $body), 0)) { $! == EINTR or fail('msgsnd') }
until (msgrcv($queue, $message, RESPONSE_ROOM, $answer_type, 0)) { $! == EINTR or fail('msgrcv') }

my $answer = substr $message, LONG_LEN;
for my $name (@$names_of_answer) {
    my ($format, $offset) = @{ $place_of_answer->{$name} };
    if ($format =~ /^a/) {
        print "$name=", text_at($answer, $format, $offset), "\n" if $offset <= length $answer;
    } elsif ($offset + length(pack $format, 0) <= length $answer) {
        print "$name=", number_at($answer, $format, $offset), "\n";
    }
}
@@IF STATUS
exit(number_at($answer, @{ $place_of_answer->{'@@STATUS@@'} }) == 0 ? 0 : 1);
@@END
