/// Recognises what a flow carries from its first bytes.
enum FirstBytes {
    /// What they say.
    enum Verdict: Equatable {
        /// HTTP/1.x, or too few bytes to exclude it.
        case http
        /// Something else, or too few bytes to tell which.
        case other(OpaqueKind)
        /// Not HTTP/1.x, but too few bytes to say what.
        case more
    }

    /// Judges the first bytes that one side of a connection sent.
    static func judge(_ bytes: RawSpan, at start: Int) -> Verdict {
        let count = bytes.byteCount - start
        guard count > 0 else { return .more }
        let first = bytes.octet(start)
        // RFC 8446 §5.1: content types 20 to 24, legacy version 3.x.
        if (0x14...0x18).contains(first) {
            if count > 1, bytes.octet(start + 1) != 3 { return .other(.unrecognised) }
            if count > 2 { return .other(bytes.octet(start + 2) <= 4 ? .tls : .unrecognised) }
            return .more
        }
        if bytes.matchesPrefix(of: "PRI * HTTP/2.0", at: start), count > 3 {
            return count >= 14 ? .other(.http2) : .more
        }
        // A server's SETTINGS frame on stream 0 (RFC 9113 §3.4), should it be the first thing seen.
        if first == 0 {
            let isSettings = (start..<min(start + 9, bytes.byteCount)).allSatisfy { index in
                switch index - start {
                case 1, 2: true
                case 3: bytes.octet(index) == 4
                case 4: bytes.octet(index) <= 1
                default: bytes.octet(index) == 0
                }
            }
            if !isSettings { return .other(.unrecognised) }
            return count >= 9 ? .other(.http2) : .more
        }
        if bytes.matchesPrefix(of: "SSH-", at: start), count > 1 {
            return count >= 4 ? .other(.ssh) : .more
        }
        return ASCII.isToken(first) || first == ASCII.lineFeed || first == ASCII.carriageReturn
            ? .http : .other(.unrecognised)
    }

    /// True when a first line, without its line feed, has the place of an HTTP version that start-lines have.
    static func isStartLine(_ bytes: RawSpan, _ line: Range<Int>) -> Bool {
        if bytes.matches("HTTP/1.", at: line.lowerBound) { return true }
        var end = line.upperBound
        if !line.isEmpty, bytes.octet(end - 1) == ASCII.carriageReturn { end -= 1 }
        return end - line.lowerBound > 9 && bytes.matches(" HTTP/1.", at: end - 9)
    }
}
