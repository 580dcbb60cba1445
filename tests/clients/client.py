#!/usr/bin/python3
"""The load client in Python: KEY COUNT NAME. Its requests have 260 bytes, without a compiler's tail padding."""
import os
import struct
import sys

import sysv_ipc

key, count, name = int(sys.argv[1], 0), int(sys.argv[2]), sys.argv[3]
queue = sysv_ipc.MessageQueue(key)
pid = os.getpid()
for i in range(1, count + 1):
    text = f"{name}-{i}".encode()
    queue.send(struct.pack("=i256s", pid, text), type=1)
    body, _ = queue.receive(type=pid)
    status, answer = struct.unpack_from("=i256s", body)
    if status != 0 or answer.split(b"\0", 1)[0] != b"Processed: " + text:
        print(f"wrong answer to {text!r}: status {status}, {answer!r}", file=sys.stderr)
        sys.exit(1)
print("ok", count)
