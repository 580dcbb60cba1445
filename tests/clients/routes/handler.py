"""What works behind msgqd for the programs of this directory: handler.py exec|worker WORK [PATTERN].

`exec` does one text, from standard input; `worker` speaks the handler protocol, in whichever version it is spoken to.
WORK is

    long           answers "bytes LENGTH NUMBER" with the text that shared_parts.c and private_parts.c expect; all else fails
    takes          takes the text
    third          fails every third time, whatever the text
    until-third    fails twice for each text, and takes it then
    always         fails
    hangs          never ends

All but `long` write what they did to the file $TAKEN: "took TEXT", "failed TEXT" or "hangs TEXT". Where there is a PATTERN,
texts without it are taken.
"""
import fcntl
import os
import signal
import sys

kind, work, pattern = (sys.argv[1:] + [""])[:3]
streams = sys.stdin.buffer, sys.stdout.buffer


class Failed(Exception):
    pass


def long_text(text):
    words = text.split()
    if len(words) != 3 or words[0] != b"bytes":
        raise Failed("ask for bytes LENGTH NUMBER")
    length, number = int(words[1]), int(words[2])
    return "".join(f"{number:07} {line:07}\n" for line in range(length // 16 + 1))[:length].encode()


def outcome(text, earlier):
    """Of a text, after these lines of the file."""
    if pattern.encode() not in text or work == "takes":
        return b"took"
    if work == "third":
        return b"failed" if len(earlier) % 3 == 2 else b"took"
    if work == "until-third":
        return b"failed" if earlier.count(b"failed %s\n" % text) < 2 else b"took"
    return {"always": b"failed", "hangs": b"hangs"}[work]


def take(text):
    # Others may write at the same time; the lock ends with the descriptor.
    with open(os.environ["TAKEN"], "ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        done = outcome(text, file.readlines() if work in ("third", "until-third") else [])
        file.write(b"%s %s\n" % (done, text))
    while done == b"hangs":
        signal.pause()
    if done == b"failed":
        raise Failed("this time it fails")
    return b""


answer_to = long_text if work == "long" else take


def run_once():
    requests, answers = streams
    try:
        answers.write(answer_to(requests.read()))
    except Failed as failed:
        sys.exit(str(failed))


def run_worker():
    requests, answers = streams
    answers.write(requests.readline())
    answers.flush()
    while header := requests.readline().split():
        request_id, length = header[1], int(header[-1])
        try:
            status, answer = 0, answer_to(requests.read(length))
        except Failed as failed:
            status, answer = -1, str(failed).encode()
        answers.write(b"answer %s %d %d\n%s" % (request_id, status, len(answer), answer))
        answers.flush()


run_once() if kind == "exec" else run_worker()
