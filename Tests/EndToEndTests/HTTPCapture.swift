import Foundation

/// Makes captures of HTTP connections over Ethernet and IPv4, packet by packet, for what no recorded capture holds.
struct HTTPCapture {
    /// Pcap records in order.
    private(set) var records: [Data] = []
    private var connections: UInt16 = 0

    /// A request and its answer, as they stand on the wire.
    struct Exchange {
        var request: Data
        var response: Data

        init(_ request: [String], body: Data = Data(), _ response: [String], answer: Data = Data()) {
            self.request = Data((request.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
            self.response = Data((response.joined(separator: "\r\n") + "\r\n\r\n").utf8) + answer
        }
    }

    /// A whole connection from 10.9.0.1 to 10.9.0.2 port 80, opened and closed properly, with these exchanges one after
    /// the other.
    mutating func connection(_ exchanges: [Exchange]) { sideBySide([exchanges]) }

    /// Connections as above at the same time: a packet of each in turn.
    mutating func sideBySide(_ all: [[Exchange]]) {
        let frames = all.map { exchanges in
            connections += 1
            return Self.frames(port: 40_000 + connections, exchanges)
        }
        for place in 0..<(frames.map(\.count).max() ?? 0) {
            for connection in frames where place < connection.count { add(connection[place]) }
        }
    }

    /// Takes the record at this place away, as if its packet had not been captured.
    mutating func lose(_ place: Int) { records.remove(at: place) }

    private static func frames(port: UInt16, _ exchanges: [Exchange]) -> [Data] {
        var frames: [Data] = []
        var (client, server): (UInt32, UInt32) = (1000, 9000)
        func frame(_ fromClient: Bool, _ flags: UInt8, _ payload: Data = Data()) -> Data {
            Self.frame(
                fromClient: fromClient, clientPort: port, sequence: fromClient ? client : server,
                acknowledgment: fromClient ? server : client, flags: flags, payload)
        }
        frames.append(frame(true, 0x02))
        client += 1
        frames.append(frame(false, 0x12))
        server += 1
        frames.append(frame(true, 0x10))
        for exchange in exchanges {
            for (bytes, fromClient) in [(exchange.request, true), (exchange.response, false)] {
                var rest = bytes[...]
                while !rest.isEmpty {
                    let piece = rest.prefix(1400)
                    frames.append(frame(fromClient, 0x18, Data(piece)))
                    if fromClient { client += UInt32(piece.count) } else { server += UInt32(piece.count) }
                    rest = rest.dropFirst(piece.count)
                }
                frames.append(frame(!fromClient, 0x10))
            }
        }
        frames.append(frame(true, 0x11))
        client += 1
        frames.append(frame(false, 0x11))
        server += 1
        frames.append(frame(true, 0x10))
        return frames
    }

    /// The file's first 24 bytes: little-endian, microseconds, Ethernet.
    static let header =
        little(0xa1b2_c3d4) + Data([2, 0, 4, 0]) + little(0) + little(0) + little(262_144) + little(1)

    /// Writes the capture.
    func write(to path: String) throws {
        try records.reduce(Self.header, +).write(to: URL(fileURLWithPath: path))
    }

    private mutating func add(_ frame: Data) {
        let milliseconds = UInt32(records.count)
        records.append(
            little(1_800_000_000 + milliseconds / 1000) + little(milliseconds % 1000 * 1000)
                + little(UInt32(frame.count)) + little(UInt32(frame.count)) + frame)
    }

    private static func frame(
        fromClient: Bool, clientPort: UInt16, sequence: UInt32, acknowledgment: UInt32, flags: UInt8, _ payload: Data
    ) -> Data {
        let (near, far) = (Data([10, 9, 0, 1]), Data([10, 9, 0, 2]))
        let addresses = fromClient ? near + far : far + near
        let ports = fromClient ? big(clientPort) + big(80) : big(80) + big(clientPort)
        var segment =
            ports + big(UInt16(sequence >> 16)) + big(UInt16(truncatingIfNeeded: sequence))
            + big(UInt16(acknowledgment >> 16)) + big(UInt16(truncatingIfNeeded: acknowledgment))
            + Data([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]) + payload
        let check = checksum(addresses + Data([0, 6]) + big(UInt16(segment.count)) + segment)
        segment.replaceSubrange(16..<18, with: big(check))
        var header =
            Data([0x45, 0]) + big(UInt16(20 + segment.count)) + Data([0, 0, 0x40, 0, 64, 6, 0, 0]) + addresses
        header.replaceSubrange(10..<12, with: big(checksum(header)))
        return Data([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]) + header + segment
    }

    /// RFC 1071.
    private static func checksum(_ bytes: Data) -> UInt16 {
        var sum: UInt32 = 0
        for (index, byte) in bytes.enumerated() { sum += UInt32(byte) << (index % 2 == 0 ? 8 : 0) }
        while sum >> 16 != 0 { sum = (sum & 0xffff) + (sum >> 16) }
        return ~UInt16(sum)
    }
}

private func little(_ value: UInt32) -> Data { Data((0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }) }

private func big(_ value: UInt16) -> Data { Data([UInt8(value >> 8), UInt8(truncatingIfNeeded: value)]) }
