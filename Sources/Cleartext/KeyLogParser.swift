/// Reads secrets from the NSS key log format, in pieces of any size.
///
/// A line is `LABEL <64 hex digits of the client random> <secret in hex>`. Comments, empty lines and labels that say
/// nothing about records (exporter secrets) are passed over; what cannot be read is counted, never repeated.
public struct KeyLogParser: ~Copyable {
    /// Lines that look like nothing of the format.
    public private(set) var unreadableLines: UInt64 = 0

    /// The longest line: the longest label, the random, a secret of 64 bytes.
    private static let lineMax = 512
    private var line: [UInt8] = []
    private var isTooLong = false

    /// A parser at the start of a log.
    public init() { line.reserveCapacity(Self.lineMax) }

    deinit { KeySchedule.wipeLast(line) }

    /// Reads a piece; each whole line that holds a secret goes to `take`.
    public mutating func read(_ bytes: RawSpan, _ take: (SecretEvent) -> Void) {
        for index in 0..<bytes.byteCount {
            let octet = bytes.octet(index)
            if octet == UInt8(ascii: "\n") {
                endLine(take)
            } else if line.count < Self.lineMax {
                line.append(octet)
            } else {
                isTooLong = true
            }
        }
    }

    /// Reads what stands behind the last line feed, for a log that will not grow.
    public mutating func finish(_ take: (SecretEvent) -> Void) { endLine(take) }

    private mutating func endLine(_ take: (SecretEvent) -> Void) {
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        let isEmpty = line.allSatisfy { $0 == UInt8(ascii: " ") } || line.first == UInt8(ascii: "#")
        if isTooLong {
            unreadableLines += 1
        } else if !isEmpty {
            if let event = event() { take(event) } else if !isKnownOther() { unreadableLines += 1 }
        }
        isTooLong = false
        KeySchedule.wipe(&line)
    }

    private func event() -> SecretEvent? {
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: true)
        guard parts.count == 3, parts[1].count == 64,
            let label = SecretLabel.allCases.first(where: { Self.isWord(parts[0], $0.word) })
        else { return nil }
        var random = [UInt8](repeating: 0, count: 32)
        var secret = [UInt8](repeating: 0, count: parts[2].count / 2)
        defer { KeySchedule.wipe(&secret) }
        guard Self.decode(parts[1], &random), Self.decode(parts[2], &secret), Self.fits(label, secret.count),
            let random = ClientRandom(unsafe random.span.bytes)
        else { return nil }
        return .session(label, random, SecretBytes(unsafe secret.span.bytes))
    }

    /// True for a line of a form that key logs have and records have no use for.
    private func isKnownOther() -> Bool {
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: true)
        guard parts.count == 3 else { return false }
        return ["EXPORTER_SECRET", "EARLY_EXPORTER_SECRET", "ECH_SECRET", "ECH_CONFIG", "RSA"].contains {
            Self.isWord(parts[0], $0)
        }
    }

    /// A master secret has 48 bytes, a traffic secret as many as a hash.
    private static func fits(_ label: SecretLabel, _ count: Int) -> Bool {
        label == .master ? count == 48 : count == 32 || count == 48
    }

    private static func isWord(_ part: ArraySlice<UInt8>, _ word: StaticString) -> Bool {
        guard part.count == word.utf8CodeUnitCount else { return false }
        // A StaticString's buffer holds `utf8CodeUnitCount` bytes for the program's life.
        return part.enumerated().allSatisfy { unsafe word.utf8Start[$0.offset] == $0.element }
    }

    private static func decode(_ digits: ArraySlice<UInt8>, _ bytes: inout [UInt8]) -> Bool {
        guard digits.count == 2 * bytes.count else { return false }
        for (index, digit) in digits.enumerated() {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = digit - UInt8(ascii: "A") + 10
            default: return false
            }
            bytes[index / 2] = bytes[index / 2] << 4 | value
        }
        return true
    }
}
