<?php
// The client of packed.c in PHP: KEY COUNT.
declare(strict_types=1);

[, $key, $count] = $argv;
$queue = msg_get_queue(intval($key, 0));
$pid = getmypid();
for ($number = 1; $number <= (int)$count; $number++) {
    $fields = ['magic' => 0xfeedbeef, 'pid' => $pid, 'serial' => $number & 0xffff, 'name' => "account $number", 'kind' => 7];
    if (!msg_send($queue, 1, pack('LlSa21Cd', ...[...array_values($fields), $number / 8]), serialize: false)
        || !msg_receive($queue, $pid, $type, 40, $message, unserialize: false)) {
        exit(2);
    }
    if (unpack('Lmagic/lpid/Sserial/Z21name/Ckind/damount', $message) !== [...$fields, 'amount' => $number / 4.0]) {
        fwrite(STDERR, "wrong answer to request $number\n");
        exit(1);
    }
}
echo "ok $count\n";
