internal import S3

/// What S3 ETags look like and how they follow from digests.
enum ETag {
    /// True for 32 hexadecimal digits, with or without the `-N` of uploads in parts: MD5 by its looks.
    static func isMD5(_ etag: String) -> Bool {
        let halves = etag.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let digest = halves.first, digest.utf8.count == 32, ByteText.bytes(hex: digest) != nil else {
            return false
        }
        return halves.count == 1 || Int(halves[1]).map { (1...10_000).contains($0) } ?? false
    }

    /// The ETag of an object stored whole.
    static func whole(_ digests: PayloadDigests) -> String { ByteText.hex(digests.md5) }

    /// The ETag of an object stored in parts: MD5 of the parts' MD5s, and their number.
    static func multipart(_ parts: [PayloadDigests]) -> String {
        var digest = RunningDigest(.md5)
        for part in parts { digest.update(part.md5) }
        return "\(ByteText.hex(digest.finish()))-\(parts.count)"
    }
}
