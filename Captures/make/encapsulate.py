#!/usr/bin/env python3
"""Derives captures in every encapsulation, link type and fragmenting from one plain capture.

usage: encapsulate.py BASE.pcap FOLDER [NAME ...]     writes FOLDER/NAME.pcap (or .pcapng), all of them by default
       encapsulate.py --list                          prints the names

The base is a classic little-endian pcap with microseconds of Ethernet frames with IPv4, such as d40-base. Every capture
holds the same connections as the base, so its truth is the base's. Headers are written from the specifications named
beside them, apart from Oxbow's own code. Nothing but the standard library is needed, and the output is the same each time.
"""
import random
import struct
import sys
from pathlib import Path

OUTER = bytes.fromhex("0277000000ee0277000000ff")


# Reading and writing

def read(path):
    """(seconds, microseconds, frame) of each record."""
    data = Path(path).read_bytes()
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", data)
    if magic != 0xA1B2C3D4 or link != 1:
        sys.exit(f"{path}: a little-endian microsecond pcap of Ethernet is needed; take d40-base.pcap")
    records, position = [], 24
    while position + 16 <= len(data):
        seconds, micros, captured, _ = struct.unpack_from("<IIII", data, position)
        records.append((seconds, micros, data[position + 16:position + 16 + captured]))
        position += 16 + captured
    return records


def write_pcap(path, link, records):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link))
        for seconds, micros, frame in records:
            file.write(struct.pack("<IIII", seconds, micros, len(frame), len(frame)) + frame)


def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def write_simple_packets(path, link, records):
    """pcapng of simple packet blocks (draft-ietf-opsawg-pcapng, section 4.4), which have no time."""
    with open(path, "wb") as file:
        file.write(block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        file.write(block(1, struct.pack("<HHI", link, 0, 262144)))
        for _, _, frame in records:
            file.write(block(3, struct.pack("<I", len(frame)) + frame))


# Headers

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(kind, payload):
    return OUTER + struct.pack("!H", kind) + payload


def ipv4(protocol, payload, number=0, field=0):
    """RFC 791."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number & 0xFFFF, field, 64, protocol, 0,
                       bytes([10, 99, 0, 1]), bytes([10, 99, 0, 2]))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(protocol, payload):
    """RFC 8200."""
    return (struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
            + bytes.fromhex("fd990000000000000000000000000001" "fd990000000000000000000000000002") + payload)


def udp(port, payload):
    return struct.pack("!HHHH", 50000, port, 8 + len(payload), 0) + payload


def datagram(frame):
    """The IP datagram of an Ethernet frame, without padding."""
    return frame[14:14 + struct.unpack_from("!H", frame, 16)[0]]


def to_ipv6(frame, extensions=()):
    """The same segment over IPv6, with extension headers (number, bytes without the first) in front of TCP."""
    packet = datagram(frame)
    segment = bytearray(packet[(packet[0] & 15) * 4:])
    ends = [bytes.fromhex("fd77000000000000000000000000") + packet[place + 2:place + 4] for place in (12, 16)]
    segment[16:18] = b"\0\0"
    pseudo = ends[0] + ends[1] + struct.pack("!II", len(segment), 6)
    data = pseudo + bytes(segment)
    segment[16:18] = struct.pack("!H", checksum(data + b"\0" * (len(data) % 2)))
    chain, following = bytes(segment), 6
    for number, rest in reversed(extensions):
        chain, following = bytes([following]) + rest + chain, number
    return struct.pack("!IHBB", 6 << 28, len(chain), following, 64) + ends[0] + ends[1] + chain


def tag(frame, *tags):
    """IEEE 802.1Q: (TPID, VLAN) outermost first."""
    return frame[:12] + b"".join(struct.pack("!HH", kind, vlan) for kind, vlan in tags) + frame[12:]


def mpls(payload, *labels):
    """RFC 3032."""
    last = len(labels) - 1
    return b"".join(struct.pack("!I", label << 12 | (index == last) << 8 | 64)
                    for index, label in enumerate(labels)) + payload


def pppoe(payload):
    """RFC 2516, around PPP with IPv4."""
    return struct.pack("!BBHHH", 0x11, 0, 0x1234, len(payload) + 2, 0x0021) + payload


def geneve(network, kind, payload, options=b""):
    """RFC 8926."""
    return struct.pack("!BBHI", len(options) // 4, 0, kind, network << 8) + options + payload


def vxlan(network, frame):
    """RFC 7348."""
    return struct.pack("!II", 0x08000000, network << 8) + frame


def gre(kind, payload, flags=0, fields=b""):
    """RFC 2784, RFC 2890."""
    return struct.pack("!HH", flags, kind) + fields + payload


def erspan3(frame, number, platform):
    """draft-foschiano-erspan, section 4.3."""
    head = struct.pack("!HHIHH", 0x2000 | 100, 77, number, 0, 1 if platform else 0)
    sub = struct.pack("!II", 0x04000000, 0) if platform else b""
    return gre(0x22EB, head + sub + frame, 0x1000, struct.pack("!I", number))


def fragments(packet, size, number):
    """An IPv4 datagram in parts whose payload is `size` bytes, a multiple of 8."""
    head, payload = packet[:20], packet[20:]
    if len(payload) <= size:
        return [packet]
    parts = []
    for start in range(0, len(payload), size):
        part = payload[start:start + size]
        more = 0x2000 if start + size < len(payload) else 0
        own = (head[:2] + struct.pack("!HHH", 20 + len(part), number & 0xFFFF, more | start // 8) + head[8:10] + b"\0\0"
               + head[12:20])
        parts.append(own[:10] + struct.pack("!H", checksum(own)) + own[12:] + part)
    return parts


def fragments6(packet, size, number):
    """An IPv6 datagram without extension headers in parts (RFC 8200, section 4.5)."""
    head, payload = packet[:40], packet[40:]
    if len(payload) <= size:
        return [packet]
    parts = []
    for start in range(0, len(payload), size):
        part = payload[start:start + size]
        more = 1 if start + size < len(payload) else 0
        extension = struct.pack("!BBHI", head[6], 0, start | more, number)
        parts.append(head[:4] + struct.pack("!HB", 8 + len(part), 44) + head[7:] + extension + part)
    return parts


# Captures: name -> (link type, function of (frame, its number) that gives the frames in its place)

FORMS = {}


def form(name, link=1):
    def register(function):
        FORMS[name] = (link, function)
        return function
    return register


form("vlan")(lambda f, n: [tag(f, (0x8100, 100))])
form("qinq-9100")(lambda f, n: [tag(f, (0x9100, 200), (0x8100, 100))])
form("mpls")(lambda f, n: [ethernet(0x8847, mpls(datagram(f), 1000, 1001))])
form("mpls-pseudowire")(lambda f, n: [ethernet(0x8847, mpls(bytes(4) + f, 1000))])
form("mpls-pseudowire-bare")(lambda f, n: [ethernet(0x8847, mpls(f, 1000))])
form("pppoe")(lambda f, n: [ethernet(0x8864, pppoe(datagram(f)))])
form("gre-checksum")(lambda f, n: [ethernet(0x0800, ipv4(47, gre(0x0800, datagram(f), 0xB000, struct.pack(
    "!HHII", 0, 0, 7, n)), n))])
form("nvgre")(lambda f, n: [ethernet(0x0800, ipv4(47, gre(0x6558, f, 0x2000, struct.pack("!I", 0x123456 << 8 | n & 255)), n))])
form("erspan1")(lambda f, n: [ethernet(0x0800, ipv4(47, gre(0x88BE, f), n))])
form("erspan3")(lambda f, n: [ethernet(0x0800, ipv4(47, erspan3(f, n, False), n))])
form("erspan3-platform")(lambda f, n: [ethernet(0x0800, ipv4(47, erspan3(f, n, True), n))])
form("geneve")(lambda f, n: [ethernet(0x0800, ipv4(17, udp(6081, geneve(42, 0x6558, f)), n))])
form("geneve-options")(lambda f, n: [ethernet(0x86DD, ipv6(17, udp(6081, geneve(42, 0x0800, datagram(f), bytes.fromhex(
    "010880010102030401080100")))))])
form("vxlan-8472-ipv6")(lambda f, n: [ethernet(0x86DD, ipv6(17, udp(8472, vxlan(42, f))))])
form("gtp")(lambda f, n: [ethernet(0x0800, ipv4(17, udp(2152, struct.pack("!BBHI", 0x30, 255, len(datagram(f)), 9)
                                                       + datagram(f)), n))])
form("ipip")(lambda f, n: [ethernet(0x0800, ipv4(4, datagram(f), n))])
form("6in4")(lambda f, n: [ethernet(0x0800, ipv4(41, to_ipv6(f), n))])
form("4in6")(lambda f, n: [ethernet(0x86DD, ipv6(4, datagram(f)))])
form("etherip")(lambda f, n: [ethernet(0x0800, ipv4(97, b"\x30\0" + f, n))])
form("null", 0)(lambda f, n: [struct.pack("<I", 2) + datagram(f)])
form("null-big-endian", 0)(lambda f, n: [struct.pack(">I", 2) + datagram(f)])
form("loop-ipv6", 108)(lambda f, n: [struct.pack(">I", 24) + to_ipv6(f)])
form("ppp", 9)(lambda f, n: [struct.pack("!HH", 0xFF03, 0x0021) + datagram(f)])
form("raw-12", 12)(lambda f, n: [datagram(f)])
form("sll-vlan", 113)(lambda f, n: [bytes.fromhex("00000001000602770000000a0000") + struct.pack("!HH", 0x8100, 100) + f[12:]])
form("sll2-ipv6", 276)(lambda f, n: [bytes.fromhex("86dd000000000002000100060277000000aa0000") + to_ipv6(f)])


@form("ipv6-extensions")
def _(frame, number):
    """Hop-by-hop, destination options, routing without stops to come, authentication, and an atomic fragment."""
    chain = [(0, bytes.fromhex("00010400000000")), (60, bytes.fromhex("00010400000000")),
             (43, bytes.fromhex("02040000000000" "fd770000000000000000000000000002")),
             (51, bytes.fromhex("0400000000000100000001") + bytes(12)), (44, bytes.fromhex("00000000000009"))]
    return [ethernet(0x86DD, to_ipv6(frame, chain))]


@form("nested")
def _(frame, number):
    """Ethernet, two tags, two labels, IPv4, GRE, IPv6, UDP, VXLAN, Ethernet, tag, IPv4, IPv4, TCP."""
    inner = tag(frame[:14] + ipv4(4, datagram(frame), number), (0x8100, 7))
    middle = ipv6(17, udp(4789, vxlan(42, inner)))
    outer = ipv4(47, gre(0x86DD, middle), number)
    return [tag(ethernet(0x8847, mpls(outer, 16, 17)), (0x88A8, 200), (0x8100, 100))]


@form("outer-fragments")
def _(frame, number):
    """VXLAN datagrams in IPv4 fragments."""
    return [ethernet(0x0800, part) for part in fragments(ipv4(17, udp(4789, vxlan(42, frame))), 560, number)]


@form("inner-fragments")
def _(frame, number):
    """Fragments, each in a GENEVE datagram of its own."""
    return [ethernet(0x0800, ipv4(17, udp(6081, geneve(42, 0x0800, part)), number))
            for part in fragments(datagram(frame), 560, number)]


@form("both-fragmented")
def _(frame, number):
    """Fragments in VXLAN datagrams that are fragmented too."""
    inner = [ipv4(17, udp(4789, vxlan(42, ethernet(0x0800, part)))) for part in fragments(datagram(frame), 560, number)]
    return [ethernet(0x0800, part) for index, packet in enumerate(inner)
            for part in fragments(packet, 240, number * 8 + index)]


@form("fragments-reversed")
def _(frame, number):
    return [ethernet(0x0800, part) for part in reversed(fragments(datagram(frame), 256, number))]


@form("fragments-twice")
def _(frame, number):
    """Every fragment twice in a row, as a mirror of both ports shows them."""
    return [ethernet(0x0800, part) for part in fragments(datagram(frame), 256, number) for _ in range(2)]


@form("fragments-cut-twice")
def _(frame, number):
    """Two copies of the datagram, cut differently and shuffled into each other."""
    parts = fragments(datagram(frame), 256, number) + fragments(datagram(frame), 400, number)
    random.Random(number).shuffle(parts)
    return [ethernet(0x0800, part) for part in parts]


@form("fragments-ipv6-shuffled")
def _(frame, number):
    parts = fragments6(to_ipv6(frame), 256, number)
    random.Random(number).shuffle(parts)
    return [ethernet(0x86DD, part) for part in parts]


@form("wrapped-and-plain")
def _(frame, number):
    """Every packet once in an overlay and once as it is, as when a host's own interfaces are all captured."""
    return [ethernet(0x0800, ipv4(17, udp(4789, vxlan(42, frame)), number)), frame]


@form("overlays-sharing-addresses")
def _(frame, number):
    """Every packet in network 42, and with a damaged payload in network 43: right only when tenants are told apart."""
    other = bytearray(frame)
    for place in range(len(frame) - len(datagram(frame)) + 52, len(frame)):
        other[place] ^= 0x20 if chr(other[place]).isalpha() else 0
    return [ethernet(0x0800, ipv4(17, udp(4789, vxlan(42, frame)), number)),
            ethernet(0x0800, ipv4(17, udp(4789, vxlan(43, bytes(other))), number))]


form("simple-packets")(lambda f, n: [f])


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(sorted(FORMS)))
        return
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    base, folder = read(sys.argv[1]), Path(sys.argv[2])
    for name in sys.argv[3:] or sorted(FORMS):
        if name not in FORMS:
            sys.exit(f"{name}: no such form; --list prints them")
        link, function = FORMS[name]
        records = [(seconds, micros, frame) for number, (seconds, micros, original) in enumerate(base)
                   for frame in function(original, number)]
        if name == "simple-packets":
            write_simple_packets(folder / f"{name}.pcapng", link, records)
        else:
            write_pcap(folder / f"{name}.pcap", link, records)


main()
