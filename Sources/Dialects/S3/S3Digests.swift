internal import Objects

/// Digests that S3's requests and answers state ("Checking object integrity", S3 User Guide).
struct S3Digests {
    /// The digests, each once.
    private(set) var list: [StatedDigest] = []

    /// What S3 calls an algorithm in field names, and in XML elements.
    private static let algorithms: [(algorithm: DigestAlgorithm, field: KnownField, element: String)] = [
        (.crc32, .amazonChecksumCRC32, "ChecksumCRC32"),
        (.crc32c, .amazonChecksumCRC32C, "ChecksumCRC32C"),
        (.crc64nvme, .amazonChecksumCRC64NVME, "ChecksumCRC64NVME"),
        (.sha1, .amazonChecksumSHA1, "ChecksumSHA1"),
        (.sha256, .amazonChecksumSHA256, "ChecksumSHA256"),
    ]

    /// What a checksum without `-N` behind it was computed over.
    enum BareScope {
        /// The bytes it came with, which are the object or the part.
        case whole
        /// Unknown: it is left out unless something says so.
        case unknown
    }

    /// What the sender of a payload states of it: `Content-MD5`, checksums in fields or trailers, and the payload's
    /// SHA-256 that a version 4 signature covers.
    mutating func addUpload(_ fields: HeadFields, trailers: HeadFields, isAwsChunked: Bool) {
        if let text = fields[.contentMD5] {
            add(StatedDigest(.md5, base64: text.trimmed, source: "content-md5"))
        }
        for (algorithm, field, _) in Self.algorithms {
            if let text = fields[field] ?? trailers[field] {
                add(StatedDigest(algorithm, base64: text.trimmed, source: field.rawValue))
            }
        }
        // `UNSIGNED-PAYLOAD` and `STREAMING-…` are no 64 digits; with aws-chunked the value is of something else.
        if !isAwsChunked, let text = fields[.amazonContentSHA256] {
            add(StatedDigest(.sha256, hexadecimal: text.trimmed, source: "x-amz-content-sha256"))
        }
    }

    /// The checksum fields of an answer, or of the request that completes an upload.
    mutating func addChecksums(_ fields: HeadFields, bare: BareScope, parts: Int? = nil) {
        let type = fields[.amazonChecksumType]
        for (algorithm, field, _) in Self.algorithms {
            if let text = fields[field] { addChecksum(algorithm, text, type, bare, parts, source: field.rawValue) }
        }
    }

    /// Those checksum fields of an answer that say by `-N` that they are of parts' checksums.
    mutating func addComposites(_ fields: HeadFields) {
        for (algorithm, field, _) in Self.algorithms {
            if let text = fields[field], text.contains("-") {
                addChecksum(algorithm, text, nil, .unknown, nil, source: field.rawValue)
            }
        }
    }

    /// The checksum elements of an XML answer.
    mutating func addChecksums(_ element: XMLDocument.Element, bare: BareScope, parts: Int? = nil) {
        let type = element.childText("ChecksumType")
        for (algorithm, field, tag) in Self.algorithms {
            if let text = element.childText(tag) {
                addChecksum(algorithm, text, type, bare, parts, source: field.rawValue)
            }
        }
    }

    /// The ETag's digest, unless encryption makes the ETag something else.
    mutating func addTag(_ tag: EntityTag?, isOpaque: Bool) {
        if !isOpaque { add(tag?.digest) }
    }

    /// A checksum with or without `-N`. CRC-64/NVME exists for whole objects only; for the others the type says whether
    /// the value without `-N` is of the whole, or of `parts` parts' checksums.
    private mutating func addChecksum(
        _ algorithm: DigestAlgorithm, _ text: String, _ type: String?, _ bare: BareScope, _ parts: Int?, source: String
    ) {
        let pieces = text.trimmed.split(separator: "-", omittingEmptySubsequences: false)
        let scope: DigestScope
        if pieces.count == 2, let count = Int(pieces[1]), count > 0 {
            scope = .composite(parts: count)
        } else if pieces.count != 1 {
            return
        } else if type == "COMPOSITE" {
            guard let parts else { return }
            scope = .composite(parts: parts)
        } else if type == "FULL_OBJECT" || bare == .whole || algorithm == .crc64nvme {
            scope = .whole
        } else {
            return
        }
        add(StatedDigest(algorithm, base64: pieces[0], scope: scope, source: source))
    }

    private mutating func add(_ digest: StatedDigest?) {
        guard let digest else { return }
        let isKnown = list.contains {
            $0.algorithm == digest.algorithm && $0.value == digest.value && $0.scope == digest.scope
                && $0.isAdvisory == digest.isAdvisory
        }
        if !isKnown { list.append(digest) }
    }
}
