extension RawSpan {
    /// The integer in this machine's byte order at `offset`. The caller has checked that it lies within the span; an
    /// access outside traps.
    @inlinable
    package func native<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: Value.Type) -> Value {
        // Safe: the load is bounds-checked, and an integer has no invalid bit patterns.
        unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: type)
    }

    /// The byte at `offset`; see ``native(_:as:)``.
    @inlinable package func byte(_ offset: Int) -> UInt8 { native(offset, as: UInt8.self) }

    /// The 16-bit integer in network order at `offset`; see ``native(_:as:)``.
    @inlinable package func network16(_ offset: Int) -> UInt16 { native(offset, as: UInt16.self).bigEndian }

    /// The 32-bit integer in network order at `offset`; see ``native(_:as:)``.
    @inlinable package func network32(_ offset: Int) -> UInt32 { native(offset, as: UInt32.self).bigEndian }

    /// The 64-bit integer in network order at `offset`; see ``native(_:as:)``.
    @inlinable package func network64(_ offset: Int) -> UInt64 { native(offset, as: UInt64.self).bigEndian }
}
