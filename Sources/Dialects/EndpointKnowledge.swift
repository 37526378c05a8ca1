/// How a host names buckets.
enum AddressingStyle: Hashable {
    /// The bucket is the path's first segment.
    case path
    /// The bucket is the host's first label or labels; nil when only the fact is known, not how many labels.
    case virtualHosted(bucket: String?)
}

/// What is known of hosts: how their names read, which is worth keeping since every exchange asks it, and what earlier
/// exchanges taught. Bounded.
struct EndpointKnowledge {
    /// What is known of one host with its port.
    struct Endpoint {
        /// The host and port.
        let authority: Authority
        /// What the host is to S3 under the style known.
        fileprivate(set) var s3: S3Host
        /// The host is S3's by its name alone, or by the user's word.
        let isNamedS3: Bool
        /// A request or an answer there spoke S3.
        fileprivate(set) var speaksS3 = false
        /// How it names buckets, where an exchange proved it.
        fileprivate(set) var style: AddressingStyle?

        /// No exchange can teach anything more: an exchange with such a host is read without asking others.
        var isSettled: Bool { isNamedS3 || speaksS3 && (style != nil || !S3Host.mayNameBucket(authority)) }
    }

    private var table: RecentTable<String, Endpoint>
    private let configured: [Authority]
    /// Who else is to know what is learnt here.
    var peers: (any DialectPeers)?

    /// Knows nothing yet, and at most `limit` hosts. `configured` are the user's S3 endpoints.
    init(limit: Int, configured: [Authority]) {
        table = RecentTable(limit: limit)
        self.configured = configured
    }

    /// Hosts forgotten at the limit.
    var forgotten: UInt64 { table.forgotten }

    /// The endpoint that a `Host` field names; nil when it names none that a name could carry.
    mutating func endpoint(of host: String?) -> Endpoint? {
        guard let host else { return nil }
        if let known = table.value(of: host) { return known }
        guard let authority = Authority(host) else { return nil }
        // Another spelling of a host that is known shares what was learnt: facts are kept under the plain one.
        if authority.text != host, let known = table.value(of: authority.text) { return known }
        let endpoint = Endpoint(
            authority: authority, s3: S3Host(authority, configured: configured, style: nil),
            isNamedS3: S3Host.isAmazon(authority) || S3Host.isListed(authority, configured))
        table.store(endpoint, authority.text)
        return endpoint
    }

    /// Remembers that the host speaks S3.
    mutating func learnSpeaksS3(_ authority: Authority) {
        guard var endpoint = endpoint(of: authority.text), !endpoint.speaksS3 else { return }
        endpoint.speaksS3 = true
        table.store(endpoint, authority.text)
        peers?.tell(DialectFact(kind: .speaksS3(authority)))
    }

    /// Remembers how the host names buckets. The latest proof counts; a named bucket is not replaced by a bare fact.
    mutating func learn(_ style: AddressingStyle, of authority: Authority) {
        guard var endpoint = endpoint(of: authority.text), endpoint.style != style else { return }
        if case .virtualHosted(nil) = style, case .virtualHosted = endpoint.style { return }
        endpoint.style = style
        endpoint.s3 = S3Host(authority, configured: configured, style: style)
        table.store(endpoint, authority.text)
        peers?.tell(DialectFact(kind: .style(style, authority)))
    }
}
