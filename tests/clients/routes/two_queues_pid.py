"""The client of two_queues_pid.c in Python: KEY COUNT SECOND_KEY."""
import os
import struct
import sys

import sysv_ipc

# A 64-bit compiler puts four bytes of padding behind it.
QUESTION = RESULT = struct.Struct("@i128s")

# The library asks for permission to read and write, where no other mode is named, and a client may only write requests.
requests, answers = (sysv_ipc.MessageQueue(int(sys.argv[at], 0), mode=0) for at in (1, 3))
count, pid = int(sys.argv[2]), os.getpid()
for number in range(1, count + 1):
    text = f"question {number} of {pid}".encode()
    requests.send(QUESTION.pack(pid, text), type=1)
    status, answer = RESULT.unpack_from(answers.receive(type=pid)[0])
    if status != 0 or answer.split(b"\0")[0] != b"Processed: " + text:
        sys.exit(f"wrong answer to request {number}")
print("ok", count)
