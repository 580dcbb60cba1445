#!/usr/bin/php
<?php
// The client of ask.c in PHP: KEY COUNT NAME STOP LIMIT.
declare(strict_types=1);

[, $key, $count, $name, $stop, $limit] = $argv;
[$queue, $pid, $right] = [msg_get_queue(intval($key, 0)), getmypid(), 0];
for ($i = 1; $i <= (int)$count && !file_exists($stop); $i++) {
    $text = "$name-$i";
    pcntl_alarm((int)$limit);
    if (!msg_send($queue, 1, pack('l', $pid) . $text . "\0", serialize: false)) {
        exit(2);
    }
    if (!msg_receive($queue, $pid, $type, 264, $message, unserialize: false)) {
        exit(2);
    }
    ['status' => $status, 'answer' => $answer] = unpack('lstatus/Z256answer', $message);
    if ($status !== 0) {
        echo "$status $answer\n";
        usleep(20000);
    } elseif ($answer === "Processed: $text") {
        $right++;
    } else {
        fwrite(STDERR, "wrong answer to $text: \"$answer\"\n");
        exit(1);
    }
}
echo "right $right\n";
