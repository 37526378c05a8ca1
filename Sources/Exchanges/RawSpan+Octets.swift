import Glibc

/// Reading wire bytes. Every access is bounds-checked by `RawSpan` itself; the only thing unsafe about these loads is
/// the type they are viewed as, and every bit pattern is a valid `UInt8` or `UInt64`. In the same way an array's
/// `span.bytes`, here and elsewhere in the layer, is unsafe only for elements with padding, which a `UInt8` has not.
extension RawSpan {
    /// The byte at this offset.
    @inline(__always)
    func octet(_ offset: Int) -> UInt8 { unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self) }

    /// Eight bytes from this offset in memory order; all eight must lie in the span.
    @inline(__always)
    func word(_ offset: Int) -> UInt64 { unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self) }

    /// The first place of `octet` within `range`.
    @inline(__always)
    func firstIndex(of octet: UInt8, in range: Range<Int>) -> Int? {
        guard range.lowerBound >= 0, range.lowerBound < range.upperBound, range.upperBound <= byteCount else {
            return nil
        }
        return unsafe withUnsafeBytes { (buffer: UnsafeRawBufferPointer) -> Int? in
            // `range` lies within the buffer (checked above), so memchr stays inside it.
            guard let base = buffer.baseAddress,
                let found = unsafe memchr(base + range.lowerBound, Int32(octet), range.count)
            else { return nil }
            return unsafe UnsafeRawPointer(found) - base
        }
    }

    /// The bytes of `range` as an array.
    func octets(_ range: Range<Int>) -> [UInt8] {
        unsafe extracting(range).withUnsafeBytes { unsafe [UInt8]($0) }
    }

    /// The bytes of `range` as text; what is not UTF-8 becomes U+FFFD.
    func text(_ range: Range<Int>) -> String {
        unsafe extracting(range).withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// The bytes of `range` as text in lower case (ASCII letters only).
    func lowercasedText(_ range: Range<Int>) -> String {
        if range.allSatisfy({ ASCII.lowercased(octet($0)) == octet($0) }) { return text(range) }
        return String(decoding: octets(range).map(ASCII.lowercased), as: UTF8.self)
    }

    /// True when `range` holds exactly the bytes of `literal`, letter case included.
    func matches(_ literal: StaticString, at offset: Int) -> Bool {
        let length = literal.utf8CodeUnitCount
        guard offset >= 0, byteCount - offset >= length else { return false }
        for index in 0..<length {
            // A StaticString's buffer holds `utf8CodeUnitCount` bytes for the program's life.
            if unsafe octet(offset + index) != literal.utf8Start[index] { return false }
        }
        return true
    }

    /// True when the bytes from `offset` to the span's end or `literal`'s end are the same; false when there are none.
    func matchesPrefix(of literal: StaticString, at offset: Int) -> Bool {
        let length = Swift.min(literal.utf8CodeUnitCount, byteCount - offset)
        guard offset >= 0, length > 0 else { return false }
        for index in 0..<length {
            // As above; `length` is no more than the literal's.
            if unsafe octet(offset + index) != literal.utf8Start[index] { return false }
        }
        return true
    }

    /// True when `range` holds `literal` (given in lower case), letter case ignored.
    func equalsIgnoringCase(_ literal: StaticString, _ range: Range<Int>) -> Bool {
        guard range.count == literal.utf8CodeUnitCount else { return false }
        for index in 0..<range.count {
            // `range.count` equals the literal's length.
            if unsafe ASCII.lowercased(octet(range.lowerBound + index)) != literal.utf8Start[index] { return false }
        }
        return true
    }

    /// True when every byte is visible ASCII or a space. Eight bytes at a time: every value of every field passes here.
    func isPrintable(_ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        while index + 8 <= range.upperBound {
            let word = word(index)
            let delete = word ^ 0x7F7F_7F7F_7F7F_7F7F
            // Per byte: the high bit is set, or borrowing below 0x20 sets it, or it was 0x7F. A borrow can only come from
            // a byte that is itself below, so the test for "any" is exact.
            let isBelow = (word &- 0x2020_2020_2020_2020) & ~word
            let isDelete = (delete &- 0x0101_0101_0101_0101) & ~delete
            if (word | isBelow | isDelete) & 0x8080_8080_8080_8080 != 0 { return false }
            index += 8
        }
        while index < range.upperBound {
            if octet(index) &- 0x20 > 0x5E { return false }
            index += 1
        }
        return true
    }

    /// `range` without spaces and tabs at both ends.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var lower = range.lowerBound
        var upper = range.upperBound
        while lower < upper, ASCII.isBlank(octet(lower)) { lower += 1 }
        while upper > lower, ASCII.isBlank(octet(upper - 1)) { upper -= 1 }
        return lower..<upper
    }
}
