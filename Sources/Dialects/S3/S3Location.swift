internal import Objects

/// The place in S3 that a request talks about: the service, a bucket, or an object.
struct S3Location: Hashable {
    /// Host of the service, without the bucket's label.
    let endpoint: String
    /// The bucket; nil for the service itself.
    let bucket: String?
    /// The key; nil for a bucket.
    let key: ObjectKey?
    /// How the bucket was named.
    let style: AddressingStyle

    /// The object's name; nil unless the place is an object.
    var name: ObjectName? { key.flatMap(name(of:)) }

    /// The name of another key of the same bucket; nil for the service itself.
    func name(of key: ObjectKey) -> ObjectName? {
        bucket.map { ObjectName(cloud: .s3, endpoint: endpoint, bucket: $0, key: key) }
    }

    /// The place that host and path name; nil when the bucket is no text that a name could carry.
    ///
    /// The path is decoded exactly once and not normalised: `..`, `//` and `.` are parts of keys, and a plus is a plus
    /// ("Creating object key names", S3 User Guide).
    init?(_ host: S3Host, rawPath: [UInt8]) {
        let slash = UInt8(ascii: "/")
        let path = rawPath.first == slash ? rawPath.dropFirst() : rawPath[...]
        let rawKey: ArraySlice<UInt8>
        switch host {
        case .foreign: return nil
        case .bucket(let bucket, let endpoint):
            self.endpoint = endpoint
            self.bucket = bucket
            style = .virtualHosted(bucket: bucket)
            rawKey = path
        case .service(let endpoint):
            self.endpoint = endpoint
            style = .path
            let end = path.firstIndex(of: slash) ?? path.endIndex
            guard end > path.startIndex else {
                bucket = nil
                key = nil
                // `//…`: an empty bucket with a key behind it names nothing.
                if path.isEmpty { return }
                return nil
            }
            guard let text = Self.bucketName(path[..<end]) else { return nil }
            bucket = text
            rawKey = path[end...].dropFirst()
        }
        key = rawKey.isEmpty ? nil : ObjectKey(bytes: Self.decoded(rawKey))
    }

    /// The bytes decoded; most have nothing to decode, and a look costs less than the decoder.
    private static func decoded(_ raw: ArraySlice<UInt8>) -> [UInt8] {
        raw.contains(UInt8(ascii: "%")) ? PercentEncoding.decode(raw) : Array(raw)
    }

    /// A bucket of its percent-encoded bytes: text without slashes and control characters, which no S3 allows and which
    /// would make two buckets' names look alike.
    static func bucketName(_ raw: ArraySlice<UInt8>) -> String? {
        let bytes = decoded(raw)
        guard !bytes.isEmpty, bytes.count <= 255, bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != 0x2F }) else {
            return nil
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
