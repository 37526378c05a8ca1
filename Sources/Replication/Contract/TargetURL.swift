internal import Objects

/// The new cloud as the user names it: `s3://BUCKET[/PREFIX][?endpoint=…&region=…&path-style=…]` or `file:DIR`.
///
/// BUCKET and PREFIX may hold `{bucket}` and `{endpoint}`, which stand for the source's. Taken literally otherwise: the
/// prefix is not percent-decoded, nor is DIR. Keys and secrets have no place in it and are refused.
public struct TargetURL: Sendable, Equatable {
    /// What the scheme leads to.
    public enum Kind: Sendable, Equatable {
        /// A folder.
        case file(path: String)
        /// An S3 service; `endpoint` is nil when the URL names none.
        case s3(endpoint: Endpoint?, region: String?, usesPathStyle: Bool?)
    }

    /// The host part of an endpoint's URL.
    public struct Endpoint: Sendable, Equatable {
        /// True for `https`.
        public var isSecure: Bool
        /// Host name or address without brackets, lower case.
        public var host: String
        /// Port, nil for the scheme's own.
        public var port: Int?

        /// Reads `http://HOST[:PORT]` or the same with `https`; nil for anything else, a user or a path included.
        public init?(_ text: some StringProtocol) {
            let isSecure: Bool
            var rest: Substring
            let lowered = text.lowercased()
            if lowered.hasPrefix("http://") {
                isSecure = false
                rest = lowered.dropFirst(7)
            } else if lowered.hasPrefix("https://") {
                isSecure = true
                rest = lowered.dropFirst(8)
            } else {
                return nil
            }
            if rest.hasSuffix("/") { rest.removeLast() }
            var host = rest
            var port: Int?
            let afterHost = rest.hasPrefix("[") ? rest.firstIndex(of: "]") ?? rest.startIndex : rest.startIndex
            if let colon = rest[afterHost...].lastIndex(of: ":") {
                host = rest[..<colon]
                guard let number = Int(rest[rest.index(after: colon)...]), (1...65_535).contains(number) else {
                    return nil
                }
                port = number
            }
            if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
            let isHost = host.utf8.allSatisfy { PercentEncoding.isUnreserved($0) || $0 == UInt8(ascii: ":") }
            guard !host.isEmpty, isHost else { return nil }
            self.isSecure = isSecure
            self.host = String(host)
            self.port = port
        }
    }

    /// What the scheme leads to.
    public let kind: Kind
    /// The target bucket, with placeholders.
    public let bucketTemplate: String
    /// What goes before every key, with placeholders; empty or ending in a slash.
    public let prefixTemplate: String

    /// Reads the URL.
    public init(_ text: String) throws(ReplicationError) {
        guard let colon = text.firstIndex(of: ":") else {
            throw Self.refusal(text, "there is no scheme")
        }
        let rest = text[text.index(after: colon)...]
        switch text[..<colon].lowercased() {
        case "file":
            kind = .file(path: try Self.filePath(rest, text))
            bucketTemplate = "{bucket}"
            prefixTemplate = ""
        case "s3":
            (kind, bucketTemplate, prefixTemplate) = try Self.s3(rest)
        case let scheme where ["gs", "az", "swift"].contains(scheme):
            throw .badTarget(
                url: "\(scheme):…", reason: "this kind of target is not available",
                remedy: "Use s3: or file:; most services also offer an S3 endpoint")
        default: throw Self.refusal(text, "the scheme is not known")
        }
    }

    private static func filePath(_ rest: Substring, _ text: String) throws(ReplicationError) -> String {
        var path = rest
        if path.hasPrefix("//localhost/") {
            path = path.dropFirst(11)
        } else if path.hasPrefix("///") {
            path = path.dropFirst(2)
        }
        guard !path.isEmpty, !path.hasPrefix("//"), !path.utf8.contains(0) else {
            throw refusal(text, "there is no folder in it, or one on another host")
        }
        return String(path)
    }

    private static func s3(_ rest: Substring) throws(ReplicationError) -> (Kind, String, String) {
        guard rest.hasPrefix("//") else { throw refusal("s3:…", "there is no // behind s3:") }
        let parts = rest.dropFirst(2).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let place = parts.first ?? ""
        let names = place.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let bucket = names.first ?? ""
        if bucket.contains("@") || bucket.contains(":") {
            throw .badTarget(
                url: "s3://…", reason: "there is a user, a key or a port before the bucket's name",
                remedy: "Keys come from the environment or a profile; the host goes into ?endpoint=")
        }
        guard !bucket.isEmpty else { throw refusal("s3://", "there is no bucket in it") }
        var prefix = names.count == 2 ? String(names[1]) : ""
        if !prefix.isEmpty, !prefix.hasSuffix("/") { prefix += "/" }
        return (try s3Settings(parts.count == 2 ? parts[1] : "", bucket: bucket), String(bucket), prefix)
    }

    private static func s3Settings(_ query: Substring, bucket: Substring) throws(ReplicationError) -> Kind {
        let url = "s3://\(bucket)?…"
        var endpoint: Endpoint?
        var region: String?
        var usesPathStyle: Bool?
        for item in query.split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = String(decoding: PercentEncoding.decode((pair.count == 2 ? pair[1] : "").utf8), as: UTF8.self)
            switch pair.first.map(String.init) ?? "" {
            case "endpoint":
                endpoint = Endpoint(value)
                // The value is not repeated: a user and a password may stand in it.
                if endpoint == nil { throw refusal(url, "endpoint is not http://HOST[:PORT] or https://HOST[:PORT]") }
            case "region":
                region = value
                let isName = value.utf8.allSatisfy(PercentEncoding.isUnreserved)
                if value.isEmpty || !isName { throw refusal(url, "region is not a region's name") }
            case "path-style":
                guard value == "true" || value == "false" else { throw refusal(url, "path-style is not true or false") }
                usesPathStyle = value == "true"
            default:
                // Neither the name nor the value is repeated: it may be a key.
                throw .badTarget(
                    url: url, reason: "a setting is not one of endpoint, region and path-style",
                    remedy: "Keys and secrets are refused in a URL; they come from the environment or a profile")
            }
        }
        return .s3(endpoint: endpoint, region: region, usesPathStyle: usesPathStyle)
    }

    private static func refusal(_ url: String, _ reason: String) -> ReplicationError {
        .badTarget(
            url: url.contains("@") ? "(hidden)" : url, reason: reason,
            remedy: "Write s3://BUCKET[/PREFIX][?endpoint=http://HOST:PORT&region=NAME&path-style=true] or file:DIR")
    }
}
