/// What a host is to S3: the service, one bucket of it, or neither.
///
/// Sources: "Virtual hosting of general purpose buckets", "Making requests to Amazon S3 over IPv6", "Configuring fast,
/// secure file transfers using Transfer Acceleration", "Website endpoints" (S3 User Guide).
enum S3Host: Hashable {
    /// The bucket is in the path.
    case service(endpoint: String)
    /// The host is a bucket's (or an access point's).
    case bucket(String, endpoint: String)
    /// A website endpoint, the control plane, or another service of Amazon: no object API.
    case foreign

    /// Reads a host. `configured` are the endpoints that the user listed; `style` is what earlier exchanges proved.
    init(_ authority: Authority, configured: [Authority], style: AddressingStyle?) {
        if let amazon = Self.amazon(authority) {
            self = amazon
            return
        }
        if let listed = Self.listed(authority, configured) {
            self = listed
            return
        }
        guard Self.mayNameBucket(authority) else {
            self = .service(endpoint: authority.text)
            return
        }
        let labels = authority.labels
        switch style {
        case .path: self = .service(endpoint: authority.text)
        case .virtualHosted(let bucket): self = Self.split(authority, bucket: bucket)
        case nil:
            // `bucket.s3.example.com`: a label that says so, behind the bucket and before a domain.
            let place = labels.indices.last { $0 < labels.count - 1 && Self.isServiceLabel(labels[$0]) } ?? 0
            self = place == 0 ? .service(endpoint: authority.text) : Self.split(authority, labels, at: place)
        }
    }

    /// False for an address, which has no label to spare, and a name without a dot: `localhost`, a container's name.
    static func mayNameBucket(_ authority: Authority) -> Bool { !authority.isAddress && authority.labels.count > 1 }

    /// True for hosts that are S3's by their name alone.
    static func isAmazon(_ authority: Authority) -> Bool {
        switch amazon(authority) {
        case .service, .bucket: true
        case .foreign, nil: false
        }
    }

    /// True for hosts that the user listed, or a bucket below one.
    static func isListed(_ authority: Authority, _ configured: [Authority]) -> Bool {
        listed(authority, configured) != nil
    }

    /// What an `amazonaws.com` host is; nil for other domains.
    private static func amazon(_ authority: Authority) -> S3Host? {
        var labels = authority.labels
        let suffixes = [["amazonaws", "com"], ["amazonaws", "com", "cn"]]
        guard let suffix = suffixes.first(where: { labels.suffix($0.count).elementsEqual($0, by: ==) }) else {
            return nil
        }
        labels.removeLast(suffix.count)
        // The service's label is the rightmost: behind it come only `dualstack` and a region.
        guard
            let place = labels.indices.last(where: { isServiceLabel(labels[$0]) || labels[$0].hasPrefix("s3express") })
        else { return .foreign }
        let service = labels[place]
        if service.hasPrefix("s3-website") || service.hasPrefix("s3-control") { return .foreign }
        let isAccessPoint =
            service.hasPrefix("s3-accesspoint") || service.hasPrefix("s3-object-lambda")
            || service.hasPrefix("s3-outposts") || labels[..<place].last == "accesspoint"
        if isAccessPoint {
            // The access point stands for a bucket that its name does not tell: the whole host is the endpoint.
            guard place > 0 else { return .foreign }
            return .bucket(labels[..<place].joined(separator: "."), endpoint: authority.text)
        }
        return place == 0 ? .service(endpoint: authority.text) : split(authority, authority.labels, at: place)
    }

    private static func listed(_ authority: Authority, _ configured: [Authority]) -> S3Host? {
        var best: Authority?
        for endpoint in configured where endpoint.port == authority.port {
            if endpoint.host == authority.host { return .service(endpoint: authority.text) }
            let below = authority.host.hasSuffix("." + endpoint.host)
            if below, endpoint.host.utf8.count > best?.host.utf8.count ?? 0 { best = endpoint }
        }
        guard let best else { return nil }
        return .bucket(String(authority.host.dropLast(best.host.count + 1)), endpoint: best.text)
    }

    private static func isServiceLabel(_ label: Substring) -> Bool { label == "s3" || label.hasPrefix("s3-") }

    private static func split(_ authority: Authority, bucket: String?) -> S3Host {
        if let bucket, authority.host.hasPrefix(bucket + ".") {
            let rest = String(authority.host.dropFirst(bucket.count + 1))
            return .bucket(bucket, endpoint: Authority(host: rest, port: authority.port).text)
        }
        return split(authority, authority.labels, at: 1)
    }

    private static func split(_ authority: Authority, _ labels: [Substring], at place: Int) -> S3Host {
        let endpoint = Authority(host: labels[place...].joined(separator: "."), port: authority.port)
        return .bucket(labels[..<place].joined(separator: "."), endpoint: endpoint.text)
    }
}
