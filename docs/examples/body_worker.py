#!/usr/bin/env python3
"""A worker for msgqd that gets whole bodies: two numbers, answered with their sum. See docs/handler-protocol.md."""
import struct
import sys

REQUEST, RESPONSE = struct.Struct("@iii"), struct.Struct("@iq")  # pid, a, b; status, sum
requests, answers = sys.stdin.buffer, sys.stdout.buffer
requests.readline()  # msgqd-handler 2
answers.write(b"msgqd-handler 2\n")
answers.flush()
while header := requests.readline():
    _, request_id, client, deadline_ms, mtype, length = header.split()
    _, a, b = REQUEST.unpack_from(requests.read(int(length)))
    answer = RESPONSE.pack(0, a + b)
    answers.write(b"answer %s 0 %d\n%s" % (request_id, len(answer), answer))
    answers.flush()
