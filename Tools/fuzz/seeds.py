#!/usr/bin/env python3
"""Makes inputs of FuzzDecapsulation from captures: seeds.py CAPTURES CORPUS. Twelve packets of each, from where data flows."""
import struct
import sys
from pathlib import Path

# The order of link types in FuzzDecapsulation/main.swift.
LINKS = [1, 101, 0, 108, 9, 50, 51, 219, 113, 276, 228, 229]

for path in sorted(Path(sys.argv[1]).glob("*.pcap")):
    data = path.read_bytes()
    link = struct.unpack_from("<I", data, 20)[0]
    frames, position = [], 24
    while position + 16 <= len(data):
        length = struct.unpack_from("<I", data, position + 8)[0]
        frames.append(data[position + 16:position + 16 + length])
        position += 16 + length
    kind = LINKS.index(101 if link == 12 else link)
    seed = b"".join(struct.pack("!BH", kind, len(frame)) + frame for frame in frames[2:14])
    (Path(sys.argv[2]) / path.stem).write_bytes(seed)
