internal import Objects

/// Digests that HTTP's own fields state: `Repr-Digest` and `Content-Digest` (RFC 9530), `Digest` (RFC 3230),
/// `Content-MD5` (RFC 1864). An ETag is no digest here: servers put anything into it.
enum HTTPDigests {
    /// The digests of the whole object. `isWhole` says that the message's content is all of it, so that digests of the
    /// content count too.
    static func read(_ fields: HeadFields, trailers: HeadFields, isWhole: Bool) -> [StatedDigest] {
        var digests: [StatedDigest] = []
        func add(_ digest: StatedDigest?) {
            if let digest, !digests.contains(digest) { digests.append(digest) }
        }
        func values(_ field: KnownField) -> [String] { [fields[field], trailers[field]].compactMap { $0 } }
        for field in isWhole ? [KnownField.reprDigest, .contentDigest] : [.reprDigest] {
            for item in values(field).flatMap({ $0.split(separator: ",") }) {
                guard let (key, value) = pair(item), let algorithm = structured[key] else { continue }
                // A byte sequence stands between colons (RFC 8941 §3.3.5); parameters may follow.
                let pieces = value.split(separator: ":", omittingEmptySubsequences: false)
                if pieces.count >= 3 { add(StatedDigest(algorithm, base64: pieces[1], source: field.rawValue)) }
            }
        }
        for item in values(.digest).flatMap({ $0.split(separator: ",") }) {
            guard let (key, value) = pair(item), let algorithm = instance[key] else { continue }
            add(StatedDigest(algorithm, base64: value, source: "digest"))
        }
        if isWhole {
            for value in values(.contentMD5) {
                add(StatedDigest(.md5, base64: value.trimmed, source: "content-md5"))
            }
        }
        return digests
    }

    private static let structured: [String: DigestAlgorithm] = [
        "sha-256": .sha256, "md5": .md5, "sha": .sha1, "crc32c": .crc32c,
    ]
    private static let instance: [String: DigestAlgorithm] = ["sha-256": .sha256, "md5": .md5, "sha": .sha1]

    private static func pair(_ item: Substring) -> (key: String, value: String)? {
        let halves = item.split(separator: "=", maxSplits: 1)
        return halves.count == 2 ? (halves[0].trimmed.lowercased(), halves[1].trimmed) : nil
    }
}
