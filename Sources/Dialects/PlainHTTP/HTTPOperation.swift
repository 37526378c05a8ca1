internal import Objects

/// What a request asks of a plain HTTP or WebDAV server (RFC 9110 §9, RFC 4918 §9).
enum HTTPAction: String, Hashable, CaseIterable {
    case get = "GET"
    case head = "HEAD"
    case put = "PUT"
    case delete = "DELETE"
    case copy = "COPY"
    case move = "MOVE"
    /// Reads about resources and sessions: nothing of objects.
    case other = "OTHER"
    /// `PUT` with `Content-Range` (RFC 9110 §14.5): a piece, not the object.
    case partialPut = "PartialPut"
    /// Changes a resource in a way that is not followed.
    case patch = "PATCH"
    /// A delete, copy or move of a path that ends in a slash: a whole collection (RFC 4918 §9.6.1).
    case collection = "Collection"

    /// The word under which it is counted.
    var counter: String { Self.counters[self] ?? rawValue }

    private static let counters = Dictionary(uniqueKeysWithValues: allCases.map { ($0, "http.\($0.rawValue)") })
}

/// A request to a plain HTTP server, understood.
struct HTTPOperation {
    /// What is asked.
    let action: HTTPAction
    /// Of which object: the host, and the path without its first slash, decoded once. A query does not belong to it.
    let name: ObjectName
    /// Where a copy or a move leads; nil for other requests and for what cannot be read.
    let destination: ObjectName?

    /// Reads a request to this host.
    init(_ request: RequestReading, at authority: Authority) {
        name = Self.name(authority, rawPath: request.rawPath[...])
        let isCollection = request.rawPath.last == UInt8(ascii: "/")
        var destination: ObjectName?
        switch request.method {
        case "GET": action = .get
        case "HEAD": action = .head
        case "PUT": action = request.fields.has(.contentRange) ? .partialPut : .put
        case "PATCH": action = .patch
        case "DELETE": action = isCollection ? .collection : .delete
        case "COPY", "MOVE":
            destination = Self.destination(request.fields[.destination], from: authority)
            let isKnown = !isCollection && destination != nil
            action = isKnown ? (request.method == "COPY" ? .copy : .move) : .collection
        default: action = .other
        }
        self.destination = destination
    }

    private static func name(_ authority: Authority, rawPath: ArraySlice<UInt8>) -> ObjectName {
        let path = rawPath.first == UInt8(ascii: "/") ? rawPath.dropFirst() : rawPath
        return ObjectName(
            cloud: .http, endpoint: authority.text, bucket: authority.text,
            key: ObjectKey(bytes: PercentEncoding.decode(path)))
    }

    /// `Destination` (RFC 4918 §10.3): a URL, or a path on the same host.
    private static func destination(_ value: String?, from authority: Authority) -> ObjectName? {
        guard let text = value?.trimmed else { return nil }
        var bytes = Array(text.utf8)[...]
        var host = authority
        for scheme in ["http://", "https://"] where text.lowercased().hasPrefix(scheme) {
            bytes = bytes.dropFirst(scheme.utf8.count)
            let end = bytes.firstIndex(of: UInt8(ascii: "/")) ?? bytes.endIndex
            guard let named = Authority(String(decoding: bytes[..<end], as: UTF8.self)) else { return nil }
            // 443 is the default of the scheme that the URL names, whatever this connection is.
            host = scheme == "https://" && named.port == 443 ? Authority(host: named.host, port: nil) : named
            bytes = bytes[end...]
        }
        guard bytes.first == UInt8(ascii: "/") else { return nil }
        let path = bytes.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        return path.last == UInt8(ascii: "/") ? nil : name(host, rawPath: path)
    }
}
