"""Called by Tools/bench/live."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SERVER = r"""
import socket, threading, re
listener = socket.create_server(("10.78.0.1", 8080), backlog=64)
def serve(connection):
    buffer = bytearray(1 << 20); rest = b""
    while True:
        while b"\r\n\r\n" not in rest:
            more = connection.recv(1 << 16)
            if not more: return
            rest += more
        head, rest = rest.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"Content-Length: (\d+)", head)[1]) - len(rest); rest = b""
        while length > 0: length -= connection.recv_into(buffer, min(length, len(buffer)))
        connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "0"\r\nContent-Length: 0\r\n\r\n')
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""

CLIENT = r"""
import os, random, socket, sys, time
rate, seconds, seed = float(sys.argv[1]) * 1e6, float(sys.argv[2]), int(sys.argv[3])
random.seed(seed)
pool = random.Random(7).randbytes(96 << 20)
size = 4 << 20
connection = socket.create_connection(("10.78.0.1", 8080))
head = ("PUT /bucket/%d HTTP/1.1\r\nHost: 10.78.0.1:8080\r\nContent-Length: " + str(size) + "\r\nx-amz-content-sha256: "
        "UNSIGNED-PAYLOAD\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, "
        "SignedHeaders=host, Signature=0\r\n\r\n")
sent = number = 0
began = time.monotonic()
view = memoryview(pool)
while time.monotonic() - began < seconds:
    at = random.randrange(len(pool) - size)
    connection.sendall((head % number).encode())
    for offset in range(0, size, 1 << 18):
        connection.sendall(view[at + offset:at + offset + (1 << 18)])
        sent += 1 << 18
        ahead = sent / rate - (time.monotonic() - began)
        if ahead > 0: time.sleep(ahead)
    connection.recv(4096); number += 1
print(sent / (time.monotonic() - began) / 1e6)
"""


def inside(space, *command, **options):
    return subprocess.Popen(["ip", "netns", "exec", space, *command], text=True, **options)


def client(space, rate, seconds, seed):
    process = inside(space, sys.executable, "-c", CLIENT, str(rate), str(seconds), str(seed), stdout=subprocess.PIPE)
    return float(process.communicate()[0])


def end(process):
    process.send_signal(signal.SIGTERM)
    return process.communicate(timeout=600)


def wait_for(process, text):
    """Reads standard error up to a line that has this text."""
    for line in process.stderr:
        if text in line:
            return


def with_tcpdump(server, other, rate, seconds, seed, folder):
    process = inside(server, "tcpdump", "-i", "vs", "-B", "65536", "-s", "262144", "-w", "/dev/null",
                     stderr=subprocess.PIPE)
    wait_for(process, "listening on")
    reached = client(other, rate, seconds, seed)
    text = end(process)[1]
    return reached, int(re.search(r"(\d+) packets dropped by kernel", text)[1]), ""


def with_oxbow(server, other, rate, seconds, seed, vault, program, workers):
    process = inside(server, program, "tap", "-i", "vs", "--vault", vault, "--json", "--dialect", "all",
                     "--workers", str(workers),
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(process, "tapping")
    peak = 0
    reached = client(other, rate, seconds, seed)
    with open(f"/proc/{process.pid}/status") as status:
        peak = int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])
    began = time.monotonic()
    output = end(process)[0]
    behind = time.monotonic() - began
    interface = json.loads(output.splitlines()[-1])["interfaces"][0]
    assert interface["received"] == interface["processed"] + interface["droppedByKernel"] \
        + interface["droppedByOverload"] + interface["unread"], interface
    return reached, interface["droppedByKernel"] + interface["droppedByOverload"], \
        f"peak {peak >> 10} MiB, spooled {interface['spooledBytes'] >> 20} MiB, {behind:.1f} s to finish"


def main():
    program, seconds = os.path.abspath(sys.argv[1]), float(sys.argv[2])
    rates = [float(rate) for rate in " ".join(sys.argv[3:]).split()]
    server, other = f"oxb{os.getpid()}s", f"oxb{os.getpid()}c"
    folder = tempfile.mkdtemp(prefix="oxbow-bench-")
    run = lambda *command: subprocess.run(command, check=True)
    listener = None
    try:
        for space in (server, other):
            run("ip", "netns", "add", space)
        run("ip", "-n", server, "link", "add", "vs", "type", "veth", "peer", "name", "vc", "netns", other)
        for space, name, host in ((server, "vs", 1), (other, "vc", 2)):
            run("ip", "-n", space, "addr", "add", f"10.78.0.{host}/24", "dev", name)
            run("ip", "-n", space, "link", "set", name, "up")
        listener = inside(server, sys.executable, "-c", SERVER)
        time.sleep(1)
        print(f"{'asked':>8} {'reached':>8} {'dropped':>8}  MB/s and packets; {os.cpu_count()} cores")
        rows = [("tcpdump -w /dev/null", 0)]
        rows += [(f"oxbow tap, {state} vault", workers) for state in ("empty", "warm") for workers in (1, 2)]
        for name, workers in rows:
            print(name + (f", {workers} worker{'s' * (workers > 1)}" if workers else ""))
            for rate in rates:
                vault = f"{folder}/vault"
                if "tcpdump" in name:
                    result = with_tcpdump(server, other, rate, seconds, 1, folder)
                elif "empty" in name:
                    result = with_oxbow(server, other, rate, seconds, 1, vault, program, workers)
                    shutil.rmtree(vault)
                else:
                    with_oxbow(server, other, rate, seconds, 1, vault, program, workers)
                    result = with_oxbow(server, other, rate, seconds, 1, vault, program, workers)
                    shutil.rmtree(vault)
                print(f"{rate:8.0f} {result[0]:8.0f} {result[1]:8}  {result[2]}", flush=True)
    finally:
        if listener:
            listener.kill()
        for space in (server, other):
            subprocess.run(["ip", "netns", "del", space], check=False)
        shutil.rmtree(folder, ignore_errors=True)


main()
