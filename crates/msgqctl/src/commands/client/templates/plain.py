#!/usr/bin/python3
"""A client of msgqd in Python, as `msgqctl client python` prints it: sends one text and prints the answer. It needs nothing
but Python itself, which calls the C library.

    python3 client.py hello                        # the queue for which this was printed
    python3 client.py -k 0x12345679 -t 5 hello     # another one, and at most 5 seconds
@@IF TYPES
    python3 client.py -m @@LAST_TYPE@@ hello                   # of another type; there are @@TYPE_LIST@@
@@END

@@IF STATUS
Exit status: 0 answered, 1 the server answered an error, 2 nothing was answered.
@@END
@@IF ECHO
Exit status: 0 answered, 2 nothing was answered.
@@END
"""
import ctypes
import errno
import getopt
import os
@@IF NUMBER
import random
@@END
import signal
import struct
import sys

DEFAULT_KEY = @@KEY@@
@@IF TYPES
REQUEST_TYPES = [@@PYTHON_RANGES@@]
@@END
TEXT_LEN = 256
BODY = struct.Struct(f"=i{TEXT_LEN}s")  # clientPid or statusCode, then the text padded with NULs
RESPONSE_LEN = 264  # a server may pad its answer as a 64-bit C compiler does
IPC_NOWAIT, MSG_NOERROR = 0o4000, 0o10000

REASONS = {
    errno.ENOENT: "there is no such queue; is msgqd running?",
    errno.EACCES: "permission denied; are you in the queue's group? (ipcs -q shows it)",
    errno.EIDRM: "the queue is gone: the server was stopped",
    errno.EINVAL: "the queue is gone: the server was stopped",
}

libc = ctypes.CDLL(None, use_errno=True)
libc.msgget.argtypes = [ctypes.c_int, ctypes.c_int]
libc.msgsnd.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
libc.msgrcv.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long, ctypes.c_int]
libc.msgrcv.restype = ctypes.c_ssize_t


@@PART call


def receive(queue: int, mtype: int, flags: int) -> bytes:
    """The body of a message of this type."""
    # The message begins with its type, a C long, which is no part of the body.
    message = ctypes.create_string_buffer(struct.calcsize("l") + RESPONSE_LEN)
    length = call(libc.msgrcv, queue, message, RESPONSE_LEN, mtype, flags)
    return message.raw[struct.calcsize("l") :][:length]


@@PART throw_away_old_answers


def ask(key: int, mtype: int, text: bytes) -> tuple[int, bytes]:
    """Sends one request and returns the first number and the text of its answer."""
    queue = call(libc.msgget, key, 0)
@@IF PROCESS
    pid = os.getpid()
@@END
@@IF NUMBER
    # Clients are numbers without a process behind them: one that no other client will have by chance.
    pid = random.SystemRandom().randint(@@LOWEST@@, @@HIGHEST@@)
@@END
@@IF BASE
    answer_type = @@BASE@@ + pid
@@END
@@IF NO_BASE
    answer_type = pid
@@END
    throw_away_old_answers(queue, answer_type)
    call(libc.msgsnd, queue, struct.pack("l", mtype) + BODY.pack(pid, text), BODY.size, 0)
    status, answer = BODY.unpack_from(receive(queue, answer_type, 0))
    return status, answer.split(b"\0", 1)[0]


def end_waiting(*_) -> None:
    """Ends the program's wait."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    raise TimeoutError(0, "no answer in time", "waiting")


def usage() -> int:
    """Says how it is called."""
@@IF TYPES
    print(f"usage: {sys.argv[0]} [-k KEY] [-t SECONDS] [-m TYPE] TEXT", file=sys.stderr)
@@END
@@IF ONE_TYPE
    print(f"usage: {sys.argv[0]} [-k KEY] [-t SECONDS] TEXT", file=sys.stderr)
@@END
    return 2


def main() -> int:
    try:
        pairs, texts = getopt.getopt(sys.argv[1:], "@@OPTIONS@@")
        options = {name: int(value, 0) for name, value in pairs}
    except (getopt.GetoptError, ValueError):
        return usage()
    key, seconds, mtype = options.get("-k", DEFAULT_KEY), options.get("-t", 30), @@PYTHON_MTYPE@@
    # Key 0, IPC_PRIVATE, would make a queue that nobody serves.
    if len(texts) != 1 or seconds < 1 or key & 0xFFFFFFFF == 0:
        return usage()
@@IF TYPES
    if not any(first <= mtype <= last for first, last in REQUEST_TYPES):
        return usage()
@@END
    text = os.fsencode(texts[0])
    if len(text) > TEXT_LEN:
        print(f"client: the text has {len(text)} bytes; a request carries at most {TEXT_LEN}", file=sys.stderr)
        return 2
    # A signal that comes just before a call is lost on it, so the timer goes on every 0.1 seconds.
    signal.signal(signal.SIGALRM, end_waiting)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
@@IF STATUS
        status, answer = ask(key, mtype, text)
@@END
@@IF ECHO
        _, answer = ask(key, mtype, text)
@@END
    except OSError as error:
        reason = REASONS.get(error.errno, error.strerror)
        print(f"client: {error.filename} on queue 0x{key & 0xffffffff:08x}: {reason}", file=sys.stderr)
        return 2
    sys.stdout.buffer.write(answer + b"\n")
@@IF STATUS
    return 0 if status == 0 else 1
@@END
@@IF ECHO
    return 0
@@END


if __name__ == "__main__":
    sys.exit(main())
