"""What the benches share: runs in turn, medians, and bars that hold or are missed."""

import datetime
import os
import pathlib
import statistics
import subprocess
import sys


def machine():
    """The line that says when, of what and where figures are."""
    model = next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return f"{datetime.date.today()}, commit {commit or 'none'}, {os.cpu_count()} CPUs: {model}"


def settle(work, files, room):
    """Has the files in the page cache and everything else on disk, and `room` bytes of memory at hand: a virtual machine that
    rested gets its memory from its host page by page, which would be paid for by whoever runs first."""
    os.sync()
    for path in files:
        with open(path, "rb", buffering=0) as file:
            while file.read(1 << 22):
                pass
    filler = pathlib.Path(work) / "room"
    with open(filler, "wb", buffering=0) as file:
        for _ in range(room >> 22):
            file.write(bytes(1 << 22))
    filler.unlink()


def timed(command, record, environment=None, folder=None):
    """Wall seconds, CPU seconds and peak memory in KiB of a command, and what it printed; ends the bench if it fails."""
    done = subprocess.run(["/usr/bin/time", "-f", "%e %U %S %M", "-o", record, *command], env=environment, cwd=folder,
                          capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr[-2000:]}{done.stdout[-500:]}")
    wall, user, system, peak = pathlib.Path(record).read_text().split()[-4:]
    return max(float(wall), 0.01), float(user) + float(system), int(peak), done.stdout


class Row:
    """The runs of one command: seconds of wall and CPU, KiB of memory."""

    def __init__(self, name, amount):
        self.name, self.amount, self.runs = name, amount, []

    def wall(self):
        return statistics.median(run[0] for run in self.runs)

    def cpu(self):
        return statistics.median(run[1] for run in self.runs)

    def peak(self):
        return max(run[2] for run in self.runs) / 1024

    def rate(self):
        """Of whatever `amount` counts, a second: at the median, the slowest and the fastest run."""
        walls = sorted(run[0] for run in self.runs)
        return self.amount / self.wall(), self.amount / walls[-1], self.amount / walls[0]


class Bars:
    """Ratios and figures that are held to a bound."""

    def __init__(self):
        self.missed = 0

    def least(self, name, value, bound):
        self.judge(name, value, bound, value >= bound, "at least")

    def most(self, name, value, bound):
        self.judge(name, value, bound, value <= bound, "at most")

    def judge(self, name, value, bound, holds, word):
        self.missed += not holds
        print(f"  {name}: {value:.2f}, {word} {bound:g}: {'held' if holds else 'MISSED'}", flush=True)
