#!/usr/bin/env python3
"""S3 requests from many connections at once, with the latency of each: what a node would notice of a tap.

usage: load.py ENDPOINT PREFIX [--threads N] [--requests N] [--while FILE]

Each thread puts an object and reads it back, on a connection that it opens anew after ten requests; for --requests objects
each, and on as long as the file exists. Prints one JSON object: `objects` ({key: sha256 of what was read back}),
`failures`, `p50`, `p99` (milliseconds), `connections`, and of this namespace's TCP since the start `segments` and
`retransmitted`.
"""
import argparse
import hashlib
import http.client
import json
import os
import random
import threading
import time

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("endpoint")
parser.add_argument("prefix")
parser.add_argument("--threads", type=int, default=4)
parser.add_argument("--requests", type=int, default=60)
parser.add_argument("--while", dest="while_file", default="")
options = parser.parse_args()
HEADERS = {"Authorization": "AWS4-HMAC-SHA256 Credential=liveaccess/20260101/us-east-1/s3/aws4_request, "
           "SignedHeaders=host, Signature=0", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}


def tcp():
    """Segments sent and sent again by this namespace, RFC 4022."""
    with open("/proc/net/snmp") as file:
        names, values = [line.split()[1:] for line in file if line.startswith("Tcp:")]
    row = dict(zip(names, map(int, values)))
    return row["OutSegs"], row["RetransSegs"]


class Worker(threading.Thread):
    def __init__(self, number):
        super().__init__()
        self.number, self.objects, self.failures, self.seconds, self.connections = number, {}, [], [], 0
        self.connection = None

    def ask(self, method, key, body=None):
        if len(self.seconds) % 10 == 0 and self.connection:
            self.connection.close()
            self.connection = None
        began = time.perf_counter()
        if not self.connection:
            self.connection = http.client.HTTPConnection(options.endpoint, timeout=30)
            self.connections += 1
        self.connection.request(method, f"/bucket/{key}", body, HEADERS)
        answer = self.connection.getresponse()
        data = answer.read()
        self.seconds.append(time.perf_counter() - began)
        if answer.status != 200:
            self.failures.append(f"{method} {key}: {answer.status}")
        return data

    def run(self):
        # The same objects whatever happens beside.
        chance, number = random.Random(self.number), 0
        while number < options.requests or os.path.exists(options.while_file):
            key = f"{options.prefix}/{self.number}-{number}"
            data = chance.randbytes(chance.randrange(1, 200_000))
            number += 1
            try:
                self.ask("PUT", key, data)
                back = self.ask("GET", key)
                self.objects[key] = hashlib.sha256(back).hexdigest()
                if back != data:
                    self.failures.append(f"{key}: read back other bytes")
            except Exception as error:
                self.failures.append(f"{key}: {error!r}")
                self.connection = None


before = tcp()
workers = [Worker(number) for number in range(options.threads)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
after = tcp()
seconds = sorted(value for worker in workers for value in worker.seconds)
print(json.dumps({
    "objects": {key: value for worker in workers for key, value in worker.objects.items()},
    "failures": [text for worker in workers for text in worker.failures],
    "p50": seconds[len(seconds) // 2] * 1000, "p99": seconds[len(seconds) * 99 // 100] * 1000,
    "connections": sum(worker.connections for worker in workers),
    "segments": after[0] - before[0], "retransmitted": after[1] - before[1]}))
