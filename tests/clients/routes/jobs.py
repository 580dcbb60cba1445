"""The producer of jobs.c in Python: KEY COUNT [NAME]."""
import os
import struct
import sys

import sysv_ipc

JOB = struct.Struct("@i64s")

# The library asks for permission to read and write, where no other mode is named, and a producer may only write.
queue, count = sysv_ipc.MessageQueue(int(sys.argv[1], 0), mode=0), int(sys.argv[2])
name = sys.argv[3] if len(sys.argv) > 3 else os.getpid()
for number in range(1, count + 1):
    queue.send(JOB.pack(number, f"{name} {number}".encode()), type=1)
print("ok", count)
