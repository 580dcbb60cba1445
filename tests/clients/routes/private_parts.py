"""The client of private_parts.c in Python: KEY COUNT [slow|fails|again|dies|removes|LENGTH]."""
import os
import signal
import struct
import sys
import time

import sysv_ipc

QUESTION = struct.Struct("@i64s")
ERROR, DATA, END = 1, 2, 3

# The library asks for permission to read and write, where no other mode is named, and a client may only write requests.
requests, count = sysv_ipc.MessageQueue(int(sys.argv[1], 0), mode=0), int(sys.argv[2])
mode = sys.argv[3] if len(sys.argv) > 3 else ""
length = int(mode) if mode.isdigit() else 20000
own = sysv_ipc.MessageQueue(sysv_ipc.IPC_PRIVATE, sysv_ipc.IPC_CREX, 0o600)
print("queue", own.id, file=sys.stderr, flush=True)


def receive_part():
    if mode == "slow":
        time.sleep(0.002)
    body, part_type = own.receive(type=0)
    return part_type, body.split(b"\0")[0]


def leave():
    if mode == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    print("removed")
    sys.exit()


def answer_to(number):
    data, (part_type, text) = b"", receive_part()
    while part_type == DATA:
        if number == count and mode in ("dies", "removes"):
            leave()
        data += text
        part_type, text = receive_part()
    return part_type, data + text


def is_right(number, part_type, answer):
    if mode == "fails":
        return part_type == ERROR and answer != b""
    lines = "".join(f"{number:07} {line:07}\n" for line in range(length // 16 + 1))
    return part_type == END and answer == lines[:length].encode()


def ask(number):
    word = "nothing" if mode == "fails" else "bytes"
    requests.send(QUESTION.pack(own.id, f"{word} {length} {number}".encode()), type=1)
    part_type, answer = answer_to(number)
    if mode == "again" and part_type == ERROR:
        return ask(number)
    return is_right(number, part_type, answer)


try:
    for number in range(1, count + 1):
        if not ask(number):
            sys.exit(f"wrong answer to request {number}")
finally:
    own.remove()
print("ok", count)
