import Objects

/// Queries and URLs, read and stripped of secrets by the table of ``SecretFields``.
enum QueryText {
    /// The items of the query in `range`, secrets removed, and the scheme they were signed with.
    ///
    /// Names and values are percent-decoded once, and `+` is read as a space, as the clouds' servers do.
    static func items(_ bytes: RawSpan, _ range: Range<Int>?) -> (items: [QueryItem], credentials: CredentialScheme?) {
        guard let range else { return ([], nil) }
        let parts = parts(bytes, range)
        var evidence = SecretFields.QueryEvidence()
        for part in parts { evidence.note(part.canonicalName) }
        var items: [QueryItem] = []
        items.reserveCapacity(parts.count)
        for part in parts where !SecretFields.isSecret(item: part.canonicalName, in: evidence) {
            items.append(QueryItem(name: part.name, value: part.value.map { decoded(bytes, $0) }))
        }
        return (items, evidence.credentials)
    }

    /// The value in `range`, one URL or several between `<>`, quotes or spaces, each without user information and secret
    /// query items, and an absolute one without its fragment.
    static func withoutSecrets(_ bytes: RawSpan, _ range: Range<Int>) -> [UInt8] {
        var clean: [UInt8] = []
        clean.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            if isDelimiter(bytes.octet(index)) {
                clean.append(bytes.octet(index))
                index += 1
                continue
            }
            var end = index + 1
            while end < range.upperBound, !isDelimiter(bytes.octet(end)) { end += 1 }
            appendReference(bytes, index..<end, to: &clean)
            index = end
        }
        return clean
    }

    private static func appendReference(_ bytes: RawSpan, _ range: Range<Int>, to clean: inout [UInt8]) {
        var start = range.lowerBound
        var end = range.upperBound
        if let authority = authorityStart(bytes, range) {
            // Implicit grants carry tokens in fragments (RFC 6749 §4.2.2). In a relative reference the number sign may
            // be a sloppy client's key.
            end = bytes.firstIndex(of: UInt8(ascii: "#"), in: range) ?? end
            let authorityEnd = authorityEnd(bytes, authority..<end)
            clean += bytes.octets(start..<authority)
            start = lastIndex(of: UInt8(ascii: "@"), bytes, authority..<authorityEnd).map { $0 + 1 } ?? authority
        }
        let query = bytes.firstIndex(of: UInt8(ascii: "?"), in: start..<end)
        clean += bytes.octets(start..<(query ?? end))
        guard let query else { return }
        let parts = parts(bytes, query + 1..<end)
        var evidence = SecretFields.QueryEvidence()
        for part in parts { evidence.note(part.canonicalName) }
        var separator = UInt8(ascii: "?")
        for part in parts where !SecretFields.isSecret(item: part.canonicalName, in: evidence) {
            clean.append(separator)
            clean += bytes.octets(part.range)
            separator = UInt8(ascii: "&")
        }
    }

    /// Where the authority of a reference that begins with `scheme://` begins.
    static func authorityStart(_ bytes: RawSpan, _ range: Range<Int>) -> Int? {
        var index = range.lowerBound
        while index < range.upperBound, isSchemeOctet(bytes.octet(index)) { index += 1 }
        guard index > range.lowerBound, index + 3 <= range.upperBound, bytes.matches("://", at: index) else {
            return nil
        }
        return index + 3
    }

    /// Where the authority that begins at the range's start ends (RFC 3986 §3.2).
    static func authorityEnd(_ bytes: RawSpan, _ range: Range<Int>) -> Int {
        var end = range.lowerBound
        while end < range.upperBound {
            let octet = bytes.octet(end)
            if octet == UInt8(ascii: "/") || octet == UInt8(ascii: "?") || octet == UInt8(ascii: "#") { break }
            end += 1
        }
        return end
    }

    /// The last place of `octet` in the range.
    static func lastIndex(of octet: UInt8, _ bytes: RawSpan, _ range: Range<Int>) -> Int? {
        var index = range.upperBound
        while index > range.lowerBound {
            index -= 1
            if bytes.octet(index) == octet { return index }
        }
        return nil
    }

    /// One `name=value` as it stands, and its name decoded.
    private struct Part {
        var range: Range<Int>
        var value: Range<Int>?
        var name: String
        /// The name in lower case, for the table of secrets.
        var canonicalName: String
    }

    private static func parts(_ bytes: RawSpan, _ range: Range<Int>) -> [Part] {
        var parts: [Part] = []
        var start = range.lowerBound
        while start < range.upperBound {
            let end = bytes.firstIndex(of: UInt8(ascii: "&"), in: start..<range.upperBound) ?? range.upperBound
            if end > start {
                let equals = bytes.firstIndex(of: UInt8(ascii: "="), in: start..<end)
                let name = decoded(bytes, start..<(equals ?? end))
                parts.append(
                    Part(
                        range: start..<end, value: equals.map { $0 + 1..<end }, name: name,
                        canonicalName: name.lowercased()))
            }
            start = end + 1
        }
        return parts
    }

    private static func decoded(_ bytes: RawSpan, _ range: Range<Int>) -> String {
        if bytes.firstIndex(of: UInt8(ascii: "%"), in: range) == nil,
            bytes.firstIndex(of: UInt8(ascii: "+"), in: range) == nil
        {
            return bytes.text(range)
        }
        return String(decoding: PercentEncoding.decode(bytes.octets(range), plusIsSpace: true), as: UTF8.self)
    }

    private static func isDelimiter(_ octet: UInt8) -> Bool {
        octet == UInt8(ascii: "<") || octet == UInt8(ascii: ">") || octet == UInt8(ascii: "\"")
            || !ASCII.isVisible(octet)
    }

    /// RFC 3986 §3.1.
    private static func isSchemeOctet(_ octet: UInt8) -> Bool {
        ASCII.lowercased(octet) &- UInt8(ascii: "a") < 26 || ASCII.isDigit(octet) || octet == UInt8(ascii: "+")
            || octet == UInt8(ascii: "-") || octet == UInt8(ascii: ".")
    }
}
