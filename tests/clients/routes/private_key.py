"""The client of private_key.c in Python: KEY COUNT [MODE]."""
import os
import struct
import sys

import sysv_ipc

QUESTION = struct.Struct("@100si")


def new_queue(mode):
    os.umask(0)
    for number in range(16):
        try:
            return sysv_ipc.MessageQueue(0x50000000 + os.getpid() * 16 + number, sysv_ipc.IPC_CREX, mode)
        except sysv_ipc.ExistentialError:
            continue
    sys.exit("no key is free")


# The library asks for permission to read and write, where no other mode is named, and a client may only write requests.
requests, count = sysv_ipc.MessageQueue(int(sys.argv[1], 0), mode=0), int(sys.argv[2])
own = new_queue(int(sys.argv[3], 8) if len(sys.argv) > 3 else 0o622)
print("queue", own.id, file=sys.stderr, flush=True)
try:
    for number in range(1, count + 1):
        text = f"question {number} of {os.getpid()}".encode()
        requests.send(QUESTION.pack(text, own.key), type=1)
        body, _ = own.receive(type=1)
        if body.split(b"\0")[0] != b"Processed: " + text:
            sys.exit(f"wrong answer to request {number}")
finally:
    own.remove()
print("ok", count)
