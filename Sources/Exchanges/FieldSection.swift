import HTTPTypes

/// The field lines of a head or a trailer section (RFC 9112 §5), less secrets, with what framing and the dialects need
/// of them.
struct FieldSection {
    /// `Content-Length`, if there was one and every one said the same.
    var contentLength: UInt64?
    /// True when `Transfer-Encoding: chunked` was sent.
    var isChunked = false
    /// `Host` in lower case.
    var host: String?
    /// True when `Expect: 100-continue` was sent.
    var expectsContinue = false
    /// How the message authenticates, if a field says so.
    var credentials: CredentialScheme?
    /// True when customer-supplied encryption keys were dropped.
    var hasCustomerKey = false

    /// Reads the lines of `range`, up to and with the empty line. The fields to keep wait in `desk.forms`.
    init(_ bytes: RawSpan, _ range: Range<Int>, _ desk: inout Desk) throws(HeadDefect) {
        desk.forms.removeLines()
        var count = 0
        var line = range.lowerBound
        while line < range.upperBound {
            guard let feed = bytes.firstIndex(of: ASCII.lineFeed, in: line..<range.upperBound) else { throw .fieldLine }
            let end = Self.contentEnd(bytes, line..<feed)
            if end == line { return }
            count += 1
            guard count <= desk.limits.headerFields else { throw .tooManyFields }
            if feed + 1 < range.upperBound, ASCII.isBlank(bytes.octet(feed + 1)) {
                line = try takeFolded(bytes, line..<end, next: feed + 1, limit: range.upperBound, &desk)
            } else {
                try take(bytes, line..<end, &desk)
                line = feed + 1
            }
        }
    }

    /// The end of the line's content: before the CR that belongs to its end.
    private static func contentEnd(_ bytes: RawSpan, _ line: Range<Int>) -> Int {
        let end = line.upperBound
        return end > line.lowerBound && bytes.octet(end - 1) == ASCII.carriageReturn ? end - 1 : end
    }

    /// Takes one line, without its end.
    private mutating func take(
        _ bytes: RawSpan, _ line: Range<Int>, _ desk: inout Desk
    ) throws(HeadDefect) {
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":"), in: line),
            let entry = desk.names.entry(bytes, line.lowerBound..<colon)
        else { throw .fieldLine }
        try take(entry, bytes, bytes.trimmed(colon + 1..<line.upperBound), isOwned: false, &desk.forms)
    }

    /// Takes a field that was folded over lines (obs-fold, RFC 9112 §5.2) and returns where the next line begins.
    ///
    /// Each fold becomes a space. A folded field that frames the message is not believed.
    private mutating func takeFolded(
        _ bytes: RawSpan, _ first: Range<Int>, next: Int, limit: Int, _ desk: inout Desk
    ) throws(HeadDefect) -> Int {
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":"), in: first),
            let entry = desk.names.entry(bytes, first.lowerBound..<colon)
        else { throw .fieldLine }
        var value = bytes.octets(bytes.trimmed(colon + 1..<first.upperBound))
        var line = next
        while line < limit, ASCII.isBlank(bytes.octet(line)) {
            guard let feed = bytes.firstIndex(of: ASCII.lineFeed, in: line..<limit) else { throw .fieldLine }
            let part = bytes.trimmed(line..<Self.contentEnd(bytes, line..<feed))
            if !value.isEmpty && !part.isEmpty { value.append(ASCII.space) }
            value += bytes.octets(part)
            line = feed + 1
        }
        switch entry.treatment {
        case .contentLength, .transferEncoding, .host, .expect: throw .framing
        default: try take(entry, unsafe value.span.bytes, 0..<value.count, isOwned: true, &desk.forms)
        }
        return line
    }

    /// Takes a field whose value stands in `value`, in bytes other than the head's when they are the field's own.
    private mutating func take(
        _ entry: FieldNameCache.Entry, _ bytes: RawSpan, _ value: Range<Int>, isOwned: Bool,
        _ forms: inout FieldForms
    ) throws(HeadDefect) {
        var line = FieldForms.Line(entry, value: value, isPlain: bytes.isPrintable(value))
        if isOwned { line.own(bytes.octets(value)) }
        if !line.isPlain {
            // A CR that ends no line, and NUL (RFC 9110 §5.5).
            guard bytes.firstIndex(of: ASCII.carriageReturn, in: value) == nil,
                bytes.firstIndex(of: 0, in: value) == nil
            else { throw .forbiddenOctet }
        }
        switch entry.treatment {
        case .keep: break
        case .contentLength: try takeContentLength(bytes, value)
        case .transferEncoding: try takeCoding(bytes, value)
        case .host:
            guard host == nil else { throw .host }
            line.value = Self.withoutUserInformation(bytes, value)
            host = bytes.lowercasedText(line.value)
        case .expect: if bytes.equalsIgnoringCase("100-continue", value) { expectsContinue = true }
        case .url: line.own(QueryText.withoutSecrets(bytes, value))
        case .authorization:
            credentials = Self.scheme(bytes, value)
            return
        case .swiftToken:
            if credentials == nil || credentials == .other { credentials = .swiftToken }
            return
        case .cookie:
            credentials = credentials ?? .other
            return
        case .drop: return
        case .customerKey:
            hasCustomerKey = true
            return
        }
        forms.append(line)
    }

    /// RFC 9112 §6.3 rule 5: a list of identical values counts as one, anything else is an error.
    private mutating func takeContentLength(_ bytes: RawSpan, _ value: Range<Int>) throws(HeadDefect) {
        var start = value.lowerBound
        repeat {
            let comma = bytes.firstIndex(of: UInt8(ascii: ","), in: start..<value.upperBound) ?? value.upperBound
            let member = bytes.trimmed(start..<comma)
            guard !member.isEmpty else { throw .framing }
            var length: UInt64 = 0
            for index in member {
                let octet = bytes.octet(index)
                guard ASCII.isDigit(octet) else { throw .framing }
                let (product, overflow) = length.multipliedReportingOverflow(by: 10)
                let (sum, carry) = product.addingReportingOverflow(UInt64(octet &- 0x30))
                guard !overflow, !carry, sum <= UInt64(Int64.max) else { throw .framing }
                length = sum
            }
            guard contentLength == nil || contentLength == length else { throw .framing }
            contentLength = length
            start = comma + 1
        } while start <= value.upperBound
    }

    /// RFC 9112 §6.1. Only `chunked` is taken off a body, so with any other coding before or after it the coded bytes
    /// would pass for payload: such a message is unreadable, and so is one that names `chunked` twice.
    private mutating func takeCoding(_ bytes: RawSpan, _ value: Range<Int>) throws(HeadDefect) {
        guard !isChunked, bytes.equalsIgnoringCase("chunked", value) else { throw .framing }
        isChunked = true
    }

    private static func withoutUserInformation(_ bytes: RawSpan, _ value: Range<Int>) -> Range<Int> {
        (QueryText.lastIndex(of: UInt8(ascii: "@"), bytes, value).map { $0 + 1 } ?? value.lowerBound)..<value.upperBound
    }

    private static func scheme(_ bytes: RawSpan, _ value: Range<Int>) -> CredentialScheme {
        var end = value.lowerBound
        while end < value.upperBound, !ASCII.isBlank(bytes.octet(end)) { end += 1 }
        let scheme = value.lowerBound..<end
        if bytes.equalsIgnoringCase("aws", scheme) { return .awsSignatureV2 }
        if bytes.equalsIgnoringCase("bearer", scheme) { return .bearer }
        if bytes.equalsIgnoringCase("sharedkey", scheme) || bytes.equalsIgnoringCase("sharedkeylite", scheme) {
            return .azureSharedKey
        }
        let isVersion4 =
            scheme.count >= 5 && bytes.equalsIgnoringCase("aws4-", scheme.lowerBound..<scheme.lowerBound + 5)
        return isVersion4 ? .awsSignatureV4 : .other
    }
}
