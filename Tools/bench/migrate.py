"""Times `oxbow migrate` beside `rclone copy`: the same objects, into the same service, with as many transfers at once.

The service is SeaweedFS, in a network namespace of its own so that its fixed ports disturb nobody (needs root). Oxbow reads
a vault, rclone a folder of the same objects. Two sets: large objects (0.25 to 8 MiB) and small ones (4 KiB). Each run goes
into a bucket of its own; programs take turns.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LIVE = HERE.parent.parent / "Tests" / "Live"
sys.path.insert(0, str(LIVE))
from clients import ACCESS, SECRET  # noqa: E402
from timing import Bars, Row, machine, settle, timed  # noqa: E402

PORT = "8333"
COLUMNS = "{:<10}{:<16}{:>9}{:>12}{:>15}{:>9}{:>10}{:>10}"


class Service:
    """SeaweedFS in a namespace; commands run beside it."""

    def __init__(self, folder):
        self.name = f"oxbow-bench-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.beside = ["ip", "netns", "exec", self.name]
        subprocess.run([*self.beside, "ip", "link", "set", "lo", "up"], check=True)
        self.process = subprocess.Popen(
            [*self.beside, sys.executable, str(LIVE / "seaweed.py"), shutil.which("weed"), str(folder), PORT],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            sys.exit("SeaweedFS does not start")

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        subprocess.run(["ip", "netns", "delete", self.name])


def environment(work):
    remote = {"TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": f"http://127.0.0.1:{PORT}", "ACCESS_KEY_ID": ACCESS,
              "SECRET_ACCESS_KEY": SECRET, "FORCE_PATH_STYLE": "true", "NO_CHECK_BUCKET": "true"}
    configuration = work / "rclone.conf"
    configuration.touch()
    # rclone 1.60 stops at a CA bundle in its environment.
    inherited = {key: value for key, value in os.environ.items() if key != "AWS_CA_BUNDLE"}
    return dict(inherited, AWS_ACCESS_KEY_ID=ACCESS, AWS_SECRET_ACCESS_KEY=SECRET, AWS_REGION="us-east-1",
                AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null",
                RCLONE_CONFIG=str(configuration), **{f"RCLONE_CONFIG_TARGET_{key}": value for key, value in remote.items()})


def make_set(name, keys, oxbow, work, maker, variables):
    """A capture of uploads, the same objects as files, and a vault of them."""
    files = work / f"{name}-files"
    files.mkdir()
    capture = work / f"{name}.pcap"
    subprocess.run([maker, capture, *keys, "downloads=0", f"files={files}"], check=True, stderr=subprocess.DEVNULL)
    vault = work / f"{name}-vault"
    subprocess.run([oxbow, "replay", capture, "--vault", vault], check=True, env=variables, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    capture.unlink()
    return files, vault


def requests_of(report):
    """All requests that a migration's report counts."""
    return sum(json.loads(report)["requests"]["requests"].values())


def command_of(program, bucket, files, vault, options):
    parallel = str(options.parallel)
    if program == "rclone copy":
        return ["rclone", "copy", "--transfers", parallel, "--checkers", parallel, files, f"target:{bucket}"]
    # A journal of an earlier run into another bucket does not matter; caches are warm for both.
    return [options.oxbow, "migrate", "--vault", vault, "--parallel", parallel, "--json",
            "--to", f"s3://{bucket}?endpoint=http://127.0.0.1:{PORT}&path-style=true"]


def measure(title, files, vault, options, service, variables, work, bars):
    sizes = [entry.stat().st_size for entry in files.iterdir()]
    rows = [Row("oxbow migrate", sum(sizes) / 1e6), Row("rclone copy", sum(sizes) / 1e6)]
    for run in range(options.runs):
        for row in rows:
            bucket = f"{title.lower().replace(' ', '-')}-{row.name.split()[0]}-{run}"
            subprocess.run([*service.beside, "rclone", "mkdir", f"target:{bucket}", "--s3-no-check-bucket=false"],
                           env=variables, check=True)
            settle(work, [*files.iterdir(), *(path for path in vault.rglob("*") if path.is_file())], 1 << 28)
            command = command_of(row.name, bucket, files, vault, options)
            row.runs.append(timed([*service.beside, *command], work / "time", variables))
    for row in rows:
        walls = sorted(run[0] for run in row.runs)
        requests = requests_of(row.runs[0][3]) if row.name.startswith("oxbow") else "-"
        print(COLUMNS.format(
            title, row.name, f"{row.rate()[0]:.0f}", f"{len(sizes) / row.wall():.0f}", f"{walls[0]:.2f}-{walls[-1]:.2f}",
            f"{row.cpu():.2f}", f"{row.peak():.0f}", requests), flush=True)
    bars.least(f"{title} objects: oxbow beside rclone", rows[1].wall() / rows[0].wall(), 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--oxbow", required=True, type=lambda path: str(pathlib.Path(path).resolve()), help="the program")
    parser.add_argument("--size", type=int, default=1024, help="MiB of large objects (default 1024)")
    parser.add_argument("--small", type=int, default=10000, help="number of small objects (default 10000)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, of which the median is printed (default 5)")
    parser.add_argument("--parallel", type=int, default=8, help="transfers at once (default 8)")
    parser.add_argument("--work", default=".", help="folder for data, which needs about eight times the size")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=".build-bench-migrate-", dir=options.work) as folder:
        work = pathlib.Path(folder).resolve()
        variables = environment(work)
        maker = work / "make_capture"
        subprocess.run(["cc", "-O2", "-o", maker, HERE / "make_capture.c", "-lcrypto"], check=True)
        # A packet of 4 KiB with its head and answer takes about 5 KiB of a capture.
        small = ["object_min=4096", "object_max=4096"]
        sets = [("large", *make_set("large", [str(options.size)], options.oxbow, work, maker, variables)),
                ("4 KiB", *make_set("small", [str(max(1, options.small * 5 // 1024)), *small], options.oxbow, work, maker,
                                    variables))]
        service, bars = Service(work / "seaweed"), Bars()
        try:
            print(f"{machine()}, SeaweedFS, {options.parallel} transfers at once, median of {options.runs}")
            print(COLUMNS.format("objects", "program", "MB/s", "objects/s", "min-max s", "CPU_s", "peak_MiB", "requests"))
            for title, files, vault in sets:
                measure(title, files, vault, options, service, variables, work, bars)
        finally:
            service.end()
        sys.exit(1 if bars.missed else 0)


if __name__ == "__main__":
    main()
