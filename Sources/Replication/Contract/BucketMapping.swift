public import Objects

/// A bucket of the source.
public struct SourceBucket: Hashable, Sendable, Comparable {
    /// The family of the store.
    public let cloud: Cloud
    /// Endpoint or account.
    public let endpoint: String
    /// Bucket or container.
    public let bucket: String

    /// A bucket of its parts.
    public init(cloud: Cloud, endpoint: String, bucket: String) {
        self.cloud = cloud
        self.endpoint = endpoint
        self.bucket = bucket
    }

    /// The bucket that holds an object.
    public init(of name: ObjectName) { self.init(cloud: name.cloud, endpoint: name.endpoint, bucket: name.bucket) }

    /// The bucket as `cloud://endpoint/bucket`.
    public var url: String { "\(cloud.rawValue)://\(endpoint)/\(bucket)" }

    /// Orders as the names of its objects do.
    public static func < (earlier: SourceBucket, later: SourceBucket) -> Bool {
        (earlier.cloud, earlier.endpoint, earlier.bucket) < (later.cloud, later.endpoint, later.bucket)
    }
}

/// How buckets of the source become buckets and prefixes of the target.
///
/// A rule `SRC=DST` says it for one source bucket; SRC is `bucket`, `endpoint/bucket` or `cloud://endpoint/bucket`, DST
/// is `bucket` or `bucket/prefix`. Buckets without a rule follow the target URL's template. One source bucket maps
/// straight onto a template without placeholders; several would run together there, which is refused.
public struct BucketMapping: Sendable {
    private struct Rule {
        var source: String
        var target: Place
    }

    fileprivate struct Place: Hashable {
        var bucket: String
        var prefix: String
    }

    private let rules: [Rule]
    private let template: Place

    /// A mapping by the target's template and the rules, each `SRC=DST`.
    public init(template url: TargetURL, rules: [String] = []) throws(ReplicationError) {
        template = Place(bucket: url.bucketTemplate, prefix: url.prefixTemplate)
        var read: [Rule] = []
        for rule in rules {
            // A source bucket holds no '=', a target prefix may.
            let sides = rule.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let target = sides.count == 2 ? sides[1].split(separator: "/", maxSplits: 1) : []
            guard let source = sides.first, !source.isEmpty, let bucket = target.first else {
                throw .mapping(
                    reason: "the rule \(rule) is not SRC=DST", remedy: "Write --map SOURCEBUCKET=TARGETBUCKET[/PREFIX]")
            }
            var prefix = target.count == 2 ? String(target[1]) : ""
            if !prefix.isEmpty, !prefix.hasSuffix("/") { prefix += "/" }
            read.append(Rule(source: String(source), target: Place(bucket: String(bucket), prefix: prefix)))
        }
        self.rules = read
    }

    /// Settles the mapping for the buckets that hold something; refuses one in which two buckets run together.
    public func resolve(_ buckets: [SourceBucket]) throws(ReplicationError) -> ResolvedMapping {
        var places: [SourceBucket: Place] = [:]
        var owners: [Place: SourceBucket] = [:]
        var isUsed = Array(repeating: false, count: rules.count)
        for bucket in buckets.sorted() {
            let matching = rules.indices.filter { Self.matches(rules[$0].source, bucket) }
            if matching.count > 1 {
                throw .mapping(
                    reason: "several rules fit \(bucket.url)", remedy: "Write the source as cloud://endpoint/bucket")
            }
            if let rule = matching.first { isUsed[rule] = true }
            let place = matching.first.map { rules[$0].target } ?? Self.fill(template, for: bucket)
            if let other = owners[place] {
                throw .mapping(
                    reason: "\(other.url) and \(bucket.url) would both go into \(place.bucket)/\(place.prefix)",
                    remedy: "Write {bucket} (and {endpoint}) in the target, as in s3://{bucket} or "
                        + "s3://BUCKET/{bucket}, or give --map SRC=DST for each of the \(buckets.count) buckets")
            }
            owners[place] = bucket
            places[bucket] = place
        }
        if let unused = isUsed.firstIndex(of: false) {
            throw .mapping(
                reason: "no bucket of the vault fits the rule's source \(rules[unused].source)",
                remedy: "The vault holds: " + (buckets.sorted().prefix(8).map(\.url).joined(separator: ", ")))
        }
        return ResolvedMapping(places: places.mapValues { ($0.bucket, Array($0.prefix.utf8)) })
    }

    private static func matches(_ source: String, _ bucket: SourceBucket) -> Bool {
        source == bucket.bucket || source == "\(bucket.endpoint)/\(bucket.bucket)" || source == bucket.url
    }

    private static func fill(_ template: Place, for bucket: SourceBucket) -> Place {
        Place(bucket: fill(template.bucket, for: bucket), prefix: fill(template.prefix, for: bucket))
    }

    private static func fill(_ template: String, for bucket: SourceBucket) -> String {
        var filled = ""
        var rest = template[...]
        while let open = rest.firstIndex(of: "{") {
            filled += rest[..<open]
            rest = rest[open...]
            if rest.hasPrefix("{bucket}") {
                filled += bucket.bucket
                rest = rest.dropFirst(8)
            } else if rest.hasPrefix("{endpoint}") {
                filled += bucket.endpoint
                rest = rest.dropFirst(10)
            } else {
                filled += "{"
                rest = rest.dropFirst()
            }
        }
        return filled + rest
    }
}

/// A mapping settled for known buckets.
public struct ResolvedMapping: Sendable {
    private let places: [SourceBucket: (bucket: String, prefix: [UInt8])]

    fileprivate init(places: [SourceBucket: (bucket: String, prefix: [UInt8])]) { self.places = places }

    /// The target's buckets, in order.
    public var targetBuckets: [String] { Set(places.values.map(\.bucket)).sorted() }

    /// Where an object goes; nil when its bucket was not known when the mapping was settled.
    public func location(of name: ObjectName) -> TargetLocation? {
        guard let place = places[SourceBucket(of: name)] else { return nil }
        return TargetLocation(bucket: place.bucket, key: ObjectKey(bytes: place.prefix + name.key.bytes))
    }
}
