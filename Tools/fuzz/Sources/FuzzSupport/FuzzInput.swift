/// The fuzzer's bytes, read as choices and slices from front to end.
public struct FuzzInput {
    private var bytes: UnsafeBufferPointer<UInt8>

    /// The bytes as libFuzzer gives them; they must outlive the value.
    public init(_ start: UnsafePointer<UInt8>?, _ count: Int) {
        bytes = UnsafeBufferPointer(start: start, count: count)
    }

    /// True when every byte was read.
    public var isEmpty: Bool { bytes.isEmpty }

    /// The next byte, or 0 at the end.
    public mutating func byte() -> UInt8 {
        guard let first = bytes.first else { return 0 }
        bytes = UnsafeBufferPointer(rebasing: bytes.dropFirst())
        return first
    }

    /// The next two bytes, the low one first.
    public mutating func word() -> UInt16 { UInt16(byte()) | UInt16(byte()) << 8 }

    /// The next `count` bytes, or what is left.
    public mutating func take(_ count: Int) -> [UInt8] {
        let taken = Array(bytes.prefix(count))
        bytes = UnsafeBufferPointer(rebasing: bytes.dropFirst(taken.count))
        return taken
    }
}
