#!/usr/bin/env python3
"""Called by Tools/soak: a storm of short connections (storm.py) between two network namespaces, a tap beside it."""
import argparse
import hashlib
import itertools
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import storm

ADDRESS, PORT = "10.79.0.1", 8000
# A ring, a queue and block buffers take their memory when they are first used, in a burst perhaps an hour after the start.
# Small ones are used up within the warm-up: what grows after it is a leak.
SMALL = ["--buffer", "16MiB", "--queue", "16MiB", "--memory", "16MiB"]
HERE = os.path.dirname(os.path.abspath(__file__))


def run(*command):
    subprocess.run(command, check=True)


def inside(space, *command, **options):
    # A session of its own, so that what it forks ends with it.
    return subprocess.Popen(["ip", "netns", "exec", space, *command], text=True, start_new_session=True, **options)


def python(space, name, *arguments, **options):
    return inside(space, sys.executable, "-B", f"{HERE}/{name}", *map(str, arguments), **options)


class Samples:
    """What a process takes of the machine, by the second."""

    def __init__(self, pid):
        self.pid, self.rows = pid, []

    def take(self, seconds):
        with open(f"/proc/{self.pid}/status") as file:
            status = dict(line.split(":", 1) for line in file if ":" in line)
        with open(f"/proc/{self.pid}/stat") as file:
            ticks = file.read().rsplit(")", 1)[1].split()
        cpu = (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")
        self.rows.append((seconds, int(status["VmRSS"].split()[0]) / 1024, int(status["VmHWM"].split()[0]) / 1024,
                          len(os.listdir(f"/proc/{self.pid}/fd")), int(status["Threads"]), cpu))

    @staticmethod
    def trend(rows):
        """A line through the memory by least squares: MiB a minute, and how far the samples lie from it (MiB, one sigma)."""
        count = len(rows)
        if count < 3:
            return 0.0, 0.0
        mean_x, mean_y = sum(row[0] for row in rows) / count, sum(row[1] for row in rows) / count
        over = sum((row[0] - mean_x) * (row[1] - mean_y) for row in rows)
        slope = over / sum((row[0] - mean_x) ** 2 for row in rows)
        scatter = (sum((row[1] - mean_y - slope * (row[0] - mean_x)) ** 2 for row in rows) / (count - 2)) ** 0.5
        return slope * 60, scatter


def judge(lines):
    """What these lines of `verify --json` say: keys seen, whole ones, harmed ones, wrong keys."""
    keys, whole, harmed, wrong = [], 0, 0, []
    for line in lines:
        row = json.loads(line)
        key = row["key"]
        keys.append(key)
        if row.get("state") in ("verified", "complete"):
            if row["sha256"] == hashlib.sha256(storm.content(key)).hexdigest():
                whole += 1
            else:
                wrong.append(key)
        elif row["gaps"]:
            harmed += 1
        else:
            wrong.append(key)
    return keys, whole, harmed, wrong


def compare(program, vault, sent):
    """Counts what the vault has of what was sent: whole, named as harmed, absent, wrong."""
    found = {"whole": 0, "harmed": 0, "wrong": []}
    seen = set()
    verify = subprocess.Popen([program, "verify", "--vault", vault, "--json"], stdout=subprocess.PIPE, text=True)
    # Making an object's content and hashing it takes Python longer than it takes the program to read it back: on all cores.
    with multiprocessing.Pool() as pool:
        for keys, whole, harmed, wrong in pool.imap_unordered(judge, iter(lambda: list(itertools.islice(verify.stdout, 4096)), [])):
            seen.update(keys)
            found["whole"] += whole
            found["harmed"] += harmed
            found["wrong"] += wrong
    if verify.wait() not in (0, 1):
        raise SystemExit("oxbow verify failed")
    expected = {storm.key_of(worker, number) for worker, count in sent.items() for number in range(count)}
    found["absent"] = sorted(expected - seen)
    found["strange"] = sorted(seen - expected)
    return found


def main():
    parser = argparse.ArgumentParser(prog="Tools/soak", description="Soaks a tap in short connections; see CONTRIBUTING.md.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=0, help="connections a second; 0 for as many as can be (default)")
    parser.add_argument("--warm-up", type=float, default=180,
                        help="seconds before memory is judged (default: 180; at least a third of the run, at most two)")
    parser.add_argument("--keep", action="store_true", help="leave the vault, and say where")
    parser.add_argument("--slope", type=float, default=1.0, help="MiB a minute that memory may grow, or twice its scatter in all (default: 1)")
    parser.add_argument("--samples", help="file for what was sampled each second, as TSV")
    parser.add_argument("--oxbow", required=True, help=argparse.SUPPRESS)
    parser.add_argument("tap", nargs="*", help=f"arguments of oxbow tap, after -- (default: {' '.join(SMALL)})")
    options = parser.parse_args()
    tag = f"oxs{os.getpid()}"
    server_space, client_space = tag + "s", tag + "c"
    folder = tempfile.mkdtemp(prefix="oxbow-soak-")
    processes = []
    try:
        for space in (server_space, client_space):
            run("ip", "netns", "add", space)
        run("ip", "-n", server_space, "link", "add", "vs", "type", "veth", "peer", "name", "vc", "netns", client_space)
        for space, name, host in ((server_space, "vs", 1), (client_space, "vc", 2)):
            run("ip", "-n", space, "addr", "add", f"10.79.0.{host}/24", "dev", name)
            run("ip", "-n", space, "link", "set", name, "up")
        run("ip", "netns", "exec", client_space, "sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535")
        server = python(server_space, "storm.py", "server", ADDRESS, PORT, 2, stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE)
        processes.append(server)
        server.stdout.readline()
        vault = folder + "/vault"
        with open(folder + "/report", "w") as report_file:
            tap = inside(server_space, options.oxbow, "tap", "-i", "vs", "--vault", vault, "--json", "--statistics", "1s",
                         *(options.tap or SMALL), stdout=report_file, stderr=subprocess.PIPE)
        processes.append(tap)
        for line in tap.stderr:
            print(line, end="", file=sys.stderr)
            if "tapping" in line:
                break
        failed = soak(options, folder, vault, tap, client_space, processes)
    finally:
        for process in processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        for space in (server_space, client_space):
            subprocess.run(["ip", "netns", "del", space])
        if options.keep:
            print(f"kept {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)
    sys.exit(1 if failed else 0)


def soak(options, folder, vault, tap, client_space, processes):
    """The storm, and what came of it; true when something is wrong."""
    began, seconds = time.monotonic(), options.minutes * 60
    client = python(client_space, "storm.py", "client", ADDRESS, PORT, 4, seconds, options.rate, stdout=subprocess.PIPE)
    processes.append(client)
    samples, told = Samples(tap.pid), 0
    while client.poll() is None:
        if tap.poll() is not None:
            raise SystemExit(f"the tap ended: {tap.stderr.read()}")
        now = time.monotonic() - began
        samples.take(now)
        if now - told >= 30:
            told = now
            print(f"{now:.0f} s: {samples.rows[-1][1]:.0f} MiB resident, {samples.rows[-1][3]} descriptors", file=sys.stderr)
        time.sleep(1)
    lasted = time.monotonic() - began
    workers = [json.loads(line) for line in client.stdout]
    sent = {row["worker"]: row["sent"] for row in workers}
    failures = [failure for row in workers for failure in row["failed"]]
    stopping = time.monotonic()
    tap.send_signal(signal.SIGTERM)
    errors = tap.communicate()[1]
    stopped = time.monotonic() - stopping
    with open(folder + "/report") as file:
        report = json.loads(file.readlines()[-1])
    if options.samples:
        with open(options.samples, "w") as file:
            file.write("second\trss_mib\tpeak_mib\tdescriptors\tthreads\tcpu_seconds\n")
            file.writelines("\t".join(f"{value:.2f}" for value in row) + "\n" for row in samples.rows)
    verifying = time.monotonic()
    found = compare(options.oxbow, vault, sent)
    verified = time.monotonic() - verifying
    size = sum(os.path.getsize(os.path.join(path, name)) for path, _, names in os.walk(vault) for name in names)

    total = sum(sent.values())
    interface = report["interfaces"][0]
    dropped = interface["droppedByKernel"] + interface["droppedByOverload"]
    reconciled = interface["received"] == interface["processed"] + dropped + interface["unread"]
    # Not from the start: the catalog's cache and the rows that it has not written yet fill first, up to fixed bounds, then
    # the allocator's pools for the threads that RocksDB writes tables and merges them with, each up to the largest merge it
    # did so far. That takes minutes, and looks like a leak until it ends. A leak goes on: the last two thirds show it.
    judged = [row for row in samples.rows if row[0] >= max(lasted / 3, min(options.warm_up, lasted * 2 / 3))]
    (slope, scatter), first, last = samples.trend(judged), judged[0], judged[-1]
    # What rises less than merges make it go up and down is no leak that this run could show.
    risen = slope * (last[0] - first[0]) / 60
    is_flat = slope <= options.slope or risen <= 2 * scatter
    print(f"connections        {total} in {lasted:.0f} s = {total / lasted:.0f} a second, {len(failures)} failed")
    print(f"memory             {first[1]:.1f} MiB after {first[0]:.0f} s, {last[1]:.1f} MiB at the end, slope from then on {slope:+.2f} MiB/min "
          f"({risen:+.1f} MiB in all, scatter {scatter:.1f}), peak {last[2]:.1f} MiB")
    print(f"descriptors        {first[3]} then, {last[3]} at the end; threads {first[4]}, {last[4]}")
    print(f"processor          {last[5] / lasted * 100:.0f} % of a core, {last[5] / max(1, total) * 1e6:.0f} µs a connection")
    print(f"packets            {interface['received']} received = {interface['processed']} processed + "
          f"{interface['droppedByKernel']} dropped by the kernel + {interface['droppedByOverload']} by overload + "
          f"{interface['unread']} unread; {interface['spooledBytes']} bytes spooled")
    print(f"objects            {total} sent, {found['whole']} whole, {found['harmed']} harmed and named, "
          f"{len(found['absent'])} absent, {len(found['wrong'])} wrong, {len(found['strange'])} strange")
    print(f"vault              {size / 2**20:.0f} MiB, {size / max(1, total):.0f} bytes an object; {stopped:.1f} s to stop, "
          f"{verified:.1f} s to verify")
    wrong = []
    if failures:
        wrong.append(f"requests failed: {failures[:5]}")
    if not reconciled or interface["unread"]:
        wrong.append("packets are not accounted for")
    if found["wrong"] or found["strange"]:
        wrong.append(f"wrong objects: {(found['wrong'] + found['strange'])[:5]}")
    if found["absent"] and not dropped:
        wrong.append(f"objects are absent though nothing was dropped: {found['absent'][:5]}")
    if not is_flat:
        wrong.append(f"memory grows by {slope:.2f} MiB a minute")
    if last[3] > first[3] + 20:
        wrong.append("descriptors grow")
    if tap.returncode:
        wrong.append(f"the tap ended with {tap.returncode}: {errors}")
    if total / lasted < 500:
        print(f"note: this machine makes {total / lasted:.0f} connections a second, fewer than 500", file=sys.stderr)
    for text in wrong:
        print(f"WRONG: {text}")
    print("FAILED" if wrong else "passed: memory is flat, every packet and every object is accounted for")
    return bool(wrong)


if __name__ == "__main__":
    main()
