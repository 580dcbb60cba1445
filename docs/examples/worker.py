#!/usr/bin/env python3
"""A worker for msgqd that answers each text in capitals. See docs/handler-protocol.md."""
import sys

requests, answers = sys.stdin.buffer, sys.stdout.buffer
requests.readline()  # msgqd-handler 1
answers.write(b"msgqd-handler 1\n")
answers.flush()
while header := requests.readline():
    _, request_id, client_pid, deadline_ms, length = header.split()
    answer = requests.read(int(length)).upper()
    answers.write(b"answer %s 0 %d\n%s" % (request_id, len(answer), answer))
    answers.flush()
