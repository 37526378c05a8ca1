extension Scope {
    /// False when no object of a connection can be in scope, as far as its addresses and the host that it was opened for
    /// tell; buckets and keys are not known of a connection.
    public func mayKeep(host: String?, initiator: String, responder: String) -> Bool {
        let addresses = [NetworkAddress(initiator), NetworkAddress(responder)]
        for rule in rules {
            if let network = rule.network {
                guard addresses.contains(where: { $0.map(network.contains) ?? false }) else { continue }
            }
            if let pattern = rule.host, !Self.matches(pattern, host ?? responder) { continue }
            if rule.verdict == .allow { return true }
            if rule.bucket == nil, rule.prefix == nil { return false }
        }
        return keepsUnmatched
    }

    /// As of an object's host: the host itself, or the endpoint behind the bucket's label.
    private static func matches(_ pattern: String, _ host: String) -> Bool {
        let host = host.lowercased()
        if Glob.matches(pattern, host) { return true }
        guard let dot = host.firstIndex(of: ".") else { return false }
        return Glob.matches(pattern, String(host[host.index(after: dot)...]))
    }
}
