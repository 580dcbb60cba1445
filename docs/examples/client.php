#!/usr/bin/php
<?php
/*
 * A client of msgqd in PHP (extension sysvmsg): sends one text and prints the answer.
 *
 *     php client.php hello                  # the default queue
 *     php client.php 0x12345679 hello       # another one
 *
 * Exit status: 0 answered, 1 the server answered an error, 2 nothing was answered.
 */
declare(strict_types=1);

const DEFAULT_KEY = 0x12345678;
const REQUEST_MTYPE = 1;
const TEXT_LEN = 256;
const RESPONSE_LEN = 264;
const EACCES = 13;
const EINVAL = 22;
const EIDRM = 43;

function fail(string $reason): never
{
    fwrite(STDERR, "client: $reason\n");
    exit(2);
}

function reason(int $errno): string
{
    return match ($errno) {
        EACCES => "permission denied; are you in the queue's group? (ipcs -q shows it)",
        EIDRM, EINVAL => 'the queue is gone: the server was stopped',
        default => posix_strerror($errno),
    };
}

if ($argc !== 2 && $argc !== 3) {
    fwrite(STDERR, "usage: {$argv[0]} [KEY] TEXT\n");
    exit(2);
}
$text = $argv[$argc - 1];
$key = $argc === 3 ? intval($argv[1], 0) : DEFAULT_KEY;
$where = sprintf('on queue 0x%08x', $key);
if (strlen($text) > TEXT_LEN) {
    fail(sprintf('the text has %d bytes; a request carries at most %d', strlen($text), TEXT_LEN));
}

// msg_get_queue() would make a queue that nobody serves.
if (!msg_queue_exists($key)) {
    fail("msgget $where: there is no such queue; is msgqd running?");
}
$queue = msg_get_queue($key);
$pid = getmypid();

// A process that had this PID before may have died without reading its answer: it is not for us.
while (@msg_receive($queue, $pid, $type, RESPONSE_LEN, $message, false, MSG_IPC_NOWAIT | MSG_NOERROR)) {
    continue;
}

// l: clientPid; a256: requestData, padded with NULs. Without serialize: false PHP would send its own format.
$request = pack('la256', $pid, $text);
if (!@msg_send($queue, REQUEST_MTYPE, $request, serialize: false, error_code: $errno)) {
    fail("msgsnd $where: " . reason($errno));
}
if (!@msg_receive($queue, $pid, $type, RESPONSE_LEN, $message, unserialize: false, error_code: $errno)) {
    fail("msgrcv $where: " . reason($errno));
}

['status' => $status, 'answer' => $answer] = unpack('lstatus/Z256answer', $message);
echo $answer, "\n";
exit($status === 0 ? 0 : 1);
