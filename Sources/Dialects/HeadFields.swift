internal import HTTPTypes

/// The fields that dialects ask for. What is not listed here is dropped when a head arrives, so it can neither cost
/// memory nor end up where it must not.
enum KnownField: String, CaseIterable {
    case cacheControl = "cache-control"
    case contentDigest = "content-digest"
    case contentDisposition = "content-disposition"
    case contentEncoding = "content-encoding"
    case contentLanguage = "content-language"
    case contentLength = "content-length"
    case contentMD5 = "content-md5"
    case contentRange = "content-range"
    case contentType = "content-type"
    case destination
    case digest
    case etag
    case expires
    case lastModified = "last-modified"
    case reprDigest = "repr-digest"
    case server
    case vary

    case amazonACL = "x-amz-acl"
    case amazonChecksumCRC32 = "x-amz-checksum-crc32"
    case amazonChecksumCRC32C = "x-amz-checksum-crc32c"
    case amazonChecksumCRC64NVME = "x-amz-checksum-crc64nvme"
    case amazonChecksumSHA1 = "x-amz-checksum-sha1"
    case amazonChecksumSHA256 = "x-amz-checksum-sha256"
    case amazonChecksumType = "x-amz-checksum-type"
    case amazonContentSHA256 = "x-amz-content-sha256"
    case amazonCopySource = "x-amz-copy-source"
    case amazonCopySourceRange = "x-amz-copy-source-range"
    case amazonCustomerAlgorithm = "x-amz-server-side-encryption-customer-algorithm"
    case amazonDecodedContentLength = "x-amz-decoded-content-length"
    case amazonDeleteMarker = "x-amz-delete-marker"
    case amazonEncryption = "x-amz-server-side-encryption"
    case amazonID2 = "x-amz-id-2"
    case amazonMetadataDirective = "x-amz-metadata-directive"
    case amazonRequestID = "x-amz-request-id"
    case amazonStorageClass = "x-amz-storage-class"
    case amazonTagging = "x-amz-tagging"
    case amazonTarget = "x-amz-target"
    case amazonVersionID = "x-amz-version-id"
    case amazonWebsiteRedirect = "x-amz-website-redirect-location"
    case amazonWriteOffset = "x-amz-write-offset-bytes"

    /// The field of a name in lower case.
    static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })
}

/// A head's fields as dialects ask for them, read once in one pass.
struct HeadFields {
    /// Families of fields that tell whose head it is.
    struct Families: OptionSet {
        let rawValue: UInt8
        /// `x-amz-…`, less CloudFront's.
        static let amazon = Families(rawValue: 1)
        /// `x-amz-cf-…`: CloudFront marks its requests to any origin, and its answers.
        static let cloudFront = Families(rawValue: 2)
        /// `x-ms-…`.
        static let azure = Families(rawValue: 4)
        /// `x-goog-…`.
        static let google = Families(rawValue: 8)
        /// `x-auth-user`, `x-storage-user`.
        static let swift = Families(rawValue: 16)
    }

    /// The known fields in order, fields of one name joined by a comma (RFC 9110 §5.3).
    private(set) var known: [(field: KnownField, value: String)] = []
    /// User metadata of S3, names without `x-amz-meta-`, fields of one name joined by a comma, as S3 does.
    private(set) var userMetadata: [String: String] = [:]
    /// Whose fields are there.
    private(set) var families: Families = []

    /// No fields.
    init() {}

    /// The known ones of these fields.
    init(_ fields: HTTPFields) {
        known.reserveCapacity(fields.count)
        for field in fields { append(field.name.canonicalName, field.value) }
    }

    /// Adds a field, its name in lower case, if it is known.
    mutating func append(_ name: String, _ value: String) {
        if let field = KnownField.byName[name] {
            if let place = known.firstIndex(where: { $0.field == field }) {
                known[place].value += ", " + value
            } else {
                known.append((field, value))
            }
        }
        guard name.utf8.count > 5, name.hasPrefix("x-") else { return }
        if name.hasPrefix("x-amz-cf-") {
            families.insert(.cloudFront)
        } else if name.hasPrefix("x-amz-") {
            families.insert(.amazon)
            guard name.hasPrefix("x-amz-meta-") else { return }
            let key = String(name.dropFirst("x-amz-meta-".utf8.count))
            userMetadata[key] = userMetadata[key].map { "\($0),\(value)" } ?? value
        } else if name.hasPrefix("x-ms-") {
            families.insert(.azure)
        } else if name.hasPrefix("x-goog-") {
            families.insert(.google)
        } else if name == "x-auth-user" || name == "x-storage-user" {
            families.insert(.swift)
        }
    }

    /// The value of a field; nil when it is not there.
    subscript(field: KnownField) -> String? {
        for entry in known where entry.field == field { return entry.value }
        return nil
    }

    /// True when the field is there.
    func has(_ field: KnownField) -> Bool { known.contains { $0.field == field } }

    /// `Content-Length` as a number (RFC 9110 §8.6); nil when absent, not a number, or contradictory.
    var contentLength: UInt64? {
        guard let text = self[.contentLength] else { return nil }
        if let length = UInt64(text) { return length }
        var length: UInt64?
        for item in text.split(separator: ",") {
            guard let number = UInt64(item.trimmed), length == nil || length == number else { return nil }
            length = number
        }
        return length
    }
}
