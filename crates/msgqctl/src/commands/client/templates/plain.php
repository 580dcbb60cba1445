#!/usr/bin/php
<?php
/*
 * A client of msgqd in PHP (extension sysvmsg), as `msgqctl client php` prints it: sends one text and prints the answer.
 *
 *     php client.php hello                        # the queue for which this was printed
 *     php client.php -k 0x12345679 -t 5 hello     # another one, and at most 5 seconds
@@IF TYPES
 *     php client.php -m @@LAST_TYPE@@ hello                   # of another type; there are @@TYPE_LIST@@
@@END
 *
@@IF STATUS
 * Exit status: 0 answered, 1 the server answered an error, 2 nothing was answered.
@@END
@@IF ECHO
 * Exit status: 0 answered, 2 nothing was answered.
@@END
 */
declare(strict_types=1);

const DEFAULT_KEY = '@@KEY@@';
@@IF TYPES
const REQUEST_TYPES = [@@PHP_RANGES@@];
@@END
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
@@IF TYPES
    fwrite(STDERR, "usage: client.php [-k KEY] [-t SECONDS] [-m TYPE] TEXT\n");
@@END
@@IF ONE_TYPE
    fwrite(STDERR, "usage: client.php [-k KEY] [-t SECONDS] TEXT\n");
@@END
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

@@PART until_done

$options = getopt('@@OPTIONS@@', [], $next);
[$key, $seconds, $texts] = [$options['k'] ?? DEFAULT_KEY, $options['t'] ?? '30', array_slice($argv, $next)];
if (count($texts) !== 1 || !is_string($key) || !is_string($seconds) || !ctype_digit($seconds) || (int)$seconds < 1) {
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
@@IF PROCESS
$pid = getmypid();
@@END
@@IF NUMBER
// Clients are numbers without a process behind them: one that no other client will have by chance.
$pid = random_int(@@LOWEST@@, @@HIGHEST@@);
@@END
@@IF BASE
$answer_type = @@BASE@@ + $pid;
@@END
@@IF NO_BASE
$answer_type = $pid;
@@END
$receive = function (int $flags, ?int &$errno) use ($queue, $answer_type, &$message): bool {
    return @msg_receive($queue, $answer_type, $type, RESPONSE_LEN, $message, false, $flags, $errno);
};

@@PART throw_away_old_answers

// l: clientPid; a256: requestData, padded with NULs. Without serialize: false PHP would send its own format.
$request = pack('la256', $pid, $text);
$send = function (?int &$errno) use ($queue, $mtype, $request): bool {
    return @msg_send($queue, $mtype, $request, false, false, $errno);
};
$deadline = microtime(true) + (int)$seconds;
until_done($send, "msgsnd $where", $deadline);
until_done(fn(?int &$errno): bool => $receive(MSG_IPC_NOWAIT, $errno), "msgrcv $where", $deadline);

@@IF STATUS
['status' => $status, 'answer' => $answer] = unpack('lstatus/Z256answer', $message);
echo $answer, "\n";
exit($status === 0 ? 0 : 1);
@@END
@@IF ECHO
['answer' => $answer] = unpack('lfirst/Z256answer', $message);
echo $answer, "\n";
@@END
