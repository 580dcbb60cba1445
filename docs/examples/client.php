#!/usr/bin/php
<?php
/*
 * A client of msgqd in PHP (extension sysvmsg), as `msgqctl client php` prints it: sends one text and prints the answer.
 *
 *     php client.php hello                        # the queue for which this was printed
 *     php client.php -k 0x12345679 -t 5 hello     # another one, and at most 5 seconds
 *
 * Exit status: 0 answered, 1 the server answered an error, 2 nothing was answered.
 */
declare(strict_types=1);

const DEFAULT_KEY = '0x12345678';
const TEXT_LEN = 256;
const RESPONSE_LEN = 264;
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
    fwrite(STDERR, "usage: client.php [-k KEY] [-t SECONDS] TEXT\n");
    exit(2);
}

function reason(int $errno): string
{
    return match ($errno) {
        EACCES => "permission denied; are you in the queue's group? (ipcs -q shows it)",
        EIDRM, EINVAL => 'the queue is gone: the server was stopped',
        default => "error $errno",
    };
}

/** PHP's own timers do not end a call that waits, so each call is made again, with pauses that grow, until it has success. */
function until_done(callable $call, string $what, float $deadline): void
{
    for ($pause_us = 100; !$call($errno); $pause_us = min(2 * $pause_us, 20000)) {
        if (!in_array($errno, [EAGAIN, ENOMSG, EINTR], true)) {
            fail("$what: " . reason($errno));
        }
        if (microtime(true) > $deadline) {
            fail("$what: no answer in time");
        }
        usleep($pause_us);
    }
}

$options = getopt('k:t:', [], $next);
[$key, $seconds, $texts] = [$options['k'] ?? DEFAULT_KEY, $options['t'] ?? '30', array_slice($argv, $next)];
if (count($texts) !== 1 || !is_string($key) || !is_string($seconds) || !ctype_digit($seconds) || (int)$seconds < 1) {
    usage();
}
$mtype = 1;
[$text, $key] = [$texts[0], intval($key, 0)];
// Key 0, IPC_PRIVATE, would make a queue that nobody serves; what is no number is 0 too.
if (($key & 0xffffffff) === 0) {
    usage();
}
$where = sprintf('on queue 0x%08x', $key & 0xffffffff);
if (strlen($text) > TEXT_LEN) {
    fail(sprintf('the text has %d bytes; a request carries at most %d', strlen($text), TEXT_LEN));
}

// msg_get_queue() would make a queue that nobody serves.
if (!msg_queue_exists($key)) {
    fail("msgget $where: there is no such queue; is msgqd running?");
}
$queue = msg_get_queue($key);
$pid = getmypid();
$answer_type = $pid;
$receive = function (int $flags, ?int &$errno) use ($queue, $answer_type, &$message): bool {
    return @msg_receive($queue, $answer_type, $type, RESPONSE_LEN, $message, false, $flags, $errno);
};

// Who had this number before may have gone without reading its answer: it is not for us.
while ($receive(MSG_IPC_NOWAIT | MSG_NOERROR, $errno)) {
    continue;
}
if ($errno !== ENOMSG) {
    fail("msgrcv $where: " . reason($errno));
}

// l: clientPid; a256: requestData, padded with NULs. Without serialize: false PHP would send its own format.
$request = pack('la256', $pid, $text);
$send = function (?int &$errno) use ($queue, $mtype, $request): bool {
    return @msg_send($queue, $mtype, $request, false, false, $errno);
};
$deadline = microtime(true) + (int)$seconds;
until_done($send, "msgsnd $where", $deadline);
until_done(fn(?int &$errno): bool => $receive(MSG_IPC_NOWAIT, $errno), "msgrcv $where", $deadline);

['status' => $status, 'answer' => $answer] = unpack('lstatus/Z256answer', $message);
echo $answer, "\n";
exit($status === 0 ? 0 : 1);
