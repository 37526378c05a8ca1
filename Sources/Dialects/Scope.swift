internal import Objects

/// Which traffic is kept: an ordered list of rules, of which the first that applies decides.
///
/// When none applies, traffic is kept if the list only denies, and not kept if any rule allows: `allow bucket=logs-*`
/// alone keeps those buckets and nothing else. What is out of scope is counted, never stored and never named on disk.
public struct Scope: Sendable, Hashable {
    /// The rules, the first that applies decides.
    public let rules: [ScopeRule]

    /// A scope of these rules.
    public init(rules: [ScopeRule]) { self.rules = rules }

    /// A scope of rules as text, one each; see ``ScopeRule/init(_:)`` for the grammar.
    public init(_ lines: [String]) throws(ScopeError) {
        var rules: [ScopeRule] = []
        for line in lines { rules.append(try ScopeRule(line)) }
        self.init(rules: rules)
    }

    /// Everything is kept.
    public static let everything = Scope(rules: [])

    /// True when traffic to which no rule applies is kept.
    public var keepsUnmatched: Bool { rules.allSatisfy { $0.verdict == .deny } }

    /// True when any rule asks for addresses, so that they are worth reading.
    var asksForAddresses: Bool { rules.contains { $0.network != nil } }

    /// The verdict on an object that was talked about on a connection.
    func keeps(_ name: ObjectName, on connection: ScopeConnection) -> Bool {
        for rule in rules where rule.applies(to: name, on: connection) { return rule.verdict == .allow }
        return keepsUnmatched
    }
}

/// What a scope needs to know of an exchange besides the object's name.
struct ScopeConnection {
    /// `Host` without port, lower case, as sent; nil when there was none.
    var host: String?
    /// The initiator's and the responder's addresses; nil where the text was no address.
    var addresses: (NetworkAddress?, NetworkAddress?) = (nil, nil)
}

/// One rule of a ``Scope``: a verdict, and conditions that must all hold.
public struct ScopeRule: Sendable, Hashable {
    /// What happens to traffic that a rule applies to.
    public enum Verdict: String, Sendable, Hashable {
        /// It is kept.
        case allow
        /// It is counted and dropped.
        case deny
    }

    /// What happens.
    public var verdict: Verdict
    /// Either end of the connection lies in this network.
    public var network: NetworkPrefix?
    /// Pattern of the host as the request names it, or of the endpoint (the host without the bucket's label), with `*`
    /// for any run of characters and `?` for one; without port, letters compared in lower case.
    public var host: String?
    /// Pattern of the bucket, with `*` and `?`. For plain HTTP the bucket is the host.
    public var bucket: String?
    /// First bytes of the key.
    public var prefix: [UInt8]?

    /// A rule of its parts; without conditions it applies to everything.
    public init(
        _ verdict: Verdict, network: NetworkPrefix? = nil, host: String? = nil, bucket: String? = nil,
        prefix: [UInt8]? = nil
    ) {
        self.verdict = verdict
        self.network = network
        self.host = host
        self.bucket = bucket
        self.prefix = prefix
    }

    /// A rule as text: `allow` or `deny`, then `all`, or one or more of `cidr=10.0.0.0/8`, `host=*.internal`,
    /// `bucket=logs-*`, `prefix=logs/tmp/`, which must all hold. Words are separated by spaces; `%XX` in a prefix
    /// stands for a byte. Throws ``ScopeError`` with the word that is wrong.
    public init(_ text: String) throws(ScopeError) {
        let words = text.split { $0 == " " || $0 == "\t" }.map(String.init)
        guard let first = words.first, let verdict = Verdict(rawValue: first) else {
            throw .noVerdict(rule: text)
        }
        self.init(verdict)
        guard words.count > 1 else { throw .noCondition(rule: text) }
        if words.dropFirst() == ["all"] { return }
        for word in words.dropFirst() {
            let halves = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard halves.count == 2, !halves[1].isEmpty else { throw .unknownCondition(word, rule: text) }
            switch (halves[0], network, host, bucket, prefix) {
            case ("cidr", nil, _, _, _):
                guard let network = NetworkPrefix(halves[1]) else { throw .badNetwork(halves[1], rule: text) }
                self.network = network
            case ("host", _, nil, _, _): host = halves[1].lowercased()
            case ("bucket", _, _, nil, _): bucket = halves[1]
            case ("prefix", _, _, _, nil): prefix = PercentEncoding.decode(halves[1].utf8)
            case ("cidr", _, _, _, _), ("host", _, _, _, _), ("bucket", _, _, _, _), ("prefix", _, _, _, _):
                throw .repeatedCondition(halves[0], rule: text)
            default: throw .unknownCondition(word, rule: text)
            }
        }
    }

    /// True when every condition holds.
    func applies(to name: ObjectName, on connection: ScopeConnection) -> Bool {
        if let network {
            let (initiator, responder) = connection.addresses
            let holds = [initiator, responder].contains { $0.map(network.contains) ?? false }
            guard holds else { return false }
        }
        if let host {
            let named = connection.host.map { Glob.matches(host, $0) } ?? false
            guard named || Glob.matches(host, Authority.host(of: name.endpoint)) else { return false }
        }
        if let bucket, !Glob.matches(bucket, name.bucket) { return false }
        if let prefix, !name.key.bytes.starts(with: prefix) { return false }
        return true
    }
}

/// Why a scope rule cannot be read. All cases stop the program: a wrong scope must not start.
public enum ScopeError: Error, Hashable, CustomStringConvertible {
    /// The rule does not begin with `allow` or `deny`.
    case noVerdict(rule: String)
    /// The rule has no condition; `all` says so when that is meant.
    case noCondition(rule: String)
    /// A word is no condition.
    case unknownCondition(String, rule: String)
    /// The same kind of condition stands twice.
    case repeatedCondition(String, rule: String)
    /// A network is not of the form address/bits.
    case badNetwork(String, rule: String)

    /// What is wrong, where, and what to write instead.
    public var description: String {
        switch self {
        case .noVerdict(let rule): "scope rule '\(rule)': begin it with 'allow' or 'deny'"
        case .noCondition(let rule):
            "scope rule '\(rule)': add 'all' or a condition (cidr=, host=, bucket=, prefix=)"
        case .unknownCondition(let word, let rule):
            "scope rule '\(rule)': '\(word)' is none of cidr=, host=, bucket=, prefix= with a value"
        case .repeatedCondition(let word, let rule): "scope rule '\(rule)': '\(word)' stands twice; write two rules"
        case .badNetwork(let word, let rule):
            "scope rule '\(rule)': '\(word)' is no network such as 10.0.0.0/8 or fd00::/8"
        }
    }
}
