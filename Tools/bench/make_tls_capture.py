#!/usr/bin/env python3
"""Writes a capture of one TLS 1.3 connection (AES-128-GCM) that uploads objects of 8 MiB, its key log, and the same in clear.

usage: make_tls_capture.py OUT.pcap MIB      writes OUT.pcap, OUT.pcap.keys and OUT.pcap.plain; needs libssl.so.3
"""
import ctypes, os, struct, sys

path, mebibytes = sys.argv[1], int(sys.argv[2])
sys.argv = ["make.py", "none"]
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Captures/tls-conversations"))
import make

talk = make.Conversation("bench", 3, "TLS_AES_128_GCM_SHA256")
sides = (talk.client, talk.server)
for side in sides: side.connect()
address, port = (b"\x0a\x4d\0\1", b"\x0a\x4d\0\2"), (40000, 443)

class Capture:
    """A pcap file with one TCP connection."""
    def __init__(self, path):
        self.sequence, self.now, self.out = [1000, 5000], 1_700_000_000_000_000, open(path, "wb")
        self.out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        self.packet(0, 2); self.packet(1, 0x12); self.packet(0, 0x10)
    def packet(self, side, flags, data=b""):
        self.now += 5
        tcp = struct.pack(">HHIIBBHHH", port[side], port[1 - side], self.sequence[side] & 0xFFFFFFFF,
            self.sequence[1 - side] & 0xFFFFFFFF, 0x50, flags, 65535, 0, 0)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 0, 0x4000, 64, 6, 0, address[side], address[1 - side])
        frame = b"\2" * 12 + b"\x08\0" + ip + tcp + data
        self.out.write(struct.pack("<IIII", self.now // 10**6, self.now % 10**6, len(frame), len(frame)) + frame)
        self.sequence[side] += len(data) + (1 if flags & 2 else 0)
    def send(self, side, data):
        for start in range(0, len(data), 1448): self.packet(side, 0x18, data[start:start + 1448])

sealed, plain = Capture(path), Capture(path + ".plain")

buffer = ctypes.create_string_buffer(65536)
def carry():
    """Moves what is written to the other side, in segments of 1448 bytes, until nothing moves."""
    moved = True
    while moved:
        moved = False
        for index in (0, 1):
            data = sides[index].taken()
            if not data: continue
            moved = True
            sealed.send(index, data)
            make.crypto.BIO_write(sides[1 - index].input, data, len(data))
            while make.ssl.SSL_read(sides[1 - index].connection, buffer, 65536) > 0: pass

def write(side, data):
    assert make.ssl.SSL_write(side.connection, data, len(data)) == len(data)
    plain.send(sides.index(side), data)

for _ in range(6):
    for side in sides: make.ssl.SSL_do_handshake(side.connection)
    carry()
block = os.urandom(16384)
for number in range(mebibytes // 8):
    write(talk.client, f"PUT /bench/o{number} HTTP/1.1\r\nHost: s3.lab\r\nContent-Length: {8 << 20}\r\n\r\n".encode())
    for piece in range(512):
        write(talk.client, struct.pack("<II", number, piece) + block[8:])
        if piece % 32 == 0: carry()
    carry()
    write(talk.server, b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: "x"\r\n\r\n')
    carry()
sealed.out.close(); plain.out.close()
with open(path + ".keys", "w") as log: log.write("\n".join(talk.keys) + "\n")
