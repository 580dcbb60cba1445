#!/usr/bin/env python3
"""Answers the requests of set-up 1 without a queue: a program on any host with a NATS client (pip install nats-py).

With `format = "raw"` and the plain protocol a request is a text, and so is the answer. As many of them as wanted may run: the
queue group gives each request to one.
"""
import asyncio
import ssl

import nats


async def answer(request):
    await request.respond(request.data.upper())


async def main():
    tls = ssl.create_default_context(cafile="/etc/msgqd/site-ca.pem")
    password = open("/etc/msgqd/nats.password").read().strip()
    connection = await nats.connect("tls://back.example:4222", tls=tls, user="back", password=password)
    await connection.subscribe("orders.*", queue="orders", cb=answer)
    await asyncio.Event().wait()


asyncio.run(main())
