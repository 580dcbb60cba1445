#!/usr/bin/env python3
"""A service for msgqd on the Unix socket SOCKET that answers each text in capitals. See docs/handler-protocol.md.

Usage: service.py SOCKET
"""
import os
import socketserver
import sys


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()  # msgqd-handler 1
        self.wfile.write(b"msgqd-handler 1\n")
        while header := self.rfile.readline():
            _, request_id, client_pid, deadline_ms, length = header.split()
            answer = self.rfile.read(int(length)).upper()
            self.wfile.write(b"answer %s 0 %d\n%s" % (request_id, len(answer), answer))


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


if os.path.exists(sys.argv[1]):
    os.unlink(sys.argv[1])
Server(sys.argv[1], Connection).serve_forever()
