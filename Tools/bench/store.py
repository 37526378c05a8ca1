"""Times the vault beside borg and restic: a first run, a second run of the same data, and a restore of everything.

The data is made: half of its 64 KiB blocks are unique, a quarter are duplicates, a quarter is compressible. Oxbow takes it
from a capture of uploads (so its figures include reading packets and rebuilding objects), the others from files. What each
restores is compared with the files byte by byte.
"""

import argparse
import datetime
import filecmp
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
COLUMNS = "{:<32}{:>11}{:>11}{:>11}{:>9}{:>10}{:>10}"


class Bench:
    def __init__(self, oxbow, size, work):
        self.oxbow = pathlib.Path(oxbow).resolve()
        self.work = work
        self.files = work / "files"
        self.capture = work / "data.pcap"
        self.store = work / "store"
        self.target = work / "target"
        self.key = work / "key"
        self.files.mkdir()
        self.key.write_bytes(os.urandom(32))
        self.key.chmod(0o600)
        maker = work / "make_capture"
        subprocess.run(["cc", "-O2", "-o", maker, HERE / "make_capture.c", "-lcrypto"], check=True)
        # A third of the blocks that are no duplicates is a quarter of all.
        subprocess.run([maker, self.capture, str(size), "downloads=0", "duplicates=25", "compressible=33",
                        f"files={self.files}"], check=True, stderr=subprocess.DEVNULL)
        self.payload = sum(entry.stat().st_size for entry in self.files.iterdir())
        self.environment = dict(
            os.environ, BORG_PASSPHRASE="bench", RESTIC_PASSWORD="bench", BORG_BASE_DIR=str(work / "borg-home"),
            BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes", RESTIC_CACHE_DIR=str(work / "restic-cache"))

    def prepare(self, command):
        """Runs a command that is not timed."""
        subprocess.run(command, check=True, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def time(self, command, folder=None):
        """Runs a command with warm caches for everyone; its wall seconds, CPU seconds and peak memory in KiB."""
        os.sync()
        for path in [self.capture, *self.files.iterdir()]:
            with open(path, "rb") as file:
                while file.read(1 << 22):
                    pass
        record = self.work / "time"
        done = subprocess.run(["/usr/bin/time", "-f", "%e %U %S %M", "-o", record, *command], env=self.environment,
                              cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr[-2000:]}")
        wall, user, system, peak = record.read_text().split()[-4:]
        return float(wall), float(user) + float(system), int(peak)

    def clear(self):
        for path in [self.store, self.target, self.work / "borg-home", self.work / "restic-cache"]:
            shutil.rmtree(path, ignore_errors=True)
        self.target.mkdir()

    def stored_bytes(self):
        return sum(entry.stat().st_size for entry in self.store.rglob("*") if entry.is_file())

    def check_restored(self):
        """Every file is somewhere below the target, under its own name, and equal."""
        restored = {entry.name: entry for entry in self.target.rglob("object-*") if entry.is_file()}
        for original in self.files.iterdir():
            if original.name not in restored or not filecmp.cmp(original, restored[original.name], shallow=False):
                sys.exit(f"{original.name} was not restored as it is")


def oxbow(bench, compression, encrypted):
    key = ["--key-file", bench.key] if encrypted else []
    run = [bench.oxbow, "replay", bench.capture, "--vault", bench.store, *key]
    return {
        "init": [bench.oxbow, "vault", "init", "--vault", bench.store, "--compression", compression, *key],
        "first": run, "second": run,
        "restore": [bench.oxbow, "migrate", "--vault", bench.store, "--to", f"file:{bench.target}", *key],
    }


def borg(bench, compression, encryption):
    create = ["borg", "create", "--chunker-params", "fixed,65536", "--compression", compression]
    return {
        "init": ["borg", "init", "--encryption", encryption, bench.store],
        "first": [*create, f"{bench.store}::first", bench.files],
        # Without the cache of what files looked like: the data is read again, as everyone's.
        "second": [*create, "--files-cache", "disabled", f"{bench.store}::second", bench.files],
        "restore": ["borg", "extract", f"{bench.store}::first"],
    }


def restic(bench, compression):
    base = ["restic", "--repo", bench.store, "--compression", compression]
    return {
        "init": ["restic", "init", "--repository-version", "2", "--repo", bench.store],
        "first": [*base, "backup", bench.files], "second": [*base, "backup", "--force", bench.files],
        "restore": [*base, "restore", "latest", "--target", bench.target],
    }


def rows(bench):
    yield "oxbow none", oxbow(bench, "none", False)
    yield "borg none", borg(bench, "none", "none")
    yield "oxbow lz4", oxbow(bench, "lz4", False)
    yield "borg lz4", borg(bench, "lz4", "none")
    yield "oxbow zstd:1", oxbow(bench, "zstd:1", False)
    yield "borg zstd,1", borg(bench, "zstd,1", "none")
    yield "oxbow none, encrypted", oxbow(bench, "none", True)
    yield "borg none, repokey", borg(bench, "none", "repokey")
    yield "restic off (always encrypted)", restic(bench, "off")
    yield "oxbow zstd:1, encrypted", oxbow(bench, "zstd:1", True)
    yield "borg zstd,1, repokey", borg(bench, "zstd,1", "repokey")
    yield "restic auto (zstd, encrypted)", restic(bench, "auto")


def measure(bench, name, commands, runs):
    times = {"first": [], "second": [], "restore": []}
    for _ in range(runs):
        bench.clear()
        bench.prepare(commands["init"])
        times["first"].append(bench.time(commands["first"]))
        stored = bench.stored_bytes()
        times["second"].append(bench.time(commands["second"]))
        times["restore"].append(bench.time(commands["restore"], folder=bench.target))
        bench.check_restored()
    rate = {step: bench.payload / 1e6 / statistics.median(t[0] for t in values) for step, values in times.items()}
    print(COLUMNS.format(
        name, *(f"{rate[step]:.0f}" for step in ("first", "second", "restore")),
        f"{statistics.median(t[1] for t in times['first']):.2f}", f"{max(t[2] for t in times['first']) / 1024:.0f}",
        f"{stored / 1e6:.0f}"), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--oxbow", required=True, help="the program")
    parser.add_argument("--size", type=int, default=4096, help="MiB of capture (default 4096)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each row, of which the median is printed (default 3)")
    parser.add_argument("--only", default="", help="only rows whose name begins with this")
    parser.add_argument("--work", default=".", help="folder for data and stores, which need about five times the size")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=".build-bench-store-", dir=options.work) as work:
        bench = Bench(options.oxbow, options.size, pathlib.Path(work).resolve())
        model = next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
        print(f"{datetime.date.today()}, commit {commit or 'none'}, {os.cpu_count()} CPUs: {model}, "
              f"{bench.payload / 1e6:.0f} MB of payload, median of {options.runs}")
        print(COLUMNS.format("store", "first MB/s", "again MB/s", "rest. MB/s", "cpu_s", "peak_MiB", "size_MB"))
        for name, commands in rows(bench):
            if name.startswith(options.only):
                measure(bench, name, commands, options.runs)


if __name__ == "__main__":
    main()
