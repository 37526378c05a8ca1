import Foundation
import TestSupport
import Testing

@testable import Cleartext

/// A recorded TLS connection of `Captures/tls-conversations`.
struct Conversation: CustomTestStringConvertible, Sendable {
    /// A part of the recording.
    struct Flight: Sendable {
        var isClient: Bool
        var bytes: [UInt8]
    }

    let name: String
    var keyLog: [String] = []
    /// What went over the wire, in order.
    var flights: [Flight] = []
    /// What the applications said.
    var client: [UInt8] = []
    var server: [UInt8] = []

    var testDescription: String { name }

    /// True for suites whose lost cleartext can be measured: AEAD, without padding.
    var isExact: Bool { !name.contains("sha") && !name.contains("padded") }

    private static let folder = URL(fileURLWithPath: ProjectFolder.captures + "/tls-conversations")

    /// Every recording.
    static let all: [Conversation] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".tls") }.sorted().map { Conversation(name: String($0.dropLast(4))) }
    }()

    /// The recording of this name.
    static func named(_ name: String) -> Conversation { Conversation(name: name) }

    private init(name: String) {
        self.name = name
        let text = (try? String(contentsOf: Self.folder.appendingPathComponent(name + ".tls"), encoding: .utf8)) ?? ""
        for line in text.split(separator: "\n") {
            let word = line.prefix { $0 != " " }
            let rest = line.dropFirst(word.count + 1)
            switch word {
            case "key": keyLog.append(String(rest))
            case "c", "s": flights.append(Flight(isClient: word == "c", bytes: hex(rest)))
            case "C": client += hex(rest)
            case "S": server += hex(rest)
            default: break
            }
        }
    }

    /// The key log as secrets.
    var secrets: [SecretEvent] { CleartextTests.secrets(inKeyLog: keyLog) }

    /// The records of one side: offset and length of each on the wire.
    func records(ofClient isClient: Bool) -> [Range<Int>] {
        let bytes = flights.filter { $0.isClient == isClient }.flatMap(\.bytes)
        var records: [Range<Int>] = []
        var start = 0
        while start + 5 <= bytes.count {
            let end = start + 5 + (Int(bytes[start + 3]) << 8 | Int(bytes[start + 4]))
            records.append(start..<end)
            start = end
        }
        return records
    }
}

/// Secrets in lines of a key log.
func secrets(inKeyLog lines: [String]) -> [SecretEvent] {
    var parser = KeyLogParser()
    var events: [SecretEvent] = []
    let bytes = Array(lines.joined(separator: "\n").utf8)
    parser.read(bytes.span.bytes) { events.append($0) }
    parser.finish { events.append($0) }
    return events
}

/// Bytes in hexadecimal, spaces ignored.
func hex(_ text: some StringProtocol) -> [UInt8] {
    let digits = text.utf8.compactMap { octet -> UInt8? in
        switch octet {
        case 0x30...0x39: octet - 0x30
        case 0x61...0x66: octet - 0x61 + 10
        default: nil
        }
    }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
