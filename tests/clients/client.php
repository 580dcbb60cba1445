#!/usr/bin/php
<?php
// The load client in PHP: KEY COUNT NAME. Its requests end with the text's NUL.
declare(strict_types=1);

[, $key, $count, $name] = $argv;
$queue = msg_get_queue(intval($key, 0));
$pid = getmypid();
for ($i = 1; $i <= (int)$count; $i++) {
    $text = "$name-$i";
    if (!msg_send($queue, 1, pack('l', $pid) . $text . "\0", serialize: false)) {
        exit(2);
    }
    if (!msg_receive($queue, $pid, $type, 264, $message, unserialize: false)) {
        exit(2);
    }
    ['status' => $status, 'answer' => $answer] = unpack('lstatus/Z256answer', $message);
    if ($status !== 0 || $answer !== "Processed: $text") {
        fwrite(STDERR, "wrong answer to $text: status $status, \"$answer\"\n");
        exit(1);
    }
}
echo "ok $count\n";
