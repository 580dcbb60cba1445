"""The client of private_id.c in Python: KEY COUNT [MODE]."""
import os
import struct
import sys

import sysv_ipc

# A 64-bit compiler puts four bytes of padding behind it.
QUESTION = RESULT = struct.Struct("@i256s")

# The library asks for permission to read and write, where no other mode is named, and a client may only write requests.
requests, count = sysv_ipc.MessageQueue(int(sys.argv[1], 0), mode=0), int(sys.argv[2])
mode = int(sys.argv[3], 8) if len(sys.argv) > 3 else 0o600
own = sysv_ipc.MessageQueue(sysv_ipc.IPC_PRIVATE, sysv_ipc.IPC_CREX, mode)
print("queue", own.id, file=sys.stderr, flush=True)
try:
    for number in range(1, count + 1):
        text = f"question {number} of {os.getpid()}".encode()
        requests.send(QUESTION.pack(own.id, text), type=1)
        status, answer = RESULT.unpack_from(own.receive(type=1)[0])
        if status != 0 or answer.split(b"\0")[0] != b"Processed: " + text:
            sys.exit(f"wrong answer to request {number}")
finally:
    own.remove()
print("ok", count)
