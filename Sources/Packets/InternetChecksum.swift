/// Whether TCP checksums are looked at on an interface.
public enum ChecksumMode: String, Sendable, Hashable, CaseIterable, BitwiseCopyable {
    /// Checked and reported. Offloads make wrong ones common at the sender, so they are accepted and counted.
    case auto
    /// Checked; whoever takes the segments drops those that are wrong.
    case verify
    /// Not computed.
    case ignore
}

/// What a segment's checksum says.
public enum ChecksumVerdict: UInt8, Sendable, Hashable, CaseIterable, BitwiseCopyable {
    /// The segment is as it was sent.
    case valid
    /// Not computed: bytes are missing, or the mode is ``ChecksumMode/ignore``.
    case notChecked
    /// Not filled in yet when it was captured: the field is zero, or holds the bare pseudo-header sum that an offload
    /// leaves for the network card to finish.
    case offloaded
    /// Neither: damaged, or tampered with.
    case wrong
}

/// The one's complement sum of RFC 1071 and what it says of a TCP segment (RFC 9293 §3.1).
enum InternetChecksum {
    /// The one's complement sum, folded to 16 bits, of the bytes of `span` as 16-bit words in this machine's order.
    ///
    /// One's complement sums do not care about byte order (RFC 1071 §2 B), so the words are added as they are loaded. They
    /// are added as halves of wide lanes that cannot overflow: every lane is 64 bits wide and takes 32 at a time.
    static func sum(_ span: borrowing RawSpan) -> UInt64 {
        typealias Lanes = SIMD8<UInt64>
        let mask = Lanes(repeating: 0xFFFF_FFFF)
        var low = Lanes(repeating: 0)
        var high = Lanes(repeating: 0)
        let count = span.byteCount
        var offset = 0
        while count &- offset >= 64 {
            // Safe: bounds-checked, and a vector of integers has no invalid bit patterns.
            let lanes = unsafe span.unsafeLoadUnaligned(fromByteOffset: offset, as: Lanes.self)
            low &+= lanes & mask
            high &+= lanes &>> 32
            offset &+= 64
        }
        var total = low.wrappedSum() &+ high.wrappedSum()
        while count &- offset >= 4 {
            total &+= UInt64(span.native(offset, as: UInt32.self))
            offset &+= 4
        }
        if count &- offset >= 2 {
            total &+= UInt64(span.native(offset, as: UInt16.self))
            offset &+= 2
        }
        // An odd last byte is padded with zero on its right: the low half in little-endian order.
        if count > offset { total &+= UInt64(UInt16(span.byte(offset)).littleEndian) }
        return fold(total)
    }

    /// Folds a sum of words to 16 bits, adding the carries back in.
    @inline(__always)
    static func fold(_ sum: UInt64) -> UInt64 {
        var folded = (sum & 0xFFFF_FFFF) &+ (sum >> 32)
        folded = (folded & 0xFFFF) &+ (folded >> 16 & 0xFFFF) &+ (folded >> 32)
        folded = (folded & 0xFFFF) &+ (folded >> 16)
        return (folded & 0xFFFF) &+ (folded >> 16)
    }

    /// The sum of the pseudo-header without its length: addresses and protocol (RFC 9293 §3.1, RFC 8200 §8.1), as words
    /// in network order.
    @inline(__always)
    static func pseudoHeaderSum(_ source: IPAddress, _ destination: IPAddress) -> UInt64 {
        // The 32-bit halves are sums of 16-bit words scaled by 2^16, which is 1 in one's complement.
        halves(source.high) &+ halves(source.low) &+ halves(destination.high) &+ halves(destination.low)
            &+ UInt64(InternetHeader.tcp)
    }

    @inline(__always)
    private static func halves(_ word: UInt64) -> UInt64 { (word >> 32) &+ (word & 0xFFFF_FFFF) }

    /// Judges the checksum of a whole segment, at least a TCP header long.
    @inline(__always)
    static func verdict(
        ofSegment segment: borrowing RawSpan, from source: IPAddress, to destination: IPAddress
    ) -> ChecksumVerdict {
        let pseudo = pseudoHeaderSum(source, destination)
        let withLength = fold(pseudo &+ UInt64(segment.byteCount))
        let bytes = UInt64(UInt16(truncatingIfNeeded: sum(segment)).bigEndian)
        // With the checksum in it, the sum of a segment as it was sent is all ones.
        if fold(withLength &+ bytes) == 0xFFFF { return .valid }
        let field = UInt64(segment.network16(16))
        // Some cards want the pseudo-header's sum without its length, which differs for each packet they cut.
        if field == 0 || field == withLength || field == fold(pseudo) { return .offloaded }
        return .wrong
    }
}
