/// The host and port that a request names.
struct Authority: Hashable, Sendable {
    /// The host, lower case, without a trailing dot; an IPv6 address in brackets.
    let host: String
    /// The port when it was given and is not the scheme's default.
    let port: UInt16?

    /// The host with its port: how endpoints and plain HTTP buckets are named.
    var text: String { port.map { "\(host):\($0)" } ?? host }

    /// The authority of a `Host` field (RFC 9110 §7.2); nil when it is no host that a name may carry.
    ///
    /// Port 80 is dropped as the default of the cleartext that is read here.
    init?(_ value: String?) {
        guard let value = value?.trimmed.lowercased(), !value.isEmpty, value.utf8.count <= 260 else { return nil }
        var host = value[...]
        var port: UInt16?
        let afterAddress = value.lastIndex(of: "]") ?? value.startIndex
        if let colon = value[afterAddress...].lastIndex(of: ":") {
            let digits = value[value.index(after: colon)...]
            if !digits.isEmpty {
                guard let number = UInt16(digits), number > 0 else { return nil }
                port = number == 80 ? nil : number
            }
            host = value[..<colon]
        }
        if host.utf8.last == UInt8(ascii: ".") { host = host.dropLast() }
        guard !host.isEmpty, host.utf8.allSatisfy(Self.isHostByte) else { return nil }
        if host.hasPrefix("[") != host.hasSuffix("]") { return nil }
        if !host.hasPrefix("["), host.utf8.contains(UInt8(ascii: ":")) { return nil }
        self.host = String(host)
        self.port = port
    }

    /// An authority of its parts.
    init(host: String, port: UInt16?) {
        self.host = host
        self.port = port
    }

    /// The host's labels, empty for an address.
    var labels: [Substring] {
        isAddress ? [] : host.split(separator: ".", omittingEmptySubsequences: false)
    }

    /// True when the host is an IPv4 or IPv6 address.
    var isAddress: Bool { NetworkAddress(host) != nil }

    /// The host of an endpoint's text: without port and brackets kept.
    static func host(of endpoint: String) -> String { Authority(endpoint)?.host ?? endpoint }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
            UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ":"):
            true
        // Internationalised hosts that a client sent as UTF-8 instead of punycode.
        case 0x80...: true
        default: false
        }
    }
}
