"""Kills a replay at random moments; see Tools/crash/run."""
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time


def lines(oxbow, *arguments):
    done = subprocess.run([oxbow, *arguments, "--json"], capture_output=True, text=True, timeout=300)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def main():
    oxbow, rounds, capture = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    seed = int(os.environ.get("CRASH_SEED", "1"))
    random.seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        replay = lambda vault: [oxbow, "replay", capture, "--vault", vault, "--dialect", "all",
                                "--commit-bytes", "256KiB", "--commit-milliseconds", "1"]
        reference_vault = os.path.join(folder, "reference")
        start = time.monotonic()
        subprocess.run(replay(reference_vault), check=True, capture_output=True)
        whole_seconds = time.monotonic() - start
        _, reference, _ = lines(oxbow, "verify", "--vault", reference_vault)
        # A replay that was killed may hold what the whole one deletes or replaces later: every version counts.
        truth = {}
        for entry in lines(oxbow, "verify", "--vault", reference_vault, "--versions")[1]:
            truth.setdefault(entry["name"], set()).add(entry.get("sha256"))
        killed = partial = 0
        vault = os.path.join(folder, "vault")
        for number in range(rounds):
            # Half of the rounds start in an empty vault, the others on what the last kill left.
            if number % 2 == 0:
                subprocess.run(["rm", "-rf", vault], check=True)
            child = subprocess.Popen(replay(vault), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(random.random() * whole_seconds)
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
                killed += 1
            child.wait()
            if not os.path.exists(os.path.join(vault, "vault.json")):
                continue
            status, objects, errors = lines(oxbow, "verify", "--vault", vault)
            if status != 0:
                sys.exit(f"round {number}: verify exits {status}: {errors}")
            for entry in objects:
                if entry["state"] in ("complete", "verified"):
                    if entry["sha256"] not in truth.get(entry["name"], ()):
                        sys.exit(f"round {number}: {entry['name']} is {entry['state']} with wrong bytes")
                else:
                    partial += 1
            if number % 2 == 1:
                subprocess.run(replay(vault), check=True, capture_output=True)
                _, objects, _ = lines(oxbow, "verify", "--vault", vault)
                if objects != reference:
                    sys.exit(f"round {number}: the replay after the kill does not complete the vault")
        print(f"{rounds} rounds, {killed} killed under way, seed {seed}: 0 rejected vaults, 0 wrong objects, "
              f"{partial} objects still partial at a kill, every later replay complete")


main()
