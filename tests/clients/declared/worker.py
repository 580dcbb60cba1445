"""What works the answers of these programs out where msgqd hands over fields by name: worker.py NAME."""
import json
import operator
import sys

OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
WORK = {
    "doubles": lambda it: {"value": sum(it["cells"][: it["m"] * it["n"]])},
    "floats": lambda it: {"value": OPERATORS[chr(it["op"])](it["a"], it["b"])},
    "packed": lambda it: {"record": {**it["record"], "amount": 2 * it["record"]["amount"]}},
    "pid_int": lambda it: {"number": 2 * it["pid"] + 1},
}

work = WORK[sys.argv[1]]
requests, answers = sys.stdin.buffer, sys.stdout.buffer
requests.readline()  # msgqd-handler 2
answers.write(b"msgqd-handler 2\n")
answers.flush()
while header := requests.readline():
    _, request_id, client, deadline_ms, mtype, length = header.split()
    text = json.dumps(work(json.loads(requests.read(int(length))))).encode()
    answers.write(b"answer %s 0 %d\n%s" % (request_id, len(text), text))
    answers.flush()
