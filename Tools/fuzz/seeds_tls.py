#!/usr/bin/env python3
"""Makes inputs of the TLS targets from recorded conversations: seeds_tls.py CONVERSATIONS SEEDS."""
import sys
from pathlib import Path


def run(half, data, is_start=True):
    """A run as FuzzRun reads it: 256 bytes at most, of a segment of its own or not."""
    return bytes([half | (0 if is_start else 2), len(data) - 1]) + data


for number, path in enumerate(sorted(Path(sys.argv[1]).glob("*.tls"))):
    seeds = Path(sys.argv[2])
    lines = [line.split(" ", 1) for line in path.read_text().splitlines() if " " in line]
    log = "".join(rest + "\n" for word, rest in lines if word == "key")
    (seeds / "FuzzKeyLog" / path.stem).write_bytes(b"\x07" + log.encode())
    for kinds in (b"", bytes([16, 90]) * 40, bytes([0, 200, 9, 50, 16, 60]) * 20, bytes([0, 99, 10, 120, 3, 1]) * 20):
        name = f"{path.stem}-{len(kinds)}-{kinds[:1].hex()}"
        (seeds / "FuzzTLSRecords" / name).write_bytes(bytes([0, number, 0]) + kinds)
    hellos = bytes([0, 9])
    for word, rest in lines:
        if word not in "cs" or len(hellos) > 3000:
            continue
        # As it is, records and all: without a header of its own.
        data = bytes.fromhex(rest)[:1024]
        for place in range(0, len(data), 256):
            hellos += run(0 if word == "c" else 1, data[place:place + 256], is_start=False)
    (seeds / "FuzzTLSHandshake" / path.stem).write_bytes(hellos)
