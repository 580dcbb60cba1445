"""The client of shared_parts.c in Python: KEY COUNT [LENGTH[e|s]]."""
import os
import struct
import sys

import sysv_ipc

PART_LEN = 4000
QUESTION = struct.Struct("@i64s")

queue = sysv_ipc.MessageQueue(int(sys.argv[1], 0), max_message_size=PART_LEN)
count, pid = int(sys.argv[2]), os.getpid()
option = sys.argv[3] if len(sys.argv) > 3 else "1048576"
length, end = int(option.rstrip("es")), option.lstrip("0123456789")


def is_end(answer, part):
    if end == "e":
        return part == b""
    return len(part) < PART_LEN - 1 if end == "s" else len(answer) >= length


def receive_answer():
    answer = bytearray()
    while True:
        part = queue.receive(type=pid)[0].split(b"\0")[0]
        answer += part
        if is_end(answer, part):
            return answer


for number in range(1, count + 1):
    queue.send(QUESTION.pack(pid, f"bytes {length} {number}".encode()), type=1)
    lines = "".join(f"{number:07} {line:07}\n" for line in range(length // 16 + 1))
    if receive_answer() != lines[:length].encode():
        sys.exit(f"wrong answer to request {number}")
print("ok", count)
