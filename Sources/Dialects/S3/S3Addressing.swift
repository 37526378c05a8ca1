/// What requests and answers prove about how a host names buckets.
enum S3Addressing {
    /// What a signed request proves: bucket operations at the path `/`, and object operations at a path of one segment,
    /// are only possible where the host names the bucket; bucket operations at a path of one segment only where the
    /// path does. `GET /` alone lists buckets and proves nothing.
    static func proof(in request: RequestReading) -> AddressingStyle? {
        if request.rawPath.allSatisfy({ $0 == UInt8(ascii: "/") }) {
            // CreateBucket and DeleteBucket have no query of their own.
            let changesBucket = request.method == "PUT" || request.method == "DELETE"
            return asksBucket(request) || changesBucket ? .virtualHosted(bucket: nil) : nil
        }
        let segments = request.rawPath.split(separator: UInt8(ascii: "/"), maxSplits: 2)
        guard segments.count == 1 else { return nil }
        if asksBucket(request) { return .path }
        return asksObject(request) ? .virtualHosted(bucket: nil) : nil
    }

    /// True for requests that only make sense for a bucket.
    private static func asksBucket(_ request: RequestReading) -> Bool {
        switch request.method {
        case "GET":
            ["list-type", "location", "versioning", "versions", "uploads"].contains(where: request.asks)
        case "POST": request.asks("delete")
        default: false
        }
    }

    /// True for requests that only make sense for an object.
    private static func asksObject(_ request: RequestReading) -> Bool {
        if request.asks("uploadId") || request.method == "POST" && request.asks("uploads") { return true }
        guard request.method == "PUT" else { return false }
        return request.queryValue("x-id") == "PutObject" || request.fields.has(.amazonCopySource)
            || S3Dialect.usesAwsChunked(request)
    }

    /// What an answer proves that states the bucket: the style under which host and path say the same; nil when the
    /// present reading already does, or none does.
    static func proof(
        bucket: String, in record: ExchangeRecord, read location: S3Location, _ options: DialectOptions
    ) -> (style: AddressingStyle, location: S3Location)? {
        guard location.bucket != bucket, let authority = record.authority else { return nil }
        for style in [AddressingStyle.virtualHosted(bucket: bucket), .path] {
            let host = S3Host(authority, configured: options.s3Authorities, style: style)
            if let read = S3Location(host, rawPath: record.request.rawPath), read.bucket == bucket {
                return (style, read)
            }
        }
        return nil
    }
}
