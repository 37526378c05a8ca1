internal import Objects
public import S3
public import Storage

/// The bucket of a vault as the user names it: `s3://BUCKET[/PREFIX][?endpoint=…&region=…&path-style=…]`. Taken literally,
/// not percent-decoded, but for the settings. Keys and secrets have no place in it and are refused.
public struct S3BackendURL: Sendable {
    /// The bucket.
    public var bucket: String
    /// What goes before every name; empty or ending in a slash.
    public var prefix: String
    /// The service; its region is the credentials' unless the URL names one.
    public var endpoint: S3Endpoint
    /// The keys.
    public var credentials: S3Credentials

    /// Reads the URL, and finds credentials for it.
    public init(_ url: String, credentials chain: CredentialChain) throws(StorageError) {
        guard url.hasPrefix("s3://") else { throw Self.refusal("it does not begin with s3://") }
        let parts = url.dropFirst(5).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let names = parts[0].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        bucket = String(names[0])
        let isName = bucket.utf8.allSatisfy { PercentEncoding.isUnreserved($0) && $0 != UInt8(ascii: "~") }
        guard isName, (3...255).contains(bucket.utf8.count) else {
            throw Self.refusal("there is no bucket's name in it")
        }
        var prefix = names.count == 2 ? String(names[1]) : ""
        if !prefix.isEmpty, !prefix.hasSuffix("/") { prefix += "/" }
        self.prefix = prefix
        let settings = try Self.settings(parts.count == 2 ? parts[1] : "")
        let found: CredentialChain.Found
        do throws(CredentialError) {
            found = try chain.find()
        } catch {
            throw .medium(operation: "open", place: "s3://\(bucket)", reason: error.description, isPassing: false)
        }
        guard let keys = found.credentials else {
            throw .medium(
                operation: "open", place: "s3://\(bucket)",
                reason: "there are no credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
                isPassing: false)
        }
        credentials = keys
        let region = settings["region"] ?? found.region ?? "us-east-1"
        let isPath = settings["path-style"] != "false"
        guard let place = settings["endpoint"] ?? found.endpoint else {
            endpoint = .amazon(region: region, addressing: settings["path-style"] == "true" ? .path : .virtualHosted)
            return
        }
        guard let (isSecure, host, port) = Self.host(place) else {
            throw Self.refusal("the endpoint is not http://HOST[:PORT] or https://HOST[:PORT]")
        }
        endpoint = S3Endpoint(
            isSecure: isSecure, host: host, port: port, region: region, addressing: isPath ? .path : .virtualHosted)
    }

    private static func settings(_ query: Substring) throws(StorageError) -> [String: String] {
        var settings: [String: String] = [:]
        for item in query.split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(pair[0])
            // Neither the name nor the value is repeated: it may be a key.
            guard ["endpoint", "region", "path-style"].contains(name), pair.count == 2 else {
                throw refusal("a setting is not one of endpoint, region and path-style")
            }
            settings[name] = String(decoding: PercentEncoding.decode(pair[1].utf8), as: UTF8.self)
        }
        return settings
    }

    /// Scheme, host and port of `http://HOST[:PORT]`, the host perhaps in brackets.
    private static func host(_ text: String) -> (isSecure: Bool, host: String, port: Int?)? {
        let isSecure = text.hasPrefix("https://")
        guard isSecure || text.hasPrefix("http://") else { return nil }
        var rest = text.dropFirst(isSecure ? 8 : 7)
        if rest.hasSuffix("/") { rest.removeLast() }
        var port: Int?
        let afterHost = rest.hasPrefix("[") ? rest.firstIndex(of: "]") ?? rest.startIndex : rest.startIndex
        if let colon = rest[afterHost...].lastIndex(of: ":") {
            guard let number = Int(rest[rest.index(after: colon)...]), (1...65_535).contains(number) else { return nil }
            port = number
            rest = rest[..<colon]
        }
        if rest.hasPrefix("["), rest.hasSuffix("]") { rest = rest.dropFirst().dropLast() }
        let isHost = rest.utf8.allSatisfy { PercentEncoding.isUnreserved($0) || $0 == UInt8(ascii: ":") }
        return rest.isEmpty || !isHost ? nil : (isSecure, String(rest), port)
    }

    private static func refusal(_ reason: String) -> StorageError {
        .medium(
            operation: "use", place: "s3://…",
            reason: "\(reason). Write s3://BUCKET[/PREFIX][?endpoint=http://HOST:PORT&region=NAME]; keys come from the "
                + "environment or a profile", isPassing: false)
    }
}
