@@BEGIN until_done
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

@@BEGIN throw_away_old_answers
// Who had this number before may have gone without reading its answer: it is not for us.
while ($receive(MSG_IPC_NOWAIT | MSG_NOERROR, $errno)) {
    continue;
}
if ($errno !== ENOMSG) {
    fail("msgrcv $where: " . reason($errno));
}
