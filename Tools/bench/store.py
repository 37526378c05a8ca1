"""Times the vault beside borg and restic: a first run, a second run of the same data, and a restore of everything.

The data is made: half of its 64 KiB blocks are unique, a quarter are duplicates, a quarter is compressible. Oxbow takes it
from a capture of uploads (so its figures include reading packets and rebuilding objects), the others from files. What each
restores is compared with the files byte by byte. Programs of one class (what they pack with, whether they encrypt) take turns.
"""

import argparse
import filecmp
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from timing import Bars, Row, machine, settle, timed

HERE = pathlib.Path(__file__).resolve().parent
STEPS = ("first", "again", "restore")
COLUMNS = "{:<31}{:>20}{:>20}{:>20}{:>7}{:>9}{:>9}"
HEAD = COLUMNS.format("store", *(f"{step} MB/s" for step in STEPS), "CPU_s", "peak_MiB", "size_MB")


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
        """Runs a command with what it reads in the page cache."""
        is_ours = self.capture in command
        settle(self.work, [self.capture] if is_ours else [] if folder else [*self.files.iterdir()], self.payload)
        return timed(command, self.work / "time", self.environment, folder)

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
        "first": run, "again": run,
        "restore": [bench.oxbow, "migrate", "--vault", bench.store, "--to", f"file:{bench.target}", *key],
    }


def borg(bench, compression, encryption):
    create = ["borg", "create", "--chunker-params", "fixed,65536", "--compression", compression]
    return {
        "init": ["borg", "init", "--encryption", encryption, bench.store],
        "first": [*create, f"{bench.store}::first", bench.files],
        # Without the cache of what files looked like: the data is read again, as everyone's.
        "again": [*create, "--files-cache", "disabled", f"{bench.store}::again", bench.files],
        "restore": ["borg", "extract", f"{bench.store}::first"],
    }


def restic(bench, compression):
    base = ["restic", "--repo", bench.store, "--compression", compression]
    return {
        "init": ["restic", "init", "--repository-version", "2", "--repo", bench.store],
        "first": [*base, "backup", bench.files], "again": [*base, "backup", "--force", bench.files],
        "restore": [*base, "restore", "latest", "--target", bench.target],
    }


def classes(bench):
    """Programs with settings of one class, by name; Oxbow's first."""
    yield {"oxbow none": oxbow(bench, "none", False), "borg none": borg(bench, "none", "none")}
    yield {"oxbow lz4": oxbow(bench, "lz4", False), "borg lz4": borg(bench, "lz4", "none")}
    yield {"oxbow zstd:1": oxbow(bench, "zstd:1", False), "borg zstd,1": borg(bench, "zstd,1", "none")}
    yield {"oxbow none, encrypted": oxbow(bench, "none", True), "borg none, repokey": borg(bench, "none", "repokey"),
           "restic off (always encrypted)": restic(bench, "off")}
    yield {"oxbow zstd:1, encrypted": oxbow(bench, "zstd:1", True), "borg zstd,1, repokey": borg(bench, "zstd,1", "repokey"),
           "restic auto (zstd, encrypted)": restic(bench, "auto")}


class Store:
    """What one program took for each step, and how many bytes it had stored after the first."""

    def __init__(self, name, payload):
        self.name, self.size = name, 0
        self.steps = {step: Row(step, payload / 1e6) for step in STEPS}

    def show(self):
        rates = ("{:.0f} ({:.0f}-{:.0f})".format(*self.steps[step].rate()) for step in STEPS)
        first = self.steps["first"]
        print(COLUMNS.format(self.name, *rates, f"{first.cpu():.2f}", f"{first.peak():.0f}", f"{self.size / 1e6:.0f}"), flush=True)


def measure(bench, programs, runs):
    stores = [Store(name, bench.payload) for name in programs]
    for _ in range(runs):
        for store, commands in zip(stores, programs.values()):
            bench.clear()
            bench.prepare(commands["init"])
            store.steps["first"].runs.append(bench.time(commands["first"]))
            store.size = bench.stored_bytes()
            store.steps["again"].runs.append(bench.time(commands["again"]))
            store.steps["restore"].runs.append(bench.time(commands["restore"], folder=bench.target))
            bench.check_restored()
    bench.clear()
    return stores


def judge(bars, stores):
    ours = stores[0]
    for other in stores[1:]:
        def ratio(step):
            return other.steps[step].wall() / ours.steps[step].wall()

        program = other.name.split()[0]
        bars.least(f"{ours.name}: first run beside {program}", ratio("first"), 3 if program == "borg" else 5)
        if program == "borg":
            bars.least(f"{ours.name}: restore beside borg", ratio("restore"), 3)
            bars.most(f"{ours.name}: size beside borg", ours.size / other.size, 1.02)


def floor(bench):
    """MB/s at which the disk takes the data of a first run, past the page cache and synced."""
    row = Row("the data copied to disk past the page cache, synced", bench.payload / 1e6)
    names = sorted(bench.files.iterdir())
    script = 'cat "${@}" | dd of="$0" bs=1M iflag=fullblock oflag=direct conv=fsync status=none'
    for _ in range(3):
        row.runs.append(bench.time(["bash", "-c", script, bench.work / "copy", *names]))
        (bench.work / "copy").unlink()
    print("{}: {:.0f} MB/s ({:.0f}-{:.0f})".format(row.name, *row.rate()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--oxbow", required=True, help="the program")
    parser.add_argument("--size", type=int, default=4096, help="MiB of capture (default 4096)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each row, of which the median is printed (default 3)")
    parser.add_argument("--only", default="", help="only programs whose name and settings have this text")
    parser.add_argument("--work", default=".", help="folder for data and stores, which need about five times the size")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=".build-bench-store-", dir=options.work) as work:
        bench, bars = Bench(options.oxbow, options.size, pathlib.Path(work).resolve()), Bars()
        print(f"{machine()}, {bench.payload / 1e6:.0f} MB of payload, median of {options.runs} (min-max)")
        floor(bench)
        print(HEAD)
        for programs in classes(bench):
            chosen = {name: commands for name, commands in programs.items() if options.only in name}
            if chosen:
                stores = measure(bench, chosen, options.runs)
                for store in stores:
                    store.show()
                judge(bars, stores)
        sys.exit(1 if bars.missed else 0)


if __name__ == "__main__":
    main()
