#!/usr/bin/env python3
"""A bridge between two interfaces that loses, doubles, delays, reorders and fragments frames by a seed: what netem does,
where the kernel has none.

usage: bridge.py A B [--seed N] [--loss P] [--duplicate P] [--reorder P] [--delay S] [--jitter S] [--fragment BYTES]
                 [--shuffle P] [--mirror IF --mirror-loss P]

P are chances of 0 to 1 for each IP packet, S seconds, BYTES the most of an IPv4 packet (its don't-fragment bit is then
ignored). A reordered frame comes 4 ms late. --mirror copies every frame that was forwarded to a third interface, and loses
some of the copies only. Prints `ready`, and at the end of its standard input what it did. Offloads must be off at both ends
(ethtool -K): nobody fills in checksums here. The same seed and the same frames in the same order give the same fate.
"""
import argparse
import heapq
import json
import random
import select
import socket
import struct
import sys
import time

ETH_P_ALL, SOL_PACKET, PACKET_IGNORE_OUTGOING, ETH_HEADER = 3, 263, 23, 14
# A reordered frame comes so much later: some segments of a connection at these rates.
REORDER_SECONDS = 0.004


def interface(name):
    """A raw socket on an interface, for what comes in by it."""
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    port.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    for option in (33, 32):  # SO_RCVBUFFORCE, SO_SNDBUFFORCE: the bridge is slow, and must lose only what it means to
        port.setsockopt(socket.SOL_SOCKET, option, 64 << 20)
    port.setblocking(False)
    port.bind((name, ETH_P_ALL))
    return port


def checksum(header):
    """The Internet checksum of an IPv4 header, RFC 1071."""
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def fragments(frame, limit, identification):
    """The frame's IPv4 packet in fragments of at most `limit` bytes, each in a frame of its own, RFC 791 3.2."""
    length = (frame[ETH_HEADER] & 15) * 4
    header = bytearray(frame[ETH_HEADER:ETH_HEADER + length])
    body = frame[ETH_HEADER + length:ETH_HEADER + struct.unpack("!H", header[2:4])[0]]
    if length + len(body) <= limit or struct.unpack("!H", header[6:8])[0] & 0x3FFF:
        return [frame]
    step, out = (limit - length) // 8 * 8, []
    for offset in range(0, len(body), step):
        piece = body[offset:offset + step]
        more = 0x2000 if offset + step < len(body) else 0
        header[2:8] = struct.pack("!HHH", length + len(piece), identification, more | offset // 8)
        header[10:12] = b"\0\0"
        header[10:12] = struct.pack("!H", checksum(bytes(header)))
        out.append(frame[:ETH_HEADER] + bytes(header) + piece)
    return out


class Bridge:
    def __init__(self, options):
        self.options = options
        self.chance = random.Random(options.seed)
        # A stream of its own: the mirror's losses do not change what the nodes meet.
        self.mirror_chance = random.Random(options.seed + 1)
        self.ports = [interface(options.a), interface(options.b)]
        self.mirror = interface(options.mirror) if options.mirror else None
        self.waiting, self.order = [], 0
        self.done = dict.fromkeys(
            ("forwarded", "lost", "duplicated", "reordered", "fragmented", "refused", "mirrored", "mirror_lost"), 0)

    def happens(self, probability):
        return probability > 0 and self.chance.random() < probability

    def take(self, frame, target):
        """Decides on the fate of a frame."""
        options = self.options
        is_ip = frame[12:14] in (b"\x08\x00", b"\x86\xdd")
        if is_ip and self.happens(options.loss):
            self.done["lost"] += 1
            return
        pieces = [frame]
        if options.fragment and frame[12:14] == b"\x08\x00":
            pieces = fragments(frame, options.fragment, self.chance.randrange(1, 65536))
            self.done["fragmented"] += len(pieces) > 1
            if self.happens(options.shuffle):
                self.chance.shuffle(pieces)
        for piece in pieces:
            seconds = options.delay + (self.chance.random() * options.jitter if options.jitter else 0)
            if is_ip and self.happens(options.reorder):
                seconds += REORDER_SECONDS
                self.done["reordered"] += 1
            copies = 1
            if is_ip and self.happens(options.duplicate):
                copies = 2
                self.done["duplicated"] += 1
            for _ in range(copies):
                self.order += 1
                if seconds:
                    heapq.heappush(self.waiting, (time.monotonic() + seconds, self.order, target, piece))
                else:
                    self.send(target, piece)

    def send(self, target, frame):
        try:
            self.ports[target].send(frame)
        except OSError:
            self.done["refused"] += 1
            return
        self.done["forwarded"] += 1
        if self.mirror is None:
            return
        if self.mirror_chance.random() < self.options.mirror_loss:
            self.done["mirror_lost"] += 1
            return
        self.mirror.send(frame)
        self.done["mirrored"] += 1

    def run(self):
        print("ready", flush=True)
        while True:
            patience = max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else 10
            readable, _, _ = select.select(self.ports + [sys.stdin], [], [], patience)
            if sys.stdin in readable:
                break
            for port in readable:
                target = 1 - self.ports.index(port)
                for _ in range(256):
                    try:
                        frame = port.recv(70_000)
                    except BlockingIOError:
                        break
                    self.take(frame, target)
            now = time.monotonic()
            while self.waiting and self.waiting[0][0] <= now:
                _, _, target, frame = heapq.heappop(self.waiting)
                self.send(target, frame)
        print(json.dumps(self.done), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("a")
    parser.add_argument("b")
    for name in ("loss", "duplicate", "reorder", "delay", "jitter", "shuffle", "mirror-loss"):
        parser.add_argument(f"--{name}", type=float, default=0)
    for name in ("seed", "fragment"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--mirror")
    Bridge(parser.parse_args()).run()
