"""Breaks the vault of VaultExercise in every way it can, and has what is left judged; see Tools/crash/run."""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import model

# What may change how a vault is written, each a list of VaultExercise's options.
SETTINGS = {
    "clear": ["no-collect"],
    "collect": [],
    "zstd": ["compression=zstd"],
    "lz4": ["compression=lz4", "no-collect"],
    "encrypted": ["encrypted", "compression=zstd"],
}


class Judge:
    """One process that looks at one folder after the other."""

    def __init__(self, program, options):
        self.process = subprocess.Popen([program, "judge", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)

    def verdict(self, vault, low, high, rebuilds=False):
        self.process.stdin.write(f"{vault} {low} {high}{' rebuild' if rebuilds else ''}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip() or f"bad the judge ended: {self.process.poll()}"

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Proofs:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.cases = self.losses = 0
        self.notes = {}

    def options(self, name, steps=None):
        return [f"seed={self.arguments.seed}", f"steps={steps or self.arguments.steps}", *SETTINGS[name]]

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def clean(self, *names):
        shutil.rmtree(self.path(*names), ignore_errors=True)
        return self.path(*names)

    def shimmed(self, root, **variables):
        os.makedirs(root)
        settings = {f"OXBOW_CRASH_{key.upper()}": value for key, value in variables.items()}
        return {**os.environ, "LD_PRELOAD": self.arguments.shim, "OXBOW_CRASH_ROOT": root, **settings}

    def note(self, text):
        self.notes[text] = self.notes.get(text, 0) + 1

    def hold(self, judge, vault, low, high, where, rebuilds=False):
        """Has a vault judged and counts it; what is bad is named and kept."""
        self.cases += 1
        verdict = self.leak(vault) if ", encrypted" in where else None
        verdict = verdict or judge.verdict(vault, low, high, rebuilds)
        if not verdict.startswith("ok"):
            self.losses += 1
            if self.losses <= 20:
                print(f"  {where}: {verdict[:600]}", file=sys.stderr, flush=True)
                if self.arguments.keep:
                    shutil.copytree(vault, os.path.join(self.arguments.keep, f"loss-{self.losses}"), dirs_exist_ok=True)

    @staticmethod
    def leak(vault):
        """Names and ETags of the history in an encrypted vault, whatever moment its files are of."""
        for folder, _, files in os.walk(vault):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    content = file.read()
                for canary in (b"canary-name", b"step-", b"s3.example.com"):
                    if canary in content:
                        return f"bad {name} has {canary.decode()} in clear"
        return None

    def recorded(self, name, steps=None):
        """The calls of a whole run."""
        root = self.clean("root")
        environment = self.shimmed(root, record=self.path("record"))
        subprocess.run([self.arguments.exercise, "run", root + "/vault", *self.options(name, steps)], check=True,
                       env=environment, stdout=subprocess.DEVNULL)
        return model.read_record(self.path("record"))

    # The machine stops at any call.
    def machine(self, name, count):
        draw = random.Random(f"{self.arguments.seed} {name}")
        calls = self.recorded(name)
        wanted = sorted(draw.choices(range(len(calls)), k=count))
        if self.arguments.cut is not None:
            wanted = [self.arguments.cut]
        judge, machine, at = Judge(self.arguments.exercise, self.options(name)), model.Machine(), 0
        for index, call in enumerate(calls):
            machine.call(*call)
            while at < len(wanted) and wanted[at] == index:
                mode = self.arguments.mode or ("strict", "random", "ordered")[at % 3]
                target = self.clean("after")
                machine.crash(target, mode, random.Random(f"{self.arguments.seed} {name} {index} {at}"))
                os.makedirs(target + "/vault", exist_ok=True)
                self.hold(judge, target + "/vault", machine.low, machine.high,
                          f"machine, {name}, --cut {index} --mode {mode}", at % 8 == 0)
                at += 1
        judge.end()
        self.note(f"{name}: {len(calls)} calls")

    # Calls fail, one at a time.
    def fault(self, name, count):
        steps = min(self.arguments.steps, 40)
        options = self.options(name, steps)
        draw = random.Random(f"{self.arguments.seed} {name}")
        judge = Judge(self.arguments.exercise, options)
        root = self.clean("root")
        subprocess.run([self.arguments.exercise, "run", root + "/vault", *options], check=True, stdout=subprocess.DEVNULL,
                       env=self.shimmed(root, count=self.path("count")))
        with open(self.path("count")) as file:
            calls = int(file.read().split()[0])
        plans = [(kind, number) for kind in ("enospc", "eio", "short", "torn", "full") for number in range(calls)]
        if 0 < count < len(plans):
            plans = sorted(draw.sample(plans, count))
        for kind, number in plans:
            root = self.clean("root")
            environment = self.shimmed(root, fault=f"{kind}:{number}", record=self.path("record"))
            done = subprocess.run([self.arguments.exercise, "run", root + "/vault", *options], env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
            machine = model.Machine()
            for call in model.read_record(self.path("record")):
                machine.call(*call)
            where = f"fault, {name}, {kind}:{number}"
            self.note(f"{kind}: " + ("went on" if done.returncode == 0 and not machine.failed else
                                     "recovered" if done.returncode == 0 else
                                     "gave up" if done.returncode == 3 else f"ended by {-done.returncode}"))
            if done.returncode < 0:
                # Nothing may be lost by it; an end by a signal is a fault of its own all the same.
                self.losses += 1
                print(f"  {where}: ended by signal {-done.returncode}: {done.stderr.decode(errors='replace')[-400:].strip()}",
                      file=sys.stderr, flush=True)
            os.makedirs(root + "/vault", exist_ok=True)
            self.hold(judge, root + "/vault", machine.low, machine.high, where)
            # And then the machine stops, too: what a failed call left must not have been believed.
            target = self.clean("after")
            machine.crash(target, "strict", draw)
            os.makedirs(target + "/vault", exist_ok=True)
            self.hold(judge, target + "/vault", machine.low, machine.high, where + ", machine stopped")
        judge.end()

    # Files end anywhere.
    def cut(self, name, count):
        steps = min(self.arguments.steps, 30)
        calls = self.recorded(name, steps)
        marks = [index for index, call in enumerate(calls) if call[0] == model.MARK and call[5].startswith(b"ack")]
        # The last commits before the orderly end.
        begin, end = marks[-2 - (self.arguments.commits or 2)], marks[-2]
        machine = model.Machine()
        states = {}
        for index, call in enumerate(calls):
            machine.call(*call)
            if index in (begin, end):
                states[index] = (self.clean(f"state-{index}"), machine.low, machine.high)
                machine.stop(states[index][0])
        judge = Judge(self.arguments.exercise, self.options(name, steps))

        def tails(below, ends_with):
            """The file that is written to, and how long it was before."""
            folder = os.path.join(states[end][0], "vault", below)
            newest = sorted(entry for entry in os.listdir(folder) if entry.endswith(ends_with))[-1]
            before = os.path.join(states[begin][0], "vault", below, newest)
            return (os.path.join("vault", below, newest), os.path.getsize(before) if os.path.exists(before) else 0,
                    os.path.getsize(os.path.join(folder, newest)))

        def run(base, source, file, start, stop, low, high):
            cuts = range(start, stop + 1)
            if 0 < count < len(cuts):
                cuts = sorted({start, stop, *random.Random(self.arguments.seed).sample(cuts, count)})
            with open(os.path.join(source, file), "rb") as whole:
                content = whole.read()
            for length in cuts:
                target = self.clean("after")
                shutil.copytree(base, target)
                with open(os.path.join(target, file), "wb") as cut:
                    cut.write(content[:length])
                self.hold(judge, target + "/vault", low, high, f"cut, {name}, {file} at {length}")
            self.note(f"{name}: {os.path.dirname(file).split('/')[-1]} cut at {len(cuts)} of {stop - start + 1} places")

        # The catalog knows what was acknowledged before the tail began.
        file, start, stop = tails("segments", ".oxs")
        if os.path.exists(os.path.join(states[begin][0], file)):
            run(states[begin][0], states[end][0], file, start, stop, states[begin][1], states[end][2])
        # The log has everything; RocksDB lacks the end of its own.
        file, start, stop = tails("catalog", ".log")
        start = start if self.arguments.commits else 0
        run(states[end][0], states[end][0], file, start, stop, states[end][1], states[end][2])
        judge.end()

    # The process is killed at any moment.
    def kill(self, name, count):
        options = self.options(name)
        draw = random.Random(f"{self.arguments.seed} {name}")
        judge = Judge(self.arguments.exercise, options)
        start = time.monotonic()
        vault = self.clean("vault")
        subprocess.run([self.arguments.exercise, "run", vault, *options], check=True, stdout=subprocess.DEVNULL)
        whole = time.monotonic() - start
        for _ in range(count):
            vault = self.clean("vault")
            child = subprocess.Popen([self.arguments.exercise, "run", vault, *options], stdout=subprocess.PIPE)
            try:
                child.wait(timeout=draw.random() * whole)
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                self.note("killed under way")
            said = child.stdout.read().decode()
            child.wait()
            machine = model.Machine()
            machine.mark(said[:said.rfind("\n") + 1])
            if os.path.exists(vault):
                self.hold(judge, vault, machine.low, machine.high, f"kill, {name}", self.cases % 4 == 0)
        judge.end()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("exercise")
    parser.add_argument("shim")
    parser.add_argument("proof", choices=["kill", "cut", "fault", "machine"])
    parser.add_argument("count", type=int, help="cases for each setting; 0: all there are (cut, fault)")
    parser.add_argument("--settings", default=",".join(SETTINGS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--commits", type=int, help="cut: only the tail that so many commits wrote (default: 2, and all of "
                                                    "RocksDB's log)")
    parser.add_argument("--cut", type=int, help="machine: only this call")
    parser.add_argument("--mode", choices=["strict", "ordered", "random"], help="machine: only this model")
    parser.add_argument("--keep", help="folder that takes the vaults of losses")
    arguments = parser.parse_args()
    # In memory where there is such a folder: thousands of small vaults are made and thrown away.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="oxbow-crash-", dir=memory) as folder:
        proofs = Proofs(arguments, folder)
        start = time.monotonic()
        for name in arguments.settings.split(","):
            getattr(proofs, arguments.proof)(name, arguments.count)
        notes = "".join(f"; {text}" + (f" {count} times" if count > 1 else "") for text, count in sorted(proofs.notes.items()))
        print(f"{arguments.proof}: {proofs.cases} vaults judged, {proofs.losses} losses, seed {arguments.seed}, "
              f"{time.monotonic() - start:.0f} s{notes}")
        sys.exit(1 if proofs.losses else 0)


main()
