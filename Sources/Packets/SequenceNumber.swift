/// A TCP sequence number: a position on a circle of 2^32 bytes (RFC 9293 §3.4).
///
/// It is not `Comparable`: order on a circle is not transitive. Two numbers compare by serial arithmetic (RFC 1982 §3.2),
/// which is right as long as they are less than 2^31 apart.
public struct SequenceNumber: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    /// The number on the wire.
    public let rawValue: UInt32

    /// The sequence number of this value.
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The sequence number of this value.
    @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// True when this number comes before `other`. False both ways for numbers 2^31 apart, whose order RFC 1982 leaves
    /// undefined.
    @inlinable
    public func precedes(_ other: SequenceNumber) -> Bool { Int32(bitPattern: other.rawValue &- rawValue) > 0 }

    /// The bytes from this number to `other`, -2^31 to 2^31 - 1; negative when `other` comes before it.
    @inlinable
    public func distance(to other: SequenceNumber) -> Int { Int(Int32(bitPattern: other.rawValue &- rawValue)) }

    /// The number `count` bytes further on the circle.
    @inlinable
    public func advanced(by count: Int) -> SequenceNumber {
        SequenceNumber(rawValue &+ UInt32(truncatingIfNeeded: count))
    }
}

extension SequenceNumber: CustomStringConvertible {
    /// The number in decimal.
    public var description: String { String(rawValue) }
}
