/// The one table of what must not leave the parser: header fields and query items that carry credentials, tokens,
/// signatures or customer keys.
///
/// A name that is listed here is dropped whole, in requests, responses and trailers alike. Fields that carry a URL keep
/// their value without user information and without the secret items of its query.
enum SecretFields {
    /// What the parser does with a field of some name.
    enum Treatment: UInt8 {
        /// Kept as it is.
        case keep
        /// Kept, and read for framing: `Content-Length`.
        case contentLength
        /// Kept, and read for framing: `Transfer-Encoding`.
        case transferEncoding
        /// Kept, and read for the authority: `Host`.
        case host
        /// Kept, and read: `Expect`.
        case expect
        /// Dropped; its scheme is remembered.
        case authorization
        /// Dropped; remembered as ``CredentialScheme/swiftToken``.
        case swiftToken
        /// Dropped; remembered as ``CredentialScheme/other`` when nothing better is known.
        case cookie
        /// Dropped.
        case drop
        /// Dropped; remembered as a customer key.
        case customerKey
        /// Kept after its URL was stripped of secrets.
        case url
    }

    /// How to treat the field of this name, given in lower case.
    static func treatment(of name: String) -> Treatment {
        if let listed = fields[name] { return listed }
        for prefix in customerKeyPrefixes where name.hasPrefix(prefix) { return .customerKey }
        for prefix in dropPrefixes where name.hasPrefix(prefix) { return .drop }
        return .keep
    }

    private static let fields: [String: Treatment] = [
        "content-length": .contentLength,
        "transfer-encoding": .transferEncoding,
        "host": .host,
        "expect": .expect,
        "authorization": .authorization,
        "proxy-authorization": .drop,
        "cookie": .cookie,
        "cookie2": .cookie,
        "set-cookie": .drop,
        "set-cookie2": .drop,
        "x-auth-token": .swiftToken,
        "x-storage-token": .swiftToken,
        "x-service-token": .drop,
        "x-subject-token": .drop,
        "x-auth-key": .drop,
        "x-storage-pass": .drop,
        "x-container-sync-key": .drop,
        "x-amz-security-token": .drop,
        "x-amz-s3session-token": .drop,
        "x-goog-iam-authorization-token": .drop,
        "x-ms-copy-source-authorization": .drop,
        "x-api-key": .drop,
        "x-goog-api-key": .drop,
        "x-csrf-token": .drop,
        "referer": .url,
        "location": .url,
        "content-location": .url,
        "destination": .url,
        "link": .url,
        "x-amz-copy-source": .url,
        "x-goog-copy-source": .url,
        "x-ms-copy-source": .url,
        "x-ms-rename-source": .url,
        "x-ms-source-url": .url,
        "x-copy-from": .url,
        "x-original-url": .url,
        "x-rewrite-url": .url,
        "x-forwarded-uri": .url,
    ]

    /// SSE-C of S3, its copy-source variants, GCS and Azure; algorithm fields are secret-free but of no use either.
    private static let customerKeyPrefixes = [
        "x-amz-server-side-encryption-customer-", "x-amz-copy-source-server-side-encryption-customer-",
        "x-goog-encryption-", "x-goog-copy-source-encryption-", "x-ms-encryption-key", "x-ms-source-encryption-key",
    ]

    /// Keys of Swift's temporary URLs, set as metadata of an account or container.
    private static let dropPrefixes = ["x-account-meta-temp-url-key", "x-container-meta-temp-url-key"]

    // MARK: Query items

    /// What the names of a query's items say together.
    struct QueryEvidence {
        /// The scheme whose signature or token was there.
        var credentials: CredentialScheme?
        fileprivate var hasSAS = false
        fileprivate var hasLegacySignature = false

        /// Takes the name of one item, decoded and in lower case.
        mutating func note(_ name: String) {
            switch name {
            case "sig":
                hasSAS = true
                credentials = .azureSharedKey
            case "x-amz-signature": credentials = .awsSignatureV4
            case "signature": hasLegacySignature = true
            case "awsaccesskeyid": credentials = credentials ?? .awsSignatureV2
            case "token", "access_token": credentials = credentials ?? .bearer
            case "x-goog-signature", "googleaccessid", "temp_url_sig": credentials = credentials ?? .other
            default: break
            }
        }
    }

    /// True when the item of this name, decoded and in lower case, must be dropped from a query with that evidence.
    static func isSecret(item name: String, in evidence: QueryEvidence) -> Bool {
        if items.contains(name) || itemPrefixes.contains(where: { name.hasPrefix($0) }) { return true }
        if evidence.hasSAS && sharedAccessItems.contains(name) { return true }
        return evidence.hasLegacySignature && name == "expires"
    }

    private static let itemPrefixes = ["x-amz-server-side-encryption-customer-", "x-goog-encryption-"]

    private static let items: Set<String> = [
        "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-security-token",
        "x-amz-signature", "x-amz-signedheaders", "x-amz-s3session-token", "awsaccesskeyid", "signature",
        "x-goog-algorithm", "x-goog-credential", "x-goog-date", "x-goog-expires", "x-goog-signature",
        "x-goog-signedheaders", "googleaccessid", "sig", "temp_url_sig", "temp_url_expires", "token", "access_token",
        "refresh_token", "id_token", "client_secret", "password", "x-auth-token", "authorization",
    ]

    /// The items of an Azure shared access signature (Create an account, service or user delegation SAS).
    private static let sharedAccessItems: Set<String> = [
        "se", "sp", "sv", "sr", "st", "ss", "srt", "spr", "sip", "si", "skoid", "sktid", "skt", "ske", "sks", "skv",
        "ses", "saoid", "suoid", "scid", "sdd", "sduoid", "skdutid",
    ]
}
