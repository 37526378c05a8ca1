public import HTTPTypes

/// How a request authenticates; the credentials themselves are dropped at the parser.
public enum CredentialScheme: Sendable, Hashable {
    /// `Authorization: AWS4-…` or a query string signed the same way.
    case awsSignatureV4
    /// `Authorization: AWS …` or its query form.
    case awsSignatureV2
    /// `Authorization: SharedKey …`, `SharedKeyLite …` or a SAS query string (Azure).
    case azureSharedKey
    /// `X-Auth-Token` (OpenStack).
    case swiftToken
    /// `Authorization: Bearer …`.
    case bearer
    /// Another `Authorization`, or a cookie.
    case other
}

/// One `name=value` of a query string, percent-decoded once; the value is nil when there was no `=`.
public struct QueryItem: Sendable, Hashable {
    /// The name.
    public var name: String
    /// The value.
    public var value: String?

    /// An item of its parts.
    public init(name: String, value: String?) {
        self.name = name
        self.value = value
    }
}

/// A request's head without its secrets: what RFC 9112 §3 and §5 carry, less authorization, cookies, tokens, pre-signed
/// query items and customer keys.
public struct RequestHead: Sendable, Hashable {
    /// The method as sent.
    public var method: String
    /// The path's bytes as sent, still percent-encoded, without query and fragment; from an absolute-form target too.
    public var rawPath: [UInt8]
    /// The query's items, secrets removed.
    public var query: [QueryItem]
    /// `Host` (or the authority of an absolute-form target), lower case, as sent, with port if there was one.
    public var authority: String?
    /// The fields in order, secrets removed.
    public var fields: HTTPFields
    /// How the request authenticates, if it does.
    public var credentials: CredentialScheme?
    /// True when customer-supplied encryption keys (SSE-C) were present and dropped.
    public var hasCustomerKey: Bool

    /// A head of its parts.
    public init(
        method: String, rawPath: [UInt8], query: [QueryItem] = [], authority: String? = nil,
        fields: HTTPFields = HTTPFields(), credentials: CredentialScheme? = nil, hasCustomerKey: Bool = false
    ) {
        self.method = method
        self.rawPath = rawPath
        self.query = query
        self.authority = authority
        self.fields = fields
        self.credentials = credentials
        self.hasCustomerKey = hasCustomerKey
    }

    /// The value of the first query item of this name: nil when there is none, empty when it has no value.
    public func queryValue(_ name: String) -> String? { query.first { $0.name == name }.map { $0.value ?? "" } }
}

/// A response's head without its secrets.
public struct ResponseHead: Sendable, Hashable {
    /// The status code.
    public var status: Int
    /// The fields in order, secrets removed.
    public var fields: HTTPFields

    /// A head of its parts.
    public init(status: Int, fields: HTTPFields = HTTPFields()) {
        self.status = status
        self.fields = fields
    }
}
