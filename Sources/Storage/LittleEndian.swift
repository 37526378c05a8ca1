extension [UInt8] {
    /// Appends an integer's bytes, least significant first.
    mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    /// Appends zeros up to a length.
    mutating func pad(to count: Int) {
        precondition(self.count <= count, "padding to less than there is")
        append(contentsOf: repeatElement(0, count: count - self.count))
    }
}

extension RawSpan {
    /// The integer whose least significant byte is at `offset`; the caller has checked that its bytes are there.
    func littleEndian<Value: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as _: Value.Type = Value.self)
        -> Value
    {
        // Bounds are checked by the load; any bytes are an integer.
        Value(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}
