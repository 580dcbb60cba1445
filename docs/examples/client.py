#!/usr/bin/python3
"""A client of msgqd in Python, as `msgqctl client python` prints it: sends one text and prints the answer. It needs nothing
but Python itself, which calls the C library.

    python3 client.py hello                        # the queue for which this was printed
    python3 client.py -k 0x12345679 -t 5 hello     # another one, and at most 5 seconds

Exit status: 0 answered, 1 the server answered an error, 2 nothing was answered.
"""
import ctypes
import errno
import getopt
import os
import signal
import struct
import sys

DEFAULT_KEY = 0x12345678
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


def call(function, *arguments) -> int:
    """Calls a function of the C library, again where a handled signal has ended it."""
    while True:
        result = function(*arguments)
        if result >= 0:
            return result
        reason = ctypes.get_errno()
        if reason != errno.EINTR:
            raise OSError(reason, os.strerror(reason), function.__name__)


def receive(queue: int, mtype: int, flags: int) -> bytes:
    """The body of a message of this type."""
    # The message begins with its type, a C long, which is no part of the body.
    message = ctypes.create_string_buffer(struct.calcsize("l") + RESPONSE_LEN)
    length = call(libc.msgrcv, queue, message, RESPONSE_LEN, mtype, flags)
    return message.raw[struct.calcsize("l") :][:length]


def throw_away_old_answers(queue: int, mtype: int) -> None:
    """Who had this number before may have gone without reading its answer: it is not for us."""
    try:
        while True:
            receive(queue, mtype, IPC_NOWAIT | MSG_NOERROR)
    except OSError as error:
        if error.errno != errno.ENOMSG:
            raise


def ask(key: int, mtype: int, text: bytes) -> tuple[int, bytes]:
    """Sends one request and returns the first number and the text of its answer."""
    queue = call(libc.msgget, key, 0)
    pid = os.getpid()
    answer_type = pid
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
    print(f"usage: {sys.argv[0]} [-k KEY] [-t SECONDS] TEXT", file=sys.stderr)
    return 2


def main() -> int:
    try:
        pairs, texts = getopt.getopt(sys.argv[1:], "k:t:")
        options = {name: int(value, 0) for name, value in pairs}
    except (getopt.GetoptError, ValueError):
        return usage()
    key, seconds, mtype = options.get("-k", DEFAULT_KEY), options.get("-t", 30), 1
    # Key 0, IPC_PRIVATE, would make a queue that nobody serves.
    if len(texts) != 1 or seconds < 1 or key & 0xFFFFFFFF == 0:
        return usage()
    text = os.fsencode(texts[0])
    if len(text) > TEXT_LEN:
        print(f"client: the text has {len(text)} bytes; a request carries at most {TEXT_LEN}", file=sys.stderr)
        return 2
    # A signal that comes just before a call is lost on it, so the timer goes on every 0.1 seconds.
    signal.signal(signal.SIGALRM, end_waiting)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        status, answer = ask(key, mtype, text)
    except OSError as error:
        reason = REASONS.get(error.errno, error.strerror)
        print(f"client: {error.filename} on queue 0x{key & 0xffffffff:08x}: {reason}", file=sys.stderr)
        return 2
    sys.stdout.buffer.write(answer + b"\n")
    return 0 if status == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
