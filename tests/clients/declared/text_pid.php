<?php
// The client of text_pid.c in PHP: KEY COUNT.
declare(strict_types=1);

[, $key, $count] = $argv;
$queue = msg_get_queue(intval($key, 0));
$pid = getmypid();
for ($number = 1; $number <= (int)$count; $number++) {
    $text = "line $number of a text";
    if (!msg_send($queue, 1, pack('a256l', $text, $pid), serialize: false)
        || !msg_receive($queue, $pid, $type, 264, $message, unserialize: false)) {
        exit(2);
    }
    if (unpack('Z256text/lpid', $message) !== ['text' => strtoupper($text), 'pid' => $pid]) {
        fwrite(STDERR, "wrong answer to request $number\n");
        exit(1);
    }
}
echo "ok $count\n";
