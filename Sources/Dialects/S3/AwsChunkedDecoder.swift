/// Removes the aws-chunked framing from a request's body, slice by slice, without copying payload.
///
/// The form ("Signature calculations for the Authorization header: Transferring a payload in multiple chunks" and
/// "… including trailing headers", S3 API reference): chunks of `size-in-hex [;extension] CRLF data CRLF`, a last one
/// of size 0, then trailer lines and an empty line where trailers were announced. Signatures are skipped, not kept.
/// What real clients leave out is accepted: the empty line at the end, the last CRLF, LF for CRLF.
///
/// Two things end the decoding early: bytes that break the form, and a gap over framing. Payload delivered before is
/// sure; nothing after it is guessed. Owned by one exchange; bounded by one line and a few trailers.
struct AwsChunkedDecoder {
    /// What `next` found.
    enum Step: Hashable {
        /// Payload: these bytes of the input, at this offset of the decoded stream.
        case payload(Range<Int>, at: UInt64)
        /// The input is used up.
        case needsMore
    }

    /// What a gap did.
    enum Loss: Hashable {
        /// So many bytes of payload are missing here; decoding goes on.
        case payload(at: UInt64, length: UInt64)
        /// No payload is missing.
        case none
        /// The framing is lost: everything from here on is missing.
        case framing(at: UInt64)
    }

    /// How the stream stands.
    enum Status: Hashable {
        /// Between first and last byte.
        case open
        /// The last chunk was seen: `decoded` is the payload's length.
        case ended
        /// The framing is lost from `decoded` on.
        case failed(Failure)
    }

    /// Why the framing was lost.
    enum Failure: Hashable {
        /// A gap covers framing.
        case gap
        /// A chunk header is no number, or a chunk's end is no line end.
        case malformed
        /// A line is longer than the limit.
        case lineTooLong
        /// The chunks hold more than the announced length.
        case overflow
        /// The chunks hold less than the announced length.
        case shortfall
        /// The body ended inside a chunk or a header.
        case truncated
    }

    private enum Place: Hashable {
        /// In a chunk's header line.
        case header
        /// In a chunk's data, with so many bytes to come.
        case data(UInt64)
        /// At the line end behind a chunk's data.
        case dataEnd
        /// In the lines behind the last chunk.
        case trailer
        /// Behind everything.
        case done
    }

    /// The length the client announced (`x-amz-decoded-content-length`); nil when it announced none.
    let announced: UInt64?
    /// Decoded bytes so far, gaps included.
    private(set) var decoded: UInt64 = 0
    /// How the stream stands.
    private(set) var status = Status.open
    /// Trailer fields, names in lower case; empty when there were none or they were lost.
    private(set) var trailers: [(name: String, value: String)] = []
    /// Trailers dropped at the limit.
    private(set) var droppedTrailers = 0

    private var place = Place.header
    private var line: [UInt8] = []
    private let lineLimit: Int
    private let trailerLimit: Int

    /// A decoder at the body's first byte.
    init(announced: UInt64?, lineLimit: Int, trailerLimit: Int) {
        self.announced = announced
        self.lineLimit = lineLimit
        self.trailerLimit = trailerLimit
    }

    /// Reads on at `position` and advances it: to the end of the next payload slice, or of the input.
    mutating func next(_ bytes: borrowing RawSpan, _ position: inout Int) -> Step {
        while position < bytes.byteCount, status == .open || place == .trailer {
            switch place {
            case .header, .trailer:
                readLine(bytes, &position)
            case .data(let rest):
                let count = Int(min(rest, UInt64(bytes.byteCount - position)))
                let slice = position..<position + count
                position += count
                let offset = decoded
                advance(UInt64(count), of: rest)
                return .payload(slice, at: offset)
            case .dataEnd:
                readDataEnd(bytes, &position)
            case .done:
                position = bytes.byteCount
            }
        }
        position = bytes.byteCount
        return .needsMore
    }

    /// So many bytes of the body are missing here; nil for all to its end.
    mutating func skip(_ length: UInt64?) -> Loss {
        guard status == .open else {
            // Behind the last chunk only trailers can be lost.
            if status == .ended { endWithoutTrailers() }
            return .none
        }
        let rest = announced.map { $0 - decoded }
        if case .data(let chunkRest) = place {
            let offset = decoded
            if let length, length <= chunkRest {
                advance(length, of: chunkRest)
                return .payload(at: offset, length: length)
            }
            if chunkRest == rest {
                // The last bytes of the announced payload: what the gap takes beyond them is framing of no interest.
                advance(chunkRest, of: chunkRest)
                endWithoutTrailers()
                return .payload(at: offset, length: chunkRest)
            }
        } else if rest == 0 {
            endWithoutTrailers()
            return .none
        }
        fail(.gap)
        return .framing(at: decoded)
    }

    /// The body ended with its outer framing. A last line without its end is taken as whole.
    mutating func finish() {
        if status == .open, place == .header, !line.isEmpty, Self.size(of: line) == 0 { takeLine() }
        if status == .ended, place == .trailer, !line.isEmpty { takeLine() }
        if status == .open { fail(.truncated) }
        place = .done
    }

    private mutating func advance(_ count: UInt64, of rest: UInt64) {
        decoded += count
        place = count == rest ? .dataEnd : .data(rest - count)
    }

    private mutating func fail(_ failure: Failure) {
        status = .failed(failure)
        place = .done
        line = []
    }

    private mutating func endWithoutTrailers() {
        status = .ended
        place = .done
        line = []
        trailers = []
    }

    private mutating func readDataEnd(_ bytes: borrowing RawSpan, _ position: inout Int) {
        let byte = bytes.octet(position)
        position += 1
        switch byte {
        case UInt8(ascii: "\r") where line.isEmpty: line.append(byte)
        case UInt8(ascii: "\n"):
            line.removeAll(keepingCapacity: true)
            place = .header
        default: fail(.malformed)
        }
    }

    private mutating func readLine(_ bytes: borrowing RawSpan, _ position: inout Int) {
        while position < bytes.byteCount {
            let byte = bytes.octet(position)
            position += 1
            if byte == UInt8(ascii: "\n") {
                takeLine()
                return
            }
            guard line.count < lineLimit else {
                // A trailer that is too long costs digests only.
                if place == .trailer { endWithoutTrailers() } else { fail(.lineTooLong) }
                return
            }
            line.append(byte)
        }
    }

    /// A whole header or trailer line is in `line`.
    private mutating func takeLine() {
        while line.last == UInt8(ascii: "\r") { line.removeLast() }
        defer { line.removeAll(keepingCapacity: true) }
        if place == .trailer {
            if line.isEmpty { place = .done } else { takeTrailer() }
            return
        }
        guard let size = Self.size(of: line) else {
            fail(.malformed)
            return
        }
        if size == 0 {
            if let announced, decoded != announced {
                fail(.shortfall)
            } else {
                status = .ended
                place = .trailer
            }
            return
        }
        let (end, overflow) = decoded.addingReportingOverflow(size)
        if overflow || end > announced ?? UInt64(Int64.max) {
            fail(.overflow)
        } else {
            place = .data(size)
        }
    }

    private mutating func takeTrailer() {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else { return }
        guard trailers.count < trailerLimit else {
            droppedTrailers += 1
            return
        }
        let name = String(decoding: line[..<colon], as: UTF8.self).trimmed.lowercased()
        let value = String(decoding: line[(colon + 1)...], as: UTF8.self).trimmed
        // The trailer's signature is a secret's child and no use to anyone here.
        if name.hasPrefix("x-amz-checksum-") { trailers.append((name, value)) }
    }

    /// The size in a chunk header: hexadecimal digits up to an extension, white space or the end; nil for none, or more
    /// than 63 bits.
    private static func size(of line: [UInt8]) -> UInt64? {
        var size: UInt64 = 0
        var digits = 0
        for byte in line {
            guard let digit = hexadecimalValue(byte) else {
                let ends = byte == UInt8(ascii: ";") || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
                guard ends else { return nil }
                break
            }
            guard size < 1 << 59 else { return nil }
            size = size << 4 | UInt64(digit)
            digits += 1
        }
        return digits > 0 ? size : nil
    }
}

extension RawSpan {
    /// The byte at an index that the caller has checked against `byteCount`; the access checks it again.
    @inline(__always)
    borrowing func octet(_ index: Int) -> UInt8 {
        // Reading a UInt8 needs no alignment and every bit pattern is one.
        unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }
}
