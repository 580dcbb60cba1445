#!/usr/bin/python3
"""The client of ask.c in Python: KEY COUNT NAME STOP LIMIT."""
import os
import signal
import struct
import sys
import time

import sysv_ipc

key, count, name, stop, limit = sys.argv[1:]
queue, pid, right = sysv_ipc.MessageQueue(int(key, 0)), os.getpid(), 0
for i in range(1, int(count) + 1):
    if os.path.exists(stop):
        break
    text = f"{name}-{i}".encode()
    signal.alarm(int(limit))
    queue.send(struct.pack("=i256s", pid, text), type=1)
    body, _ = queue.receive(type=pid)
    status, answer = struct.unpack_from("=i256s", body)
    answer = answer.split(b"\0", 1)[0]
    if status != 0:
        print(status, answer.decode(errors="replace"), flush=True)
        time.sleep(0.02)
    elif answer == b"Processed: " + text:
        right += 1
    else:
        print(f"wrong answer to {text!r}: {answer!r}", file=sys.stderr)
        sys.exit(1)
print("right", right)
