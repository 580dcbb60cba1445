#!/usr/bin/php
<?php
/*
 * A client of msgqd in PHP (extension sysvmsg), as `msgqctl client php` prints it: sends one request and prints the fields of its
 * answer.
 *
 *     php client.php @@EXAMPLE@@
 *     php client.php -k 0x12345679 -t 5 @@EXAMPLE@@     # another queue, and at most 5 seconds
@@IF TYPES
 *     php client.php -m @@LAST_TYPE@@ @@EXAMPLE@@     # of another type; there are @@TYPE_LIST@@
@@END
 *
 * Fields are named as in REQUEST below, elements of an array as in name[2]; those that are left out are 0 or empty.
@@IF STATUS
 * Exit status: 0 answered, 1 the answer's status is not 0, 2 nothing was answered.
@@END
@@IF NO_STATUS
 * Exit status: 0 answered, 2 nothing was answered.
@@END
 */
declare(strict_types=1);

const DEFAULT_KEY = '@@KEY@@';
@@IF TYPES
const REQUEST_TYPES = [@@PHP_RANGES@@];
@@END

// Each field with its format for pack, its place in the body, and how many elements an array has. a* is a text that ends with
// the message.
const REQUEST = [
@@REQUEST_ROWS@@
];
const RESPONSE = [
@@RESPONSE_ROWS@@
];
// Without the type, in bytes.
const REQUEST_LEN = @@REQUEST_LEN@@;
const RESPONSE_ROOM = @@RESPONSE_ROOM@@;
// Who asks: filled in by this program.
const CLIENT = '@@CLIENT@@';
@@IF CLIENT_WORD
// In this word of the text, from 0.
const CLIENT_WORD = @@CLIENT_WORD@@;
@@END
// The places are those of programs in which a C long has as many bytes.
const LONG_LEN = @@LONG_LEN@@;
// PHP names none of these without the extension posix.
const EINTR = 4;
const EAGAIN = 11;
const EACCES = 13;
const EINVAL = 22;
const ENOMSG = 42;
const EIDRM = 43;

function fail(string $reason): never
{
    fwrite(STDERR, "client: $reason\n");
    exit(2);
}

function usage(): never
{
    $names = implode(' ', array_map(fn($field) => $field[0] . ($field[3] === null ? '' : '[N]'), REQUEST));
@@IF TYPES
    fwrite(STDERR, "usage: client.php [-k KEY] [-t SECONDS] [-m TYPE] NAME=VALUE...\nnames: $names\n");
@@END
@@IF ONE_TYPE
    fwrite(STDERR, "usage: client.php [-k KEY] [-t SECONDS] NAME=VALUE...\nnames: $names\n");
@@END
    exit(2);
}

function reason(int $errno): string
{
    return match ($errno) {
        EACCES => "permission denied; are you in the queue's group? (ipcs -q shows it)",
        EIDRM => 'the queue is gone: the server was stopped',
        EINVAL => 'the queue is gone: the server was stopped (or kernel.msgmax is below the length of a request)',
        default => "error $errno",
    };
}

/** Format and place of each field by its name; of an array, of each element. */
function places(array $fields): array
{
    $places = [];
    foreach ($fields as [$name, $format, $offset, $elements]) {
        $length = $format === 'a*' ? 0 : strlen(pack($format, 0));
        for ($i = 0; $i < ($elements ?? 1); $i++) {
            $places[$elements === null ? $name : "{$name}[$i]"] = [$format, $offset + $i * $length];
        }
    }
    return $places;
}

function text_at(string $body, string $format, int $offset): string
{
    $length = $format === 'a*' ? null : (int)substr($format, 1);
    return explode("\0", substr($body, $offset, $length), 2)[0];
}

/** A number as it is shown: of floats the shortest that is read back as the same. */
function number_at(string $body, string $format, int $offset): string
{
    $number = unpack("{$format}number", $body, $offset)['number'];
    if (is_int($number)) {
        return sprintf($format === 'Q' ? '%u' : '%d', $number);
    }
    if (!is_finite($number)) {
        return strtolower((string)$number);
    }
    for ($digits = 6; $digits <= 17; $digits++) {
        ini_set('precision', (string)$digits);
        $shown = (string)$number;
        if (unpack($format, pack($format, (float)$shown)) === unpack($format, pack($format, $number))) {
            break;
        }
    }
    return $shown;
}

/** A whole number as 64 bits; beyond the largest signed one the bits are those of a negative number. */
function integer(string $name, string $value): int
{
    if (!preg_match('/^(-?)(?:0x([0-9a-f]+)|([0-9]+))$/i', $value, $found)) {
        fail("$name: it takes an integer");
    }
    [$base, $digits] = isset($found[3]) ? [10, $found[3]] : [16, $found[2]];
    [$high, $low] = [0, 0];
    foreach (str_split($digits) as $digit) {
        $low = $low * $base + (int)hexdec($digit);
        $high = $high * $base + ($low >> 32);
        $low &= 0xffffffff;
        if ($high > 0xffffffff) {
            fail("$name: it cannot hold $value");
        }
    }
    $bits = $high << 32 | $low;
    return $found[1] === '-' ? ($bits === PHP_INT_MIN ? $bits : -$bits) : $bits;
}

function packed_number(string $name, string $format, string $value): string
{
    if ($format === 'f' || $format === 'd') {
        return is_numeric($value) ? pack($format, (float)$value) : fail("$name: it takes a number");
    }
    $integer = integer($name, $value);
    $packed = pack($format, $integer);
    // What the field cannot hold comes back as another number, or with another sign.
    $held = unpack($format, $packed)[1];
    $is_negative = $format !== 'Q' && $held < 0;
    if ($held !== $integer || $is_negative !== ($value[0] === '-')) {
        fail("$name: it cannot hold $value");
    }
    return $packed;
}

/** The body with this field written. */
function with_field(string $body, string $name, string $value): string
{
    [$format, $offset] = places(REQUEST)[$name] ?? fail("$name: there is no such field");
    if ($format === 'a*') {
        return substr_replace(str_pad($body, $offset + strlen($value) + 1, "\0"), $value, $offset, strlen($value));
    }
    if ($format[0] !== 'a') {
        $packed = packed_number($name, $format, $value);
    } elseif (strlen($value) <= (int)substr($format, 1)) {
        $packed = pack($format, $value);
    } else {
        fail(sprintf('%s: the text has %d bytes; there is room for %d', $name, strlen($value), substr($format, 1)));
    }
    return substr_replace($body, $packed, $offset, strlen($packed));
}
@@IF CLIENT_WORD

/** The body with the number of the client in its text, in front of the words that come behind it. */
function with_client(string $body, int $number): string
{
    $words = preg_split('/\s+/', text_at($body, ...places(REQUEST)[CLIENT]), -1, PREG_SPLIT_NO_EMPTY);
    if (count($words) < CLIENT_WORD) {
        fail(CLIENT . ": there are too few words in front of the client's number");
    }
    array_splice($words, CLIENT_WORD, 0, [(string)$number]);
    return with_field($body, CLIENT, implode(' ', $words));
}
@@END

@@PART until_done

if (PHP_INT_SIZE !== LONG_LEN) {
    fail('this program was printed for another kind of machine');
}
$options = getopt('@@OPTIONS@@', [], $next);
[$key, $seconds] = [$options['k'] ?? DEFAULT_KEY, $options['t'] ?? '30'];
if (!is_string($key) || !is_string($seconds) || !ctype_digit($seconds) || (int)$seconds < 1) {
    usage();
}
$key = intval($key, 0);
// Key 0, IPC_PRIVATE, would make a queue that nobody serves; what is no number is 0 too.
if (($key & 0xffffffff) === 0) {
    usage();
}
@@IF TYPES
$mtype = (int)($options['m'] ?? @@FIRST_TYPE@@);
if (array_filter(REQUEST_TYPES, fn($range) => $range[0] <= $mtype && $mtype <= $range[1]) === []) {
    usage();
}
@@END
@@IF ONE_TYPE
$mtype = @@FIRST_TYPE@@;
@@END
@@IF PROCESS
$number = getmypid();
@@END
@@IF NUMBER
// Clients are numbers without a process behind them: one that no other client will have by chance.
$number = random_int(@@LOWEST@@, @@HIGHEST@@);
@@END
$body = str_repeat("\0", REQUEST_LEN);
foreach (array_slice($argv, $next) as $setting) {
    if (!str_contains($setting, '=')) {
        usage();
    }
    [$name, $value] = explode('=', $setting, 2);
@@IF CLIENT_FIELD
    if ($name === CLIENT) {
        fail("$name: this program fills it in");
    }
@@END
    $body = with_field($body, $name, $value);
}
@@IF CLIENT_FIELD
$body = with_field($body, CLIENT, (string)$number);
@@END
@@IF CLIENT_WORD
$body = with_client($body, $number);
@@END

$where = sprintf('on queue 0x%08x', $key & 0xffffffff);
// msg_get_queue() would make a queue that nobody serves.
if (!msg_queue_exists($key)) {
    fail("msgget $where: there is no such queue; is msgqd running?");
}
$queue = msg_get_queue($key);
@@IF BASE
$answer_type = @@BASE@@ + $number;
@@END
@@IF NO_BASE
$answer_type = $number;
@@END
$receive = function (int $flags, ?int &$errno) use ($queue, $answer_type, &$answer): bool {
    return @msg_receive($queue, $answer_type, $type, RESPONSE_ROOM, $answer, false, $flags, $errno);
};

@@PART throw_away_old_answers

// With true for `serialize` PHP would send its own format.
$send = function (?int &$errno) use ($queue, $mtype, $body): bool {
    return @msg_send($queue, $mtype, $body, false, false, $errno);
};
$deadline = microtime(true) + (int)$seconds;
until_done($send, "msgsnd $where", $deadline);
until_done(fn(?int &$errno): bool => $receive(MSG_IPC_NOWAIT, $errno), "msgrcv $where", $deadline);

foreach (places(RESPONSE) as $name => [$format, $offset]) {
    if ($format[0] === 'a' && $offset <= strlen($answer)) {
        echo $name, '=', text_at($answer, $format, $offset), "\n";
    } elseif ($format[0] !== 'a' && $offset + strlen(pack($format, 0)) <= strlen($answer)) {
        echo $name, '=', number_at($answer, $format, $offset), "\n";
    }
}
@@IF STATUS
exit(number_at($answer, ...places(RESPONSE)['@@STATUS@@']) === '0' ? 0 : 1);
@@END
