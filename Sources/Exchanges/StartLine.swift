/// What the first bytes of a message can be.
enum StartLineVerdict: Equatable {
    /// The whole line is there and is of the strict form.
    case whole
    /// What is there agrees with the strict form, but the line is longer.
    case possible
    /// It is no start-line.
    case impossible
}

/// Strict recognition of start-lines (RFC 9112 §3 and §4), for places where a body may just as well stand.
enum StartLine {
    /// Judges the bytes from `start` as `METHOD SP target SP HTTP/1.x`, with a method of the registry, WebDAV or the
    /// clouds.
    static func request(_ bytes: RawSpan, at start: Int) -> StartLineVerdict {
        var index = start
        let longest = min(bytes.byteCount, start + methodLengthMax + 1)
        while index < longest, isMethodLetter(bytes.octet(index)) { index += 1 }
        if index == bytes.byteCount {
            return index > start && beginsMethod(bytes, start..<index) ? .possible : .impossible
        }
        guard index < longest, bytes.octet(index) == ASCII.space, isMethod(bytes, start..<index) else {
            return .impossible
        }
        return requestRest(bytes, from: index + 1)
    }

    /// Judges `target SP HTTP/1.x` and the line's end.
    private static func requestRest(_ bytes: RawSpan, from start: Int) -> StartLineVerdict {
        var index = start
        while index < bytes.byteCount, ASCII.isVisible(bytes.octet(index)) { index += 1 }
        if index == bytes.byteCount { return .possible }
        guard index > start, bytes.octet(index) == ASCII.space else { return .impossible }
        index += 1
        let version = versionEnd(bytes, at: index)
        guard case .whole = version.verdict else { return version.verdict }
        return lineEnd(bytes, at: version.end)
    }

    /// Judges the bytes from `start` as `HTTP/1.x NNN`.
    static func response(_ bytes: RawSpan, at start: Int) -> StartLineVerdict {
        let version = versionEnd(bytes, at: start)
        guard case .whole = version.verdict else { return version.verdict }
        var index = version.end
        if index == bytes.byteCount { return .possible }
        guard bytes.octet(index) == ASCII.space else { return .impossible }
        index += 1
        for digit in 0..<3 {
            if index == bytes.byteCount { return .possible }
            let octet = bytes.octet(index)
            guard ASCII.isDigit(octet), digit > 0 || (UInt8(ascii: "1")...UInt8(ascii: "5")).contains(octet) else {
                return .impossible
            }
            index += 1
        }
        if index == bytes.byteCount { return .possible }
        return bytes.octet(index) == ASCII.space ? .whole : lineEnd(bytes, at: index)
    }

    /// The status code of a line that ``response(_:at:)`` judged whole.
    static func status(_ bytes: RawSpan, at start: Int) -> Int {
        (9..<12).reduce(0) { $0 * 10 + Int(bytes.octet(start + $1) &- 0x30) }
    }

    /// Judges `HTTP/1.0` or `HTTP/1.1` at `start`.
    private static func versionEnd(_ bytes: RawSpan, at start: Int) -> (verdict: StartLineVerdict, end: Int) {
        if start == bytes.byteCount { return (.possible, start) }
        guard bytes.matchesPrefix(of: "HTTP/1.", at: start) else { return (.impossible, start) }
        let minor = start + 7
        guard minor < bytes.byteCount else { return (.possible, start) }
        guard bytes.octet(minor) == UInt8(ascii: "0") || bytes.octet(minor) == UInt8(ascii: "1") else {
            return (.impossible, start)
        }
        return (.whole, minor + 1)
    }

    private static func lineEnd(_ bytes: RawSpan, at start: Int) -> StartLineVerdict {
        guard start < bytes.byteCount else { return .possible }
        if bytes.octet(start) == ASCII.lineFeed { return .whole }
        guard bytes.octet(start) == ASCII.carriageReturn else { return .impossible }
        guard start + 1 < bytes.byteCount else { return .possible }
        return bytes.octet(start + 1) == ASCII.lineFeed ? .whole : .impossible
    }

    private static func isMethodLetter(_ octet: UInt8) -> Bool {
        octet &- UInt8(ascii: "A") < 26 || octet == UInt8(ascii: "-") || octet == UInt8(ascii: "_")
    }

    private static func isMethod(_ bytes: RawSpan, _ range: Range<Int>) -> Bool {
        methods.contains { $0.utf8CodeUnitCount == range.count && bytes.matches($0, at: range.lowerBound) }
    }

    private static func beginsMethod(_ bytes: RawSpan, _ range: Range<Int>) -> Bool {
        methods.contains { $0.utf8CodeUnitCount >= range.count && bytes.matchesPrefix(of: $0, at: range.lowerBound) }
    }

    /// The length of the longest method below.
    private static let methodLengthMax = 17

    /// RFC 9110 §9, RFC 5789, WebDAV (RFC 4918, 3253, 3648, 3744, 4791, 5323, 5842) and what clouds and caches add.
    private static let methods: [StaticString] = [
        "GET", "PUT", "HEAD", "POST", "DELETE", "OPTIONS", "PATCH", "COPY", "MOVE", "MKCOL", "PROPFIND", "PROPPATCH",
        "LOCK", "UNLOCK", "REPORT", "SEARCH", "TRACE", "CONNECT", "MERGE", "PURGE", "ACL", "BASELINE-CONTROL", "BIND",
        "CHECKIN", "CHECKOUT", "LABEL", "LINK", "MKACTIVITY", "MKCALENDAR", "MKREDIRECTREF", "MKWORKSPACE",
        "ORDERPATCH", "REBIND", "UNBIND", "UNCHECKOUT", "UNLINK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL",
        "QUERY",
    ]
}
