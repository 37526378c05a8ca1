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
head = ("PUT /bucket/" + str(seed) + "-%d HTTP/1.1\r\nHost: 10.78.0.1:8080\r\nContent-Length: " + str(size) + "\r\nx-amz-content-sha256: "
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


SETUPS = [(1, 1), (2, 1), (2, 2)]  # workers, rings
IDLE_SECONDS = 10
WARM_UP_RATE = 200  # MB/s: slow enough that the vault gets everything
CONNECTIONS = int(os.environ.get("CONNECTIONS", 4))


def inside(space, *command, **options):
    return subprocess.Popen(["ip", "netns", "exec", space, *command], text=True, **options)


def client(space, rate, seconds):
    """MB/s that all connections reached together."""
    processes = [inside(space, sys.executable, "-c", CLIENT, str(rate / CONNECTIONS), str(seconds), str(seed),
                        stdout=subprocess.PIPE) for seed in range(CONNECTIONS)]
    return sum(float(process.communicate()[0]) for process in processes)


def wait_for(process, text):
    """Reads standard error up to a line that has this text."""
    for line in process.stderr:
        if text in line:
            return


def end(process):
    """Ends a program in order. What it still said, and what it took of the machine in all."""
    process.send_signal(signal.SIGTERM)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return said, usage


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    """Two namespaces, and what is measured between them."""

    def __init__(self, program, seconds, folder, server, other):
        self.program, self.seconds, self.folder = program, seconds, folder
        self.server, self.other, self.vault = server, other, f"{folder}/vault"

    def tcpdump(self, rate):
        process = inside(self.server, "tcpdump", "-i", "vs", "-B", "65536", "-s", "262144", "-w", "/dev/null",
                         stderr=subprocess.PIPE)
        wait_for(process, "listening on")
        before = cpu_seconds(process.pid)
        reached = client(self.other, rate, self.seconds)
        said, usage = end(process)
        dropped = int(re.search(r"(\d+) packets dropped by kernel", said)[1])
        return {"reached": reached, "dropped": dropped, "cpu": usage.ru_utime + usage.ru_stime - before, "text": ""}

    def start(self, workers, rings, report):
        process = inside(self.server, self.program, "tap", "-i", "vs", "--vault", self.vault, "--json", "--dialect", "all",
                         "--workers", str(workers), "--rings", str(rings), stdout=report, stderr=subprocess.PIPE)
        wait_for(process, "tapping")
        return process

    def warm_up(self, rate, workers, rings):
        """Gives the vault all that the clients will send at this rate, and a little more."""
        slow = min(rate, WARM_UP_RATE)
        row = self.oxbow(slow, workers, rings, seconds=self.seconds * rate / slow * 1.05 + 1)
        if row["dropped"]:
            print(f"  the vault is not quite warm: {row['dropped']} packets were dropped while it was warmed up")

    def disk(self):
        """MB/s at which the disk takes a gibibyte for good, in pieces of a mebibyte."""
        piece = os.urandom(1 << 20)
        path = f"{self.folder}/disk"
        began = time.monotonic()
        with open(path, "wb", buffering=0) as file:
            for _ in range(1024):
                file.write(piece)
            os.fsync(file.fileno())
        rate = (1 << 30) / (time.monotonic() - began) / 1e6
        os.unlink(path)
        return rate

    def oxbow(self, rate, workers, rings, seconds=None):
        with open(f"{self.folder}/report", "w+") as report:
            process = self.start(workers, rings, report)
            # Not what the start takes, which times the ways of hashing.
            before = cpu_seconds(process.pid)
            reached = client(self.other, rate, seconds or self.seconds)
            began = time.monotonic()
            usage = end(process)[1]
            behind = time.monotonic() - began
            report.seek(0)
            interface = json.loads(report.readlines()[-1])["interfaces"][0]
        dropped = interface["droppedByKernel"] + interface["droppedByOverload"]
        assert interface["received"] == interface["processed"] + dropped + interface["unread"], interface
        peak, bound = usage.ru_maxrss >> 10, memory_bound(workers, rings)
        text = f"peak {peak} of at most {bound} MiB{' OVER' * (peak > bound)}, spooled " \
            f"{interface['spooledBytes'] >> 20} MiB, {behind:.1f} s to finish"
        if rings > 1:
            text += f", rings {'/'.join(str(count) for count in interface['ringReceived'])}"
        return {"reached": reached, "dropped": dropped, "cpu": usage.ru_utime + usage.ru_stime - before, "text": text,
                "over": peak > bound}

    def idle(self, workers, rings):
        """Per cent of a core, and MiB, of a tap that has nothing to do."""
        with open(os.devnull, "w") as report:
            process = self.start(workers, rings, report)
            time.sleep(2)
            before = cpu_seconds(process.pid)
            time.sleep(IDLE_SECONDS)
            taken = cpu_seconds(process.pid) - before
            usage = end(process)[1]
        self.clear()
        return taken / IDLE_SECONDS * 100, usage.ru_maxrss >> 10

    def clear(self):
        shutil.rmtree(self.vault, ignore_errors=True)


def memory_bound(workers, rings):
    """MiB that a tap may take by its defaults: rings, --queue, --memory, segments on their way to workers, the catalog
    (cache, rows not yet written, tables that are open), and the program itself with what connections and hashing take."""
    return 64 * rings + 64 + 384 + (13 * workers if workers > 1 else 0) + 100 + 64


def measure(run, rates, seconds):
    """Goes up through the rates until one is lost or not reached; the highest that was held without loss."""
    best, over = 0, False
    for rate in rates:
        row = run(rate)
        gigabytes = row["reached"] * seconds / 1e3
        print(f"{rate:8.0f} {row['reached']:8.0f} {row['dropped']:8} {row['cpu'] / gigabytes:8.2f}  {row['text']}", flush=True)
        over = over or row.get("over", False)
        if row["dropped"] == 0:
            best = max(best, row["reached"])
        elif row["reached"] < 0.9 * rate:
            break
        if row["reached"] < 0.7 * rate:
            break
    return best, over


def bench(bench, rates, seconds):
    """All rows; true when one is not as it shall be."""
    print(f"{'asked':>8} {'reached':>8} {'dropped':>8} {'s of CPU':>8}  MB/s, packets, per GB; {os.cpu_count()} cores")
    print("tcpdump -w /dev/null")
    floor, _ = measure(bench.tcpdump, rates, seconds)
    disk = bench.disk()
    held, failed = [], False
    for state in ("empty", "warm"):
        for workers, rings in SETUPS:
            name = f"oxbow tap, {state} vault, {workers} worker{'s' * (workers > 1)}, {rings} ring{'s' * (rings > 1)}"
            print(name)

            def once(rate):
                if state == "warm":
                    bench.warm_up(rate, workers, rings)
                row = bench.oxbow(rate, workers, rings)
                bench.clear()
                return row

            best, over = measure(once, rates, seconds)
            held.append((name, best, floor / 2 if state == "warm" else min(floor / 2, disk)))
            failed = failed or over
    print("1 Gbit/s (125 MB/s), empty vault")
    for workers, rings in SETUPS:
        row = bench.oxbow(125, workers, rings)
        bench.clear()
        share = row["cpu"] / seconds * 100
        print(f"  {workers} workers, {rings} rings: {share:.0f} % of a core at {row['reached']:.0f} MB/s, "
              f"{row['cpu'] / (row['reached'] * seconds / 1e3):.2f} s of CPU per GB, {row['dropped']} dropped, {row['text']}")
    print("idle")
    for workers, rings in SETUPS:
        share, peak = bench.idle(workers, rings)
        print(f"  {workers} workers, {rings} rings: {share:.2f} % of a core, peak {peak} MiB")
    print(f"highest rate without loss, beside {floor:.0f} MB/s of tcpdump -w /dev/null and {disk:.0f} MB/s of the disk; "
          "the bar is half of tcpdump's, and of an empty vault no more than the disk's")
    for name, best, bar in held:
        is_below = best < 0.99 * bar
        print(f"  {best / floor if floor else 0:5.2f}  {best:6.0f} MB/s  {name}{' BELOW' * is_below}")
        failed = failed or is_below
    return failed


def main():
    program, seconds = os.path.abspath(sys.argv[1]), float(sys.argv[2])
    rates = [float(rate) for rate in " ".join(sys.argv[3:]).split()]
    server, other = f"oxb{os.getpid()}s", f"oxb{os.getpid()}c"
    folder = tempfile.mkdtemp(prefix="oxbow-bench-")
    run = lambda *command: subprocess.run(command, check=True)
    listener, failed = None, True
    try:
        for space in (server, other):
            run("ip", "netns", "add", space)
        run("ip", "-n", server, "link", "add", "vs", "type", "veth", "peer", "name", "vc", "netns", other)
        for space, name, host in ((server, "vs", 1), (other, "vc", 2)):
            run("ip", "-n", space, "addr", "add", f"10.78.0.{host}/24", "dev", name)
            run("ip", "-n", space, "link", "set", name, "up")
        listener = inside(server, sys.executable, "-c", SERVER)
        time.sleep(1)
        failed = bench(Bench(program, seconds, folder, server, other), rates, seconds)
    finally:
        if listener:
            listener.kill()
        for space in (server, other):
            subprocess.run(["ip", "netns", "del", space], check=False)
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


main()
