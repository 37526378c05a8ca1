#!/usr/bin/env python3
"""A day of real S3 clients, and what the server holds at its end.

usage: clients.py seed  ENDPOINT                 makes the bucket and the objects that are only read later
       clients.py day   ENDPOINT [CLIENT ...]    boto3, awscli, curl, rclone (all of them by default), at the same time
       clients.py truth ENDPOINT                 reads every object of the bucket

`day` prints {key: sha256} of what it left in the bucket; `truth` prints {key: {sha256, size, etag}}. Contents come from
the key, so that a client's words, the server's and the vault's can be compared. Exits with 1 when a client fails or reads
other bytes than it should.
"""
import concurrent.futures
import hashlib
import itertools
import json
import os
import random
import re
import subprocess
import sys
import tempfile

ACCESS, SECRET, REGION, BUCKET = "liveaccess", "livesecretlivesecret", "us-east-1", "bucket"
# Nothing of the machine's own clouds: no profiles or proxies, and no certificates but those that a test names.
ENVIRONMENT = dict(
    {name: value for name, value in os.environ.items() if name == "AWS_CA_BUNDLE"
     or not name.startswith(("AWS_", "RCLONE_")) and not name.lower().endswith("_proxy")},
    AWS_ACCESS_KEY_ID=ACCESS, AWS_SECRET_ACCESS_KEY=SECRET, AWS_REGION=REGION, AWS_DEFAULT_REGION=REGION,
    AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null", AWS_EC2_METADATA_DISABLED="true", AWS_MAX_ATTEMPTS="5")
# Read only: whole by each client, and a part only.
SEEDED = {"seeded/whole": 700_001, "seeded/part": 900_001}
MIB = 1 << 20


def content(key, size):
    """Bytes that belong to the key."""
    return random.Random(key).randbytes(size)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def boto(endpoint):
    import boto3
    from botocore.config import Config
    return boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id=ACCESS, aws_secret_access_key=SECRET, region_name=REGION,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 5}))


class Client:
    """One client program; what it left is in `made`."""

    def __init__(self, endpoint, folder):
        self.endpoint, self.folder, self.made = endpoint, folder, {}

    def run(self, command, environment=None, check=True):
        result = subprocess.run(command, env=environment or ENVIRONMENT, capture_output=True)
        if check and result.returncode:
            raise SystemExit(f"{' '.join(command)}: {result.returncode}: {result.stderr.decode(errors='replace')}")
        return result.stdout

    def file(self, key, size):
        """A file of the key's content; the object is noted as made."""
        data = content(key, size)
        path = os.path.join(self.folder, key.replace("/", "_"))
        with open(path, "wb") as file:
            file.write(data)
        self.made[key] = sha256(data)
        return path

    def expect(self, what, data, key, size, first=0, last=None):
        if data != content(key, size)[first:size if last is None else last + 1]:
            raise SystemExit(f"{what}: other bytes than {key} has ({len(data)} bytes)")


class Boto3(Client):
    def day(self):
        import io
        from boto3.s3.transfer import TransferConfig
        s3 = boto(self.endpoint)

        def put(key, size):
            data = content(key, size)
            s3.put_object(Bucket=BUCKET, Key=key, Body=data)
            self.made[key] = sha256(data)

        for number in range(8):
            put(f"boto3/small-{number}", number * 7919)
        put("boto3/rewritten", 3000)
        put("boto3/rewritten", 70_000)
        put("boto3/name with spaces & ümlauts+", 1234)
        large = content("boto3/large", 11 * MIB)
        s3.upload_fileobj(
            io.BytesIO(large), BUCKET, "boto3/large",
            Config=TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB))
        self.made["boto3/large"] = sha256(large)
        got = s3.get_object(Bucket=BUCKET, Key="boto3/large", Range="bytes=100000-4000000")["Body"].read()
        self.expect("boto3 range", got, "boto3/large", 11 * MIB, 100_000, 4_000_000)
        got = s3.get_object(Bucket=BUCKET, Key="boto3/small-5")["Body"].read()
        self.expect("boto3 get", got, "boto3/small-5", 5 * 7919)
        got = s3.get_object(Bucket=BUCKET, Key="seeded/whole")["Body"].read()
        self.expect("boto3 get", got, "seeded/whole", SEEDED["seeded/whole"])
        got = s3.get_object(Bucket=BUCKET, Key="seeded/part", Range="bytes=1000-200999")["Body"].read()
        self.expect("boto3 range", got, "seeded/part", SEEDED["seeded/part"], 1000, 200_999)
        s3.copy_object(Bucket=BUCKET, Key="boto3/copy", CopySource=f"{BUCKET}/boto3/rewritten")
        self.made["boto3/copy"] = self.made["boto3/rewritten"]
        s3.delete_object(Bucket=BUCKET, Key="boto3/small-3")
        del self.made["boto3/small-3"]


class AWSCLI(Client):
    def aws(self, *arguments):
        config = os.path.join(self.folder, "config")
        with open(config, "w") as file:
            file.write("[default]\ns3 =\n  multipart_threshold = 5MB\n  multipart_chunksize = 5MB\n"
                       "  addressing_style = path\n")
        return self.run(["aws", "--endpoint-url", self.endpoint, *arguments], dict(ENVIRONMENT, AWS_CONFIG_FILE=config))

    def day(self):
        self.aws("s3", "cp", "--only-show-errors", self.file("awscli/small", 54_321), f"s3://{BUCKET}/awscli/small")
        # In parts up, by ranges down.
        self.aws("s3", "cp", "--only-show-errors", self.file("awscli/large", 8 * MIB), f"s3://{BUCKET}/awscli/large")
        back = os.path.join(self.folder, "back")
        self.aws("s3", "cp", "--only-show-errors", f"s3://{BUCKET}/awscli/large", back)
        with open(back, "rb") as file:
            self.expect("awscli get", file.read(), "awscli/large", 8 * MIB)
        self.aws("s3api", "get-object", "--bucket", BUCKET, "--key", "seeded/whole", "--range", "bytes=5-99999", back)
        with open(back, "rb") as file:
            self.expect("awscli range", file.read(), "seeded/whole", SEEDED["seeded/whole"], 5, 99_999)
        self.aws("s3", "mv", "--only-show-errors", self.file("awscli/gone", 1000), f"s3://{BUCKET}/awscli/gone")
        self.aws("s3", "rm", "--only-show-errors", f"s3://{BUCKET}/awscli/gone")
        del self.made["awscli/gone"]


class Curl(Client):
    def __init__(self, endpoint, folder):
        super().__init__(endpoint, folder)
        # By TLS, HTTP/1.1 and HTTP/2 in turn.
        self.versions = itertools.cycle(["--http1.1", "--http2"] if endpoint.startswith("https:") else ["--http1.1"])

    def curl(self, path, *arguments):
        return self.run([
            "curl", "--silent", "--show-error", "--fail", next(self.versions), "--aws-sigv4", f"aws:amz:{REGION}:s3",
            "--user", f"{ACCESS}:{SECRET}", *arguments, f"{self.endpoint}/{BUCKET}/{path}"])

    def day(self):
        for number in range(4):
            key = f"curl/put-{number}"
            self.curl(key, "--upload-file", self.file(key, 10_000 + number * 333_333))
        self.expect("curl get", self.curl("curl/put-2"), "curl/put-2", 10_000 + 2 * 333_333)
        self.expect("curl get", self.curl("seeded/whole"), "seeded/whole", SEEDED["seeded/whole"])
        got = self.curl("curl/put-3", "--range", "70000-170000")
        self.expect("curl range", got, "curl/put-3", 10_000 + 3 * 333_333, 70_000, 170_000)
        self.multipart("curl/parts")
        self.curl("curl/put-1", "--request", "DELETE")
        del self.made["curl/put-1"]

    def multipart(self, key):
        size, each = 5 * MIB + 77_777, 5 * MIB
        data = content(key, size)
        begun = self.curl(f"{key}?uploads=", "--request", "POST").decode()
        upload = re.search("<UploadId>(.*?)</UploadId>", begun).group(1)
        parts = ""
        for number in (1, 2):
            path = os.path.join(self.folder, "part")
            with open(path, "wb") as file:
                file.write(data[(number - 1) * each:number * each])
            headers = self.curl(
                f"{key}?partNumber={number}&uploadId={upload}", "--upload-file", path, "--dump-header", "-").decode()
            tag = re.search("(?im)^etag: *(\\S+)", headers).group(1)
            parts += f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
        text = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
        # curl signs the text's digest but does not send it; SeaweedFS wants to see it.
        self.curl(
            f"{key}?uploadId={upload}", "--request", "POST", "--header", "content-type: application/xml", "--header",
            f"x-amz-content-sha256: {sha256(text.encode())}", "--data-binary", text)
        self.made[key] = sha256(data)


class Rclone(Client):
    def rclone(self, *arguments):
        remote = dict(
            ENVIRONMENT, RCLONE_CONFIG="/dev/null", RCLONE_CONFIG_OX_TYPE="s3", RCLONE_CONFIG_OX_PROVIDER="Other",
            RCLONE_CONFIG_OX_ENDPOINT=self.endpoint, RCLONE_CONFIG_OX_ACCESS_KEY_ID=ACCESS,
            RCLONE_CONFIG_OX_SECRET_ACCESS_KEY=SECRET, RCLONE_CONFIG_OX_REGION=REGION)
        # Its S3 library knows only transports of its own here, and stops; Go reads SSL_CERT_FILE.
        remote.pop("AWS_CA_BUNDLE", None)
        return self.run(
            ["rclone", *arguments, "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M", "--s3-no-check-bucket"], remote)

    def day(self):
        tree = os.path.join(self.folder, "tree")
        os.makedirs(tree + "/deep")
        for name, size in (("deep/a", 1), ("b", 65_536), ("empty", 0), ("large", 7 * MIB), ("gone", 4000)):
            data = content(f"rclone/{name}", size)
            with open(f"{tree}/{name}", "wb") as file:
                file.write(data)
            self.made[f"rclone/{name}"] = sha256(data)
        self.rclone("copy", tree, f"ox:{BUCKET}/rclone")
        got = self.rclone("cat", f"ox:{BUCKET}/seeded/whole")
        self.expect("rclone get", got, "seeded/whole", SEEDED["seeded/whole"])
        got = self.rclone("cat", "--offset", "1000000", "--count", "500000", f"ox:{BUCKET}/rclone/large")
        self.expect("rclone range", got, "rclone/large", 7 * MIB, 1_000_000, 1_499_999)
        self.rclone("moveto", f"ox:{BUCKET}/rclone/b", f"ox:{BUCKET}/rclone/moved")
        self.made["rclone/moved"] = self.made.pop("rclone/b")
        self.rclone("deletefile", f"ox:{BUCKET}/rclone/gone")
        del self.made["rclone/gone"]


CLIENTS = {"boto3": Boto3, "awscli": AWSCLI, "curl": Curl, "rclone": Rclone}


def seed(endpoint):
    s3 = boto(endpoint)
    s3.create_bucket(Bucket=BUCKET)
    for key, size in SEEDED.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=content(key, size))
    print(json.dumps({key: sha256(content(key, size)) for key, size in SEEDED.items()}))


def day(endpoint, names):
    with tempfile.TemporaryDirectory() as folder:
        clients = []
        for name in names or CLIENTS:
            os.makedirs(f"{folder}/{name}")
            clients.append(CLIENTS[name](endpoint, f"{folder}/{name}"))
        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            for future in [pool.submit(client.day) for client in clients]:
                future.result()
    print(json.dumps({key: value for client in clients for key, value in client.made.items()}))


def truth(endpoint):
    s3, held = boto(endpoint), {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for row in page.get("Contents", []):
            data = s3.get_object(Bucket=BUCKET, Key=row["Key"])["Body"].read()
            held[row["Key"]] = {"sha256": sha256(data), "size": len(data), "etag": row["ETag"]}
    print(json.dumps(held))


if __name__ == "__main__":
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    what, endpoint = sys.argv[1:3]
    if what == "seed":
        seed(endpoint)
    elif what == "day":
        day(endpoint, sys.argv[3:])
    elif what == "truth":
        truth(endpoint)
    else:
        sys.exit(__doc__)
