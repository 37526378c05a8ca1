/// Reading wire bytes. Every access is bounds-checked by `RawSpan` itself; the only thing unsafe about these loads is
/// the type they are viewed as, and every bit pattern is a valid `UInt8`. In the same way an array's `span.bytes`, here
/// and elsewhere in the layer, is unsafe only for elements with padding, which a `UInt8` has not.
extension RawSpan {
    /// The byte at this offset.
    @inline(__always)
    func octet(_ offset: Int) -> UInt8 { unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self) }

    /// Two bytes in network order.
    @inline(__always)
    func network16(_ offset: Int) -> Int { Int(octet(offset)) << 8 | Int(octet(offset + 1)) }

    /// Three bytes in network order.
    func network24(_ offset: Int) -> Int { network16(offset) << 8 | Int(octet(offset + 2)) }

    /// The bytes of `range` as an array.
    func octets(_ range: Range<Int>) -> [UInt8] {
        unsafe extracting(range).withUnsafeBytes { unsafe [UInt8]($0) }
    }
}
