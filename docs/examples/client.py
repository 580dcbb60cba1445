#!/usr/bin/python3
"""A client of msgqd in Python: sends one text and prints the answer.

    apt install python3-sysv-ipc
    /usr/bin/python3 client.py hello                  # the default queue
    /usr/bin/python3 client.py 0x12345679 hello       # another one

Exit status: 0 answered, 1 the server answered an error, 2 nothing was answered.
"""
import os
import struct
import sys

import sysv_ipc

DEFAULT_KEY = 0x12345678
REQUEST_MTYPE = 1
TEXT_LEN = 256
BODY = struct.Struct(f"=i{TEXT_LEN}s")  # clientPid or statusCode, then the text padded with NULs


def call(key: int, text: bytes) -> tuple[int, bytes]:
    """Sends one request and returns the status and the text of its answer."""
    queue = sysv_ipc.MessageQueue(key)
    pid = os.getpid()
    try:
        # A process that had this PID before may have died without reading its answer: it is not for us.
        while True:
            queue.receive(block=False, type=pid)
    except sysv_ipc.BusyError:
        pass
    queue.send(BODY.pack(pid, text), type=REQUEST_MTYPE)
    body, _ = queue.receive(type=pid)
    # A server may pad its answer as a 64-bit C compiler does.
    status, answer = BODY.unpack_from(body)
    return status, answer.split(b"\0", 1)[0]


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(f"usage: {sys.argv[0]} [KEY] TEXT", file=sys.stderr)
        return 2
    text = os.fsencode(sys.argv[-1])
    key = int(sys.argv[1], 0) if len(sys.argv) == 3 else DEFAULT_KEY
    if len(text) > TEXT_LEN:
        print(f"client: the text has {len(text)} bytes; a request carries at most {TEXT_LEN}", file=sys.stderr)
        return 2
    where = f"client: queue 0x{key:08x}:"
    try:
        status, answer = call(key, text)
    except sysv_ipc.PermissionsError:
        print(where, "permission denied; are you in the queue's group? (ipcs -q shows it)", file=sys.stderr)
        return 2
    except sysv_ipc.ExistentialError as error:
        print(where, f"no such queue, or the server was stopped: {error}", file=sys.stderr)
        return 2
    sys.stdout.buffer.write(answer + b"\n")
    return 0 if status == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
