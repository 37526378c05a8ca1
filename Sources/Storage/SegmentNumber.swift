/// A segment's number, in its parts: who writes it, and how many it wrote before.
///
/// In the bucket of several writers a number must be one writer's alone without asking the others, since records are
/// bound to it and the block index names blocks by it. So the upper half is the writer, drawn at random, and the lower half
/// counts. In a vault of files alone the writer is 0.
public struct SegmentNumber: Hashable, Sendable, BitwiseCopyable {
    /// The writer.
    public var writer: UInt32
    /// Counts from 1.
    public var sequence: UInt32

    /// A number of its parts.
    public init(writer: UInt32, sequence: UInt32) {
        self.writer = writer
        self.sequence = sequence
    }

    /// The parts of a number.
    public init(_ number: UInt64) {
        writer = UInt32(truncatingIfNeeded: number >> 32)
        sequence = UInt32(truncatingIfNeeded: number)
    }

    /// The number.
    public var value: UInt64 { UInt64(writer) << 32 | UInt64(sequence) }

    /// A writer's name: eight hexadecimal digits.
    public static func name(ofWriter writer: UInt32) -> String { String(UInt64(writer).sixteenDigits.suffix(8)) }

    /// The writer of this name; nil for other text.
    public static func writer(named name: some StringProtocol) -> UInt32? {
        name.utf8.count == 8 ? UInt32(name, radix: 16) : nil
    }

    /// The segment's name on a medium.
    public var objectName: String { "segments/\(Self.name(ofWriter: writer))/\(value.sixteenDigits).oxs" }

    /// The segment of this name on a medium; nil for other names.
    public init?(objectName: String) {
        let pieces = objectName.split(separator: "/", omittingEmptySubsequences: false)
        guard pieces.count == 3, pieces[0] == "segments", let writer = Self.writer(named: pieces[1]),
            let number = SegmentDirectory.number(ofFileNamed: String(pieces[2])), writer == UInt32(number >> 32)
        else { return nil }
        self.init(number)
    }
}
