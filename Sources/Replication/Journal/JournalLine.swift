internal import Foundation
internal import Objects
internal import S3

/// The text form of a record: `CHECK KIND LOCATION CONTENT JSON` and a line feed.
///
/// CHECK is the first 8 hexadecimal digits of the SHA-256 of everything behind it, so that `sha256sum` can check a
/// line. LOCATION and CONTENT are 32 digits (`-` for none) by which a start finds its way through millions of lines
/// without parsing their JSON.
struct JournalLine: Sendable {
    /// What a start needs of a line.
    struct Head: Sendable, Equatable {
        var letter: Character
        var location: JournalKey?
        var content: JournalKey?
    }

    /// Longer lines are damage: 10,000 parts with both digests need 2 MB.
    static let bytesMax = 16 << 20

    /// The line of a record.
    static func encode(_ record: JournalRecord) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json =
            switch record {
            case .header(let header): try encoder.encode(header)
            case .object(let object): try encoder.encode(object)
            case .intent(let intent), .deleted(let intent): try encoder.encode(intent)
            case .upload(let upload): try encoder.encode(upload)
            case .part(let part): try encoder.encode(part)
            case .uploadEnded(let id): try encoder.encode(["upload": id])
            }
        var content: JournalKey?
        if case .object(let object) = record { content = object.content.map(JournalKey.init(content:)) }
        let location = record.location.map(JournalKey.init(location:))
        let text = "\(record.letter) \(location?.text ?? "-") \(content?.text ?? "-") "
        let payload = Array(text.utf8) + Array(json)
        return Array(check(payload[...]).utf8) + [UInt8(ascii: " ")] + payload + [UInt8(ascii: "\n")]
    }

    /// The head of a line without its line feed; nil when the line is damaged.
    static func head(of line: ArraySlice<UInt8>) -> Head? {
        let space = UInt8(ascii: " ")
        guard line.count > 14, line.count <= bytesMax, line[line.startIndex + 8] == space,
            line.prefix(8).elementsEqual(check(line.dropFirst(9)).utf8)
        else { return nil }
        let fields = line.dropFirst(9).split(separator: space, maxSplits: 3, omittingEmptySubsequences: false)
        guard fields.count == 4, fields[0].count == 1, let letter = fields[0].first else { return nil }
        return Head(
            letter: Character(Unicode.Scalar(letter)), location: JournalKey(text: fields[1]),
            content: JournalKey(text: fields[2]))
    }

    /// The record of a line whose head was read; nil when it is of a kind or form that is not known.
    static func record(of line: ArraySlice<UInt8>, _ head: Head) -> JournalRecord? {
        let fields = line.dropFirst(9).split(
            separator: UInt8(ascii: " "), maxSplits: 3, omittingEmptySubsequences: false)
        guard fields.count == 4 else { return nil }
        let json = Data(fields[3])
        let decoder = JSONDecoder()
        do {
            switch head.letter {
            case "h": return .header(try decoder.decode(JournalHeader.self, from: json))
            case "o": return .object(try decoder.decode(ObjectRecord.self, from: json))
            case "i": return .intent(try decoder.decode(LocationRecord.self, from: json))
            case "u": return .upload(try decoder.decode(UploadRecord.self, from: json))
            case "p": return .part(try decoder.decode(PartRecord.self, from: json))
            case "d": return .deleted(try decoder.decode(LocationRecord.self, from: json))
            case "e":
                return try decoder.decode([String: String].self, from: json)["upload"].map { .uploadEnded(id: $0) }
            default: return nil
            }
        } catch {
            // The check was right, so the line is whole but of another form: as useless as a damaged one.
            return nil
        }
    }

    static func check(_ payload: ArraySlice<UInt8>) -> String {
        ByteText.hex(RunningDigest.of(Array(payload), .sha256).prefix(4))
    }
}

/// 128 bits of a SHA-256 that stand for a location or a content in memory: two of a thousand million differ for sure
/// enough, and a key of 1,024 bytes costs 16.
struct JournalKey: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    init(location: TargetLocation) { self.init(digestOf: Array(location.path.utf8)) }

    /// The key of a content identity in hexadecimal.
    init(content: String) { self.init(digestOf: Array(content.utf8)) }

    init?(text: ArraySlice<UInt8>) {
        guard text.count == 32, let bytes = ByteText.bytes(hex: String(decoding: text, as: UTF8.self)) else {
            return nil
        }
        self.init(bytes)
    }

    var text: String { ByteText.hex(Self.bytes(high) + Self.bytes(low)) }

    private init(digestOf bytes: [UInt8]) { self.init(RunningDigest.of(bytes, .sha256)) }

    private init(_ bytes: [UInt8]) {
        high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes.dropFirst(8).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func bytes(_ word: UInt64) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt64($0)) }
    }
}
