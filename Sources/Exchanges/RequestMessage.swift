import HTTPTypes

/// A request's head, read, with what the engine needs of it.
struct RequestMessage {
    /// The head without its secrets.
    var head: RequestHead
    /// How the body ends.
    var framing: BodyFraming
    /// True when the client waits for `100 Continue` before it sends the body.
    var expectsContinue: Bool
    /// True when the response will have no body whatever its fields say (RFC 9110 §9.3.2).
    var isHead: Bool
    /// True when a 2xx turns the connection into a tunnel (RFC 9110 §9.3.6).
    var isConnect: Bool
    /// True when both `Transfer-Encoding` and `Content-Length` were sent: read by the former as RFC 9112 §6.3 rules,
    /// but the position behind the body is not relied on, since a server may have read it by the latter.
    var isAmbiguous: Bool

    /// Reads the head in `range`, start-line to empty line.
    init(
        _ bytes: RawSpan, _ range: Range<Int>, _ desk: inout Desk
    ) throws(HeadDefect) {
        let line = try RequestLine(bytes, range)
        let section = try FieldSection(bytes, line.end..<range.upperBound, &desk)
        if section.isChunked && line.isVersion10 { throw .framing }
        let query = QueryText.items(bytes, line.query)
        let authority = line.authority.map { bytes.lowercasedText($0) } ?? section.host
        var credentials = section.credentials
        if credentials == nil || credentials == .other, let signed = query.credentials { credentials = signed }
        head = RequestHead(
            method: bytes.text(line.method), rawPath: bytes.octets(line.path), query: query.items,
            authority: authority, fields: desk.forms.fields(bytes), credentials: credentials,
            hasCustomerKey: section.hasCustomerKey)
        framing = section.requestFraming
        isHead = head.method == "HEAD"
        isConnect = head.method == "CONNECT"
        // A CONNECT request has no body (RFC 9110 §9.3.6); one that frames a body is not read.
        if isConnect && framing.mayHaveBody { throw .framing }
        expectsContinue = section.expectsContinue && framing.mayHaveBody && !line.isVersion10
        isAmbiguous = section.isChunked && section.contentLength != nil
    }
}

/// A response's head, read, with what the engine needs of it.
struct ResponseMessage {
    /// The head without its secrets.
    var head: ResponseHead
    /// How the body ends, unless the request says that there is none.
    var framing: BodyFraming
    /// True when both `Transfer-Encoding` and `Content-Length` were sent; see ``RequestMessage/isAmbiguous``.
    var isAmbiguous: Bool

    /// True when HTTP/2 follows on this connection (RFC 7540 §3.2; RFC 9113 deprecates it).
    var isUpgradeToHTTP2: Bool { head.status == 101 && head.fields[.upgrade]?.lowercased() == "h2c" }

    /// True when another response to the same request follows (RFC 9110 §15.2).
    var isInterim: Bool { head.status < 200 && head.status != 101 }

    /// Reads the head in `range`, status line to empty line.
    init(
        _ bytes: RawSpan, _ range: Range<Int>, _ desk: inout Desk
    ) throws(HeadDefect) {
        guard case .whole = StartLine.response(bytes, at: range.lowerBound),
            let feed = bytes.firstIndex(of: ASCII.lineFeed, in: range)
        else { throw .startLine }
        let section = try FieldSection(bytes, feed + 1..<range.upperBound, &desk)
        if section.isChunked && bytes.octet(range.lowerBound + 7) == UInt8(ascii: "0") { throw .framing }
        head = ResponseHead(status: StartLine.status(bytes, at: range.lowerBound), fields: desk.forms.fields(bytes))
        isAmbiguous = section.isChunked && section.contentLength != nil
        framing = section.responseFraming(status: head.status)
    }
}

extension FieldSection {
    /// RFC 9112 §6.3 rules 4 to 7 for a request: without length or coding there is no body.
    fileprivate var requestFraming: BodyFraming {
        if isChunked { return .chunked }
        return contentLength.map { .length($0) } ?? .none
    }

    /// RFC 9112 §6.3 for a response to a method other than HEAD and CONNECT.
    fileprivate func responseFraming(status: Int) -> BodyFraming {
        if status < 200 || status == 204 || status == 304 { return .none }
        if isChunked { return .chunked }
        return contentLength.map { .length($0) } ?? .untilClose
    }
}

extension BodyFraming {
    /// False when it is certain from the head that no byte of a body follows.
    var mayHaveBody: Bool { self != .none && self != .length(0) }
}

/// A request line taken apart (RFC 9112 §3); ranges lie in the head's bytes.
private struct RequestLine {
    var method: Range<Int>
    /// The path without query and fragment; `*` for the asterisk-form, empty for the authority-form.
    var path: Range<Int>
    var query: Range<Int>?
    /// The authority of an absolute-form or authority-form target, without user information.
    var authority: Range<Int>?
    var isVersion10: Bool
    /// Behind the line's end.
    var end: Int

    init(_ bytes: RawSpan, _ range: Range<Int>) throws(HeadDefect) {
        guard let feed = bytes.firstIndex(of: ASCII.lineFeed, in: range) else { throw .startLine }
        end = feed + 1
        var content = range.lowerBound..<feed
        if content.isEmpty { throw .startLine }
        if bytes.octet(feed - 1) == ASCII.carriageReturn { content = content.lowerBound..<feed - 1 }
        // METHOD SP target SP HTTP/1.x, single spaces: what else a lenient server might read is not guessed.
        guard let space = bytes.firstIndex(of: ASCII.space, in: content), content.count > 9 else { throw .startLine }
        method = content.lowerBound..<space
        let versionStart = content.upperBound - 8
        guard !method.isEmpty, method.allSatisfy({ ASCII.isToken(bytes.octet($0)) }), versionStart - 1 > space + 1,
            bytes.octet(versionStart - 1) == ASCII.space, bytes.matches("HTTP/1.", at: versionStart),
            bytes.octet(versionStart + 7) &- 0x30 < 2
        else { throw .startLine }
        isVersion10 = bytes.octet(versionStart + 7) == UInt8(ascii: "0")
        let target = space + 1..<versionStart - 1
        guard target.allSatisfy({ ASCII.isVisible(bytes.octet($0)) }) else { throw .startLine }
        (path, query, authority) = Self.parts(
            bytes, target, isConnect: method.count == 7 && bytes.matches("CONNECT", at: method.lowerBound))
    }

    /// RFC 9112 §3.2: origin-form, absolute-form, authority-form, asterisk-form.
    private static func parts(
        _ bytes: RawSpan, _ target: Range<Int>, isConnect: Bool
    ) -> (path: Range<Int>, query: Range<Int>?, authority: Range<Int>?) {
        var rest = target
        var authority: Range<Int>?
        if isConnect {
            return (target.upperBound..<target.upperBound, nil, withoutUserInformation(bytes, target))
        }
        if bytes.octet(target.lowerBound) != UInt8(ascii: "/"), let start = QueryText.authorityStart(bytes, target) {
            let end = QueryText.authorityEnd(bytes, start..<target.upperBound)
            authority = withoutUserInformation(bytes, start..<end)
            rest = end..<target.upperBound
        }
        let fragment = bytes.firstIndex(of: UInt8(ascii: "#"), in: rest) ?? rest.upperBound
        let question = bytes.firstIndex(of: UInt8(ascii: "?"), in: rest.lowerBound..<fragment)
        return (rest.lowerBound..<(question ?? fragment), question.map { $0 + 1..<fragment }, authority)
    }

    private static func withoutUserInformation(_ bytes: RawSpan, _ range: Range<Int>) -> Range<Int> {
        (QueryText.lastIndex(of: UInt8(ascii: "@"), bytes, range).map { $0 + 1 } ?? range.lowerBound)..<range.upperBound
    }
}
