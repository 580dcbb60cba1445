"""The client of floats.c in Python: KEY COUNT."""
import os
import struct
import sys

import sysv_ipc

QUESTION, RESULT = struct.Struct("@iffc3x"), struct.Struct("@f")
WORK = {b"+": lambda a, b: a + b, b"-": lambda a, b: a - b, b"*": lambda a, b: a * b, b"/": lambda a, b: a / b}

queue, count, pid = sysv_ipc.MessageQueue(int(sys.argv[1], 0)), int(sys.argv[2]), os.getpid()
for number in range(1, count + 1):
    a, b, op = number + 0.25, 8.0, b"+-*/"[number % 4 :][:1]
    queue.send(QUESTION.pack(pid, a, b, op), type=1)
    body, _ = queue.receive(type=pid)
    if RESULT.unpack_from(body) != (WORK[op](a, b),):
        sys.exit(f"wrong answer to request {number}")
print("ok", count)
