internal import Objects

extension ObjectMetadata {
    /// What S3 keeps beside an object's bytes, from a request that stores them or an answer that serves them
    /// ("Working with object metadata", S3 User Guide).
    ///
    /// `overridden` are fields that the request made up for this answer (`response-content-type`, ...): not the
    /// object's. `withoutAwsChunked` takes a transfer framing out of the stored content coding.
    init(s3 fields: HeadFields, overridden: Set<String> = [], withoutAwsChunked: Bool = false) {
        self.init()
        user = fields.userMetadata
        for (field, value) in fields.known {
            switch field {
            case .contentType, .contentDisposition, .contentLanguage, .cacheControl, .expires:
                if !overridden.contains(field.rawValue) { headers[field.rawValue] = value }
            case .contentEncoding:
                if overridden.contains(field.rawValue) { continue }
                let coding = withoutAwsChunked ? Self.codings(value, without: "aws-chunked") : value
                if !coding.isEmpty { headers[field.rawValue] = coding }
            case .amazonWebsiteRedirect: headers[field.rawValue] = value
            case .amazonTagging: tags = Self.tags(queryForm: value)
            case .amazonACL: acl = value
            case .amazonStorageClass: storageClass = value
            case .lastModified: lastModified = Timestamp.seconds(httpDate: value)
            default: continue
            }
        }
    }

    /// A list of content codings without one of them.
    private static func codings(_ list: String, without removed: String) -> String {
        list.split(separator: ",").map(\.trimmed).filter { $0.lowercased() != removed }.joined(separator: ",")
    }

    /// Tags in the form of a query string, as `x-amz-tagging` carries them.
    private static func tags(queryForm text: String) -> [String: String] {
        var tags: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = halves.map {
                String(decoding: PercentEncoding.decode($0.utf8, plusIsSpace: true), as: UTF8.self)
            }
            tags[decoded[0]] = decoded.count == 2 ? decoded[1] : ""
        }
        return tags
    }
}
