"""Times `oxbow replay` beside peers and floors, one table a question; the commands of a table take turns.

peers        how fast it is beside tcpflow, libpcap, a bare walk over the file, memory and disk; with an empty vault, and with
             one that knows every block; with one and two workers; with AVX2 alone
front        what a packet costs, stage by stage, on one thread
connections  as many bytes on 1 to 5,000 connections, and small objects on 64 to 100,000
objects      objects of 1 KiB to 1 GiB
sizes        captures of SIZE to LARGEST: cost grows with the bytes, memory does not
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from timing import Bars, Row, machine, settle, timed

HERE = pathlib.Path(__file__).resolve().parent
COLUMNS = "{:<42}{:>8}{:>14}{:>8}{:>14}{:>10}{:>9}"
HEAD = COLUMNS.format("command", "MB/s", "min-max", "wall_s", "CPU_s_per_GB", "peak_MiB", "")


class Bench:
    def __init__(self, options, work):
        self.options, self.work, self.bars = options, work, Bars()
        self.vault = work / "vault"
        self.sink = work / "sink"
        for name, libraries in [("make_capture", ["-lcrypto"]), ("floors", ["-lpcap"])]:
            subprocess.run(["cc", "-O2", "-o", work / name, HERE / f"{name}.c", *libraries], check=True)

    def capture(self, name, mebibytes, **keys):
        path = self.work / f"{name}.pcap"
        if not path.exists():
            subprocess.run([self.work / "make_capture", path, str(mebibytes), *(f"{key}={value}" for key, value in keys.items())],
                           check=True, stderr=subprocess.DEVNULL)
        return path

    def drop(self, capture):
        for path in [capture, capture.with_suffix(".truth.jsonl")]:
            path.unlink()

    def replay(self, capture, *options):
        return [self.options.oxbow, "replay", capture, "--vault", self.vault, "--dialect", "all", *options]

    def clear(self):
        shutil.rmtree(self.vault, ignore_errors=True)
        shutil.rmtree(self.sink, ignore_errors=True)
        self.sink.mkdir()

    def run(self, rows, runs=None):
        """Runs commands in turn. Each of `rows` is a name, a capture, whether the vault knows it already, a command and what to
        set in its environment."""
        results = [Row(name, capture.stat().st_size / 1e6) for name, capture, *_ in rows]
        for _ in range(runs or self.options.runs):
            for row, (_, capture, is_known, command, variables) in zip(results, rows):
                self.clear()
                if is_known:
                    timed(self.replay(capture), self.work / "time")
                settle(self.work, [capture], capture.stat().st_size * 5 // 4)
                row.runs.append(timed(command, self.work / "time", dict(os.environ, **variables)))
        self.clear()
        return results

    def show(self, rows, extra=lambda row: ""):
        for row in rows:
            rate, least, most = row.rate()
            print(COLUMNS.format(row.name, f"{rate:.0f}", f"{least:.0f}-{most:.0f}", f"{row.wall():.2f}",
                                 f"{row.cpu() / row.amount * 1000:.2f}", f"{row.peak():.0f}", extra(row)), flush=True)


def peers(bench):
    capture = bench.capture("plain", bench.options.size)
    floors, avx2 = bench.work / "floors", {"OXBOW_HASH_KERNEL": "avx2"}
    plan = [
        ("memory copied", capture, False, [floors, "memcpy", capture], {}),
        ("file mapped, headers touched", capture, False, [floors, "mmap", capture], {}),
        ("libpcap, headers touched", capture, False, [floors, "libpcap", capture], {}),
        ("file copied to disk, synced", capture, False, ["dd", f"if={capture}", f"of={bench.sink}/copy", "bs=1M", "conv=fsync"], {}),
        ("the same past the page cache", capture, False,
         ["dd", f"if={capture}", f"of={bench.sink}/copy", "bs=1M", "oflag=direct", "conv=fsync"], {}),
        ("tcpflow -r", capture, False, ["tcpflow", "-x", "http", "-r", capture, "-o", bench.sink], {}),
        ("tcpflow -e http -r", capture, False, ["tcpflow", "-e", "http", "-r", capture, "-o", bench.sink], {}),
        ("oxbow, empty vault", capture, False, bench.replay(capture), {}),
        ("oxbow, warm vault", capture, True, bench.replay(capture), {}),
        ("oxbow, empty vault, 2 workers", capture, False, bench.replay(capture, "--workers", "2"), {}),
        ("oxbow, warm vault, 2 workers", capture, True, bench.replay(capture, "--workers", "2"), {}),
    ]
    has_avx2 = " avx2 " in open("/proc/cpuinfo").read()
    if has_avx2:
        plan.append(("oxbow, empty vault, AVX2 only", capture, False, bench.replay(capture), avx2))
    rows = bench.run(plan)
    bench.show(rows)
    speed = {}
    for digest in ("sha256", "md5"):
        text = subprocess.run(["openssl", "speed", "-evp", digest, "-bytes", "16384", "-seconds", "1"], capture_output=True,
                              text=True).stdout.split()[-1]
        speed[digest] = float(text.rstrip("k")) / 1000
    print(f"openssl speed, one core: SHA-256 {speed['sha256']:.0f} MB/s, MD5 {speed['md5']:.0f} MB/s")
    by_name = {row.name: row for row in rows}
    raw, empty, warm = by_name["tcpflow -r"], by_name["oxbow, empty vault"], by_name["oxbow, warm vault"]
    bench.bars.least("empty vault beside tcpflow -r", raw.wall() / empty.wall(), 2.0)
    bench.bars.least("warm vault beside tcpflow -r", raw.wall() / warm.wall(), 2.5)
    bench.bars.most("empty vault, seconds of CPU a GB", empty.cpu() / empty.amount * 1000, 1.0)
    bench.bars.most("warm vault, seconds of CPU a GB", warm.cpu() / warm.amount * 1000, 0.7)
    if has_avx2:
        bench.bars.least("AVX2 only beside tcpflow -r", raw.wall() / by_name["oxbow, empty vault, AVX2 only"].wall(), 1.0)
    bench.bars.most("peak memory, MiB", max(row.peak() for row in rows if row.name.startswith("oxbow")), 512)


def front(bench):
    capture = bench.capture("plain", bench.options.size)
    settle(bench.work, [capture], 1 << 28)
    _, _, _, text = timed([bench.options.front, capture, str(bench.options.runs)], bench.work / "time")
    print(f"{'each row does what those above do':<42}{'ns a packet':>12}{'min-max':>14}")
    found = {}
    for line in text.splitlines():
        name, median, least, most = line.split("\t")
        found[name] = float(median)
        print(f"{name:<42}{float(median):>12.0f}{least.split('.')[0] + '-' + most.split('.')[0]:>14}")
    bench.bars.most("to HTTP events, ns a packet", found["+ HTTP events"], 60)
    bench.bars.most("to block buffers, ns a packet", found["+ objects and split"], 180)


def connections(bench):
    plan = []
    for count in (1, 64, 1000, 5000):
        capture = bench.capture(f"open-{count}", bench.options.size, connections=count, object_min=65536, object_max=262144)
        plan.append((f"{count} connections, 64-256 KiB", capture, False, bench.replay(capture), {}))
    for count in (64, 1000, 10000, 100000):
        capture = bench.capture(f"small-{count}", bench.options.size, connections=count, object_min=8192, object_max=12288)
        plan.append((f"{count} connections, 8-12 KiB", capture, False, bench.replay(capture), {}))
    rows = bench.run(plan)
    bench.show(rows)
    for _, capture, *_ in plan:
        bench.drop(capture)
    rate = {row.name: row.rate()[0] for row in rows}
    bench.bars.least("5,000 bodies beside 64", rate["5000 connections, 64-256 KiB"] / rate["64 connections, 64-256 KiB"], 0.7)


def objects(bench):
    plan, counts = [], {}
    for title, size, mebibytes, number in (
            ("1 KiB", 1 << 10, 256, 64), ("4 KiB", 1 << 12, 256, 64), ("64 KiB", 1 << 16, 1024, 64), ("1 MiB", 1 << 20, 1024, 64),
            ("64 MiB", 1 << 26, 1024, 8), ("1 GiB", 1 << 30, 1024, 1)):
        capture = bench.capture(f"size-{size}", mebibytes, connections=number, object_min=size, object_max=size)
        name = f"{title} on {number} connections"
        counts[name] = sum(1 for _ in open(capture.with_suffix(".truth.jsonl")))
        plan.append((name, capture, False, bench.replay(capture), {}))
    rows = bench.run(plan)
    bench.show(rows, lambda row: f"{counts[row.name] / row.wall():.0f}/s")
    for _, capture, *_ in plan:
        bench.drop(capture)
    small = next(row for row in rows if row.name.startswith("4 KiB"))
    bench.bars.least("exchanges of 4 KiB a second", counts[small.name] / small.wall(), 30000)


def sizes(bench):
    rows, mebibytes = [], bench.options.size
    while mebibytes <= bench.options.largest:
        capture = bench.capture("plain" if mebibytes == bench.options.size else f"long-{mebibytes}", mebibytes)
        rows += bench.run([(f"{mebibytes} MiB", capture, False, bench.replay(capture), {})])
        bench.show(rows[-1:])
        if mebibytes != bench.options.size:
            bench.drop(capture)
        mebibytes *= 4
    if len(rows) > 1:
        bench.bars.most("memory of the largest beside the smallest", rows[-1].peak() / rows[0].peak(), 2)


TABLES = {"peers": peers, "front": front, "connections": connections, "objects": objects, "sizes": sizes}


def whole_path(text):
    return pathlib.Path(text).resolve()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--oxbow", required=True, type=whole_path, help="the program")
    parser.add_argument("--front", required=True, type=whole_path, help="the bench of the front end")
    parser.add_argument("--runs", type=int, default=5, help="runs of each command, of which the median is printed (default 5)")
    parser.add_argument("--size", type=int, default=1024, help="MiB of most captures (default 1024)")
    parser.add_argument("--largest", type=int, default=16384, help="MiB of the largest (default 16384)")
    parser.add_argument("--only", choices=TABLES, action="append", help="only this table; repeatable")
    parser.add_argument("--work", default=".", help="folder for captures and vaults, which need twice the largest (default .)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=".build-bench-replay-", dir=options.work) as work:
        bench = Bench(options, pathlib.Path(work).resolve())
        print(f"{machine()}, median of {options.runs}")
        for name in options.only or TABLES:
            print(f"\n{name}" if name == "front" else f"\n{name}\n{HEAD}", flush=True)
            TABLES[name](bench)
        sys.exit(1 if bench.bars.missed else 0)


if __name__ == "__main__":
    main()
