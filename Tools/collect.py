"""Collects a vault beside replays of random puts and deletes; see Tools/collect."""
import argparse
import hashlib
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time

BLOCK = 65536
NAMES = 40
HOST = "store.example"
AUTHORIZATION = ("x-amz-content-sha256: UNSIGNED-PAYLOAD\r\nAuthorization: AWS4-HMAC-SHA256 Credential=TEST/20260101/"
                 "us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00\r\n")


class Capture:
    """A pcap of one connection after the other, whose frames are as large as IPv4 lets them be."""

    def __init__(self, path, seconds):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        self.microseconds = int(seconds * 1e6)

    def frame(self, from_client, port, sequence, acknowledgment, flags, payload=b""):
        ends = [(0x0A090001, port), (0x0A090002, 80)]
        (source, source_port), (target, target_port) = ends if from_client else ends[::-1]
        tcp = struct.pack(">HHIIBBHHH", source_port, target_port, sequence & 0xFFFFFFFF, acknowledgment & 0xFFFFFFFF, 0x50,
                          flags, 65535, 0, 0)
        ip = struct.pack(">BBHHHBBHII", 0x45, 0, 40 + len(payload), 0, 0x4000, 64, 6, 0, source, target)
        data = b"\0" * 12 + b"\x08\0" + ip + tcp + payload
        self.microseconds += 10
        self.file.write(struct.pack("<IIII", self.microseconds // 1000000, self.microseconds % 1000000, len(data), len(data)))
        self.file.write(data)

    def connection(self, port, exchanges):
        client, server = 1000, 9000
        self.frame(True, port, client, 0, 0x02)
        client += 1
        self.frame(False, port, server, client, 0x12)
        server += 1
        self.frame(True, port, client, server, 0x10)
        for request, answer in exchanges:
            for start in range(0, len(request), 60000):
                piece = request[start:start + 60000]
                self.frame(True, port, client, server, 0x18, piece)
                client += len(piece)
            self.frame(False, port, server, client, 0x18, answer)
            server += len(answer)
            self.frame(True, port, client, server, 0x10)
        self.frame(True, port, client, server, 0x11)
        self.frame(False, port, server, client + 1, 0x11)
        self.frame(True, port, client + 1, server + 1, 0x10)

    def close(self):
        self.file.close()


class Model:
    """What the cloud has, and what a round does to it."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.live = {}
        self.kept = [self.draw.randbytes(BLOCK) for _ in range(200)]

    def round(self):
        key = f"k{self.draw.randrange(NAMES)}"
        if self.draw.random() < 0.25:
            self.live.pop(key, None)
            request = f"DELETE /bucket/{key} HTTP/1.1\r\nHost: {HOST}\r\n{AUTHORIZATION}\r\n".encode()
            return request, b"HTTP/1.1 204 No Content\r\nx-amz-request-id: 1\r\n\r\n"
        # Blocks that other objects have too, and new ones.
        blocks = [self.draw.choice(self.kept) if self.draw.random() < 0.4 else self.draw.randbytes(BLOCK)
                  for _ in range(self.draw.randrange(1, 64))]
        body = b"".join(blocks) + self.draw.randbytes(self.draw.randrange(BLOCK))
        etag = hashlib.md5(body).hexdigest()
        self.live[key] = (hashlib.sha256(body).hexdigest(),
                          {hashlib.sha256(body[at:at + BLOCK]).digest(): len(body[at:at + BLOCK])
                           for at in range(0, len(body), BLOCK)})
        request = (f"PUT /bucket/{key} HTTP/1.1\r\nHost: {HOST}\r\n{AUTHORIZATION}Content-Length: {len(body)}\r\n\r\n").encode()
        return request + body, f"HTTP/1.1 200 OK\r\nx-amz-request-id: 1\r\nETag: \"{etag}\"\r\nContent-Length: 0\r\n\r\n".encode()

    def live_bytes(self):
        blocks = {}
        for _, own in self.live.values():
            blocks.update(own)
        return sum(blocks.values())


def segment_bytes(vault):
    folder = os.path.join(vault, "segments")
    return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("oxbow")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--captures", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oxbow-collect-") as folder:
        vault, path = os.path.join(folder, "vault"), os.path.join(folder, "rounds.pcap")
        subprocess.run([options.oxbow, "vault", "init", "--vault", vault], check=True, capture_output=True)
        model = Model(options.seed)
        totals = {"collections": 0, "beside": 0, "blocksRemoved": 0, "bytesFreed": 0, "copiedBytes": 0, "segmentsRewritten": 0}
        peak, began = 0, time.monotonic()

        def collect(may_fail=False):
            done = subprocess.run([options.oxbow, "collect", "--vault", vault, "--keep-deleted", "0s", "--grace", "0s",
                                   "--garbage", "10", "--json"], capture_output=True, text=True)
            if done.returncode != 0:
                # A replay that ends leaves what was asked of it to the next.
                if may_fail and ("was stopped before" in done.stderr or "does not take" in done.stderr):
                    return
                sys.exit(f"collect exits {done.returncode}: {done.stderr}{done.stdout}")
            report = json.loads(done.stdout)
            totals["collections"] += 1
            totals["beside"] += "was asked to collect" in done.stderr
            for name in totals:
                totals[name] += report.get(name, 0)

        for number in range(options.captures):
            capture = Capture(path, time.time() - 3600 + number)
            for index in range(options.rounds // options.captures):
                capture.connection(10000 + index, [model.round()])
            capture.close()
            replay = subprocess.Popen([options.oxbow, "replay", path, "--vault", vault, "--commit-milliseconds", "50"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            while replay.poll() is None:
                collect(may_fail=True)
                peak = max(peak, segment_bytes(vault))
            if replay.returncode != 0:
                sys.exit(f"replay exits {replay.returncode}: {replay.stderr.read().decode()}")
        for _ in range(2):
            collect()

        def check(what):
            done = subprocess.run([options.oxbow, "verify", "--vault", vault, "--json"], capture_output=True, text=True)
            found = {row["key"]: row.get("sha256") for row in map(json.loads, done.stdout.splitlines())}
            expected = {key: digest for key, (digest, _) in model.live.items()}
            if done.returncode != 0 or found != expected:
                wrong = [key for key in set(found) | set(expected) if found.get(key) != expected.get(key)]
                sys.exit(f"{what}: verify exits {done.returncode}, and these differ from the model: {wrong}: {done.stderr}")

        check("after the last collection")
        used, live = segment_bytes(vault), model.live_bytes()
        subprocess.run([options.oxbow, "rebuild", "--vault", vault], check=True, capture_output=True)
        check("after a rebuild")
        print(f"{options.rounds} rounds in {options.captures} replays, seed {options.seed}, {time.monotonic() - began:.0f} s: "
              f"{totals['collections']} collections ({totals['beside']} by the replay), {totals['segmentsRewritten']} segments "
              f"rewritten, {totals['blocksRemoved']} blocks removed, {totals['bytesFreed'] / 1e6:.0f} MB given back; "
              f"{len(model.live)} objects as in the model, before and after a rebuild; {used / 1e6:.1f} MB of segments "
              f"for {live / 1e6:.1f} MB live: {used / live:.3f} times (peak {peak / 1e6:.0f} MB)")
        sys.exit(0 if used <= 1.3 * live else 1)


main()
