#!/usr/bin/python3
"""A client of msgqd in Python, as `msgqctl client python` prints it: sends one request and prints the fields of its answer. It
needs nothing but Python itself, which calls the C library.

    python3 client.py @@EXAMPLE@@
    python3 client.py -k 0x12345679 -t 5 @@EXAMPLE@@     # another queue, and at most 5 seconds
@@IF TYPES
    python3 client.py -m @@LAST_TYPE@@ @@EXAMPLE@@     # of another type; there are @@TYPE_LIST@@
@@END

Fields are named as in REQUEST below, elements of an array as in name[2]; those that are left out are 0 or empty.
@@IF STATUS
Exit status: 0 answered, 1 the answer's status is not 0, 2 nothing was answered.
@@END
@@IF NO_STATUS
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

# Each field with its format for the module struct, its place in the body, and how many elements an array has. "s" alone is a
# text that ends with the message.
REQUEST = [
@@REQUEST_ROWS@@
]
RESPONSE = [
@@RESPONSE_ROWS@@
]
# Without the type, in bytes.
REQUEST_LEN, RESPONSE_ROOM = @@REQUEST_LEN@@, @@RESPONSE_ROOM@@
# Who asks: filled in by this program.
CLIENT = "@@CLIENT@@"
@@IF CLIENT_WORD
# In this word of the text, from 0.
CLIENT_WORD = @@CLIENT_WORD@@
@@END
# The places are those of programs in which a C long has as many bytes.
LONG_LEN = @@LONG_LEN@@
IPC_NOWAIT, MSG_NOERROR = 0o4000, 0o10000

REASONS = {
    errno.ENOENT: "there is no such queue; is msgqd running?",
    errno.EACCES: "permission denied; are you in the queue's group? (ipcs -q shows it)",
    errno.EIDRM: "the queue is gone: the server was stopped",
    errno.EINVAL: "the queue is gone: the server was stopped (or kernel.msgmax is below the length of a request)",
}

libc = ctypes.CDLL(None, use_errno=True)
libc.msgget.argtypes = [ctypes.c_int, ctypes.c_int]
libc.msgsnd.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
libc.msgrcv.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long, ctypes.c_int]
libc.msgrcv.restype = ctypes.c_ssize_t


def places(fields: list) -> dict:
    """Format and place of each field by its name; of an array, of each element."""
    found = {}
    for name, form, offset, elements in fields:
        if elements is None:
            found[name] = (form, offset)
        else:
            length = struct.calcsize("=" + form)
            found.update({f"{name}[{i}]": (form, offset + i * length) for i in range(elements)})
    return found


def set_field(body: bytearray, name: str, value: str) -> None:
    """Writes a field of a request."""
    if name not in places(REQUEST):
        raise ValueError(f"{name}: there is no such field")
    form, offset = places(REQUEST)[name]
    if form.endswith("s"):
        text = os.fsencode(value)
        if form == "s":
            form = f"{len(text) + 1}s"
            body.extend(bytes(max(0, offset + len(text) + 1 - len(body))))
        if len(text) > struct.calcsize(form):
            room = struct.calcsize(form)
            raise ValueError(f"{name}: the text has {len(text)} bytes; there is room for {room}")
        packed = struct.pack(form, text)
    else:
        try:
            number = float(value) if form in "fd" else int(value, 16 if value.startswith("0x") else 10)
            packed = struct.pack("=" + form, number)
        except (ValueError, OverflowError, struct.error) as error:
            raise ValueError(f"{name}: it cannot hold {value}: {error}") from error
    body[offset : offset + len(packed)] = packed


def text_at(body: bytes, form: str, offset: int) -> bytes:
    """A text up to its NUL, its field's end or the body's."""
    end = len(body) if form == "s" else offset + struct.calcsize(form)
    return bytes(body[offset:end]).split(b"\0", 1)[0]


def number_at(body: bytes, form: str, offset: int) -> str:
    """A number as it is shown: of floats the shortest that is read back as the same bits."""
    (number,) = struct.unpack_from("=" + form, body, offset)
    shown = str(number)
    if form in "fd":
        for digits in range(6, 18):
            shown = f"{number:.{digits}g}"
            if struct.pack(form, float(shown)) == struct.pack(form, number):
                break
    return shown
@@IF CLIENT_WORD


def name_client(body: bytearray, number: int) -> None:
    """Puts the number of the client into the text, in front of the words that come behind it."""
    words = text_at(body, *places(REQUEST)[CLIENT]).split()
    if len(words) < CLIENT_WORD:
        raise ValueError(f"{CLIENT}: there are too few words in front of the client's number")
    words.insert(CLIENT_WORD, str(number).encode())
    set_field(body, CLIENT, os.fsdecode(b" ".join(words)))
@@END


@@PART call


def receive(queue: int, mtype: int, flags: int) -> bytes:
    """The body of a message of this type."""
    # The message begins with its type, which is no part of the body.
    message = ctypes.create_string_buffer(LONG_LEN + RESPONSE_ROOM)
    length = call(libc.msgrcv, queue, message, RESPONSE_ROOM, mtype, flags)
    return message.raw[LONG_LEN:][:length]


@@PART throw_away_old_answers


def ask(key: int, mtype: int, body: bytes, number: int) -> bytes:
    """Sends one request and returns the body of its answer."""
    queue = call(libc.msgget, key, 0)
@@IF BASE
    answer_type = @@BASE@@ + number
@@END
@@IF NO_BASE
    answer_type = number
@@END
    throw_away_old_answers(queue, answer_type)
    call(libc.msgsnd, queue, struct.pack("l", mtype) + body, len(body), 0)
    return receive(queue, answer_type, 0)


def print_answer(body: bytes) -> None:
    """Prints each field that is in the answer."""
    for name, (form, offset) in places(RESPONSE).items():
        if form.endswith("s") and offset <= len(body):
            sys.stdout.buffer.write(name.encode() + b"=" + text_at(body, form, offset) + b"\n")
        elif not form.endswith("s") and offset + struct.calcsize(form) <= len(body):
            sys.stdout.buffer.write(f"{name}={number_at(body, form, offset)}\n".encode())


def end_waiting(*_) -> None:
    """Ends the program's wait."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    raise TimeoutError(0, "no answer in time", "waiting")


def usage() -> int:
    """Says how it is called."""
@@IF TYPES
    print(f"usage: {sys.argv[0]} [-k KEY] [-t SECONDS] [-m TYPE] NAME=VALUE...", file=sys.stderr)
@@END
@@IF ONE_TYPE
    print(f"usage: {sys.argv[0]} [-k KEY] [-t SECONDS] NAME=VALUE...", file=sys.stderr)
@@END
    names = (name if elements is None else f"{name}[N]" for name, _, _, elements in REQUEST)
    print("names:", *names, file=sys.stderr)
    return 2


def request_body(settings: list, number: int) -> bytes:
    """The body of the request with these fields, for the client with this number."""
    body = bytearray(REQUEST_LEN)
    for setting in settings:
        name, _, value = setting.partition("=")
@@IF CLIENT_FIELD
        if name == CLIENT:
            raise ValueError(f"{CLIENT}: this program fills it in")
@@END
        set_field(body, name, value)
@@IF CLIENT_FIELD
    set_field(body, CLIENT, str(number))
@@END
@@IF CLIENT_WORD
    name_client(body, number)
@@END
    return bytes(body)


def main() -> int:
    if struct.calcsize("l") != LONG_LEN:
        sys.exit("client: this program was printed for another kind of machine")
    try:
        pairs, settings = getopt.getopt(sys.argv[1:], "@@OPTIONS@@")
        options = {name: int(value, 0) for name, value in pairs}
    except (getopt.GetoptError, ValueError):
        return usage()
    key, seconds, mtype = options.get("-k", DEFAULT_KEY), options.get("-t", 30), @@PYTHON_MTYPE@@
    # Key 0, IPC_PRIVATE, would make a queue that nobody serves.
    if seconds < 1 or key & 0xFFFFFFFF == 0 or not all("=" in setting for setting in settings):
        return usage()
@@IF TYPES
    if not any(first <= mtype <= last for first, last in REQUEST_TYPES):
        return usage()
@@END
    # A signal that comes just before a call is lost on it, so the timer goes on every 0.1 seconds.
    signal.signal(signal.SIGALRM, end_waiting)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
@@IF PROCESS
    number = os.getpid()
@@END
@@IF NUMBER
    # Clients are numbers without a process behind them: one that no other client will have by chance.
    number = random.SystemRandom().randint(@@LOWEST@@, @@HIGHEST@@)
@@END
    try:
        answer = ask(key, mtype, request_body(settings, number), number)
    except ValueError as error:
        print(f"client: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        reason = REASONS.get(error.errno, error.strerror)
        print(f"client: {error.filename} on queue 0x{key & 0xffffffff:08x}: {reason}", file=sys.stderr)
        return 2
    print_answer(answer)
@@IF STATUS
    return 0 if number_at(answer, *places(RESPONSE)["@@STATUS@@"]) == "0" else 1
@@END
@@IF NO_STATUS
    return 0
@@END


if __name__ == "__main__":
    sys.exit(main())
