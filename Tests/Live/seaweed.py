#!/usr/bin/env python3
"""SeaweedFS with its S3 gateway, in a network namespace of its own, so that its fixed ports disturb nobody.

usage: seaweed.py WEED FOLDER PORT

Prints `ready` when the gateway takes an object; ends with its standard input. It checks signatures, with the keys of
clients.py.
"""
import json
import os
import signal
import subprocess
import sys
import time

import boto3
from botocore.config import Config

from clients import ACCESS, SECRET

weed, folder, port = sys.argv[1:4]
os.makedirs(folder + "/data")
with open(folder + "/s3.json", "w") as file:
    json.dump({"identities": [{"name": "live", "credentials": [{"accessKey": ACCESS, "secretKey": SECRET}],
                               "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}, file)
server = subprocess.Popen(
    [weed, "-logdir=" + folder, "server", "-dir=" + folder + "/data", "-ip=127.0.0.1", "-ip.bind=0.0.0.0", "-filer",
     "-s3", "-s3.port=" + port, "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.config=" + folder + "/s3.json",
     "-master.volumeSizeLimitMB=1024", "-volume.max=500"],
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
try:
    s3 = boto3.client(
        "s3", endpoint_url="http://127.0.0.1:" + port, region_name="us-east-1", aws_access_key_id=ACCESS,
        aws_secret_access_key=SECRET, config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        try:
            s3.create_bucket(Bucket="ready")
            s3.put_object(Bucket="ready", Key="k", Body=b"x")
            print("ready", flush=True)
            sys.stdin.read()
            break
        except Exception:
            time.sleep(0.1)
finally:
    server.kill()
    server.wait()
