internal import Synchronization

/// A kind of request, in S3's words; file targets count their own steps under the same ones.
public enum RequestKind: String, Sendable, CaseIterable, Codable, CodingKeyRepresentable {
    case putObject = "PutObject"
    case createMultipartUpload = "CreateMultipartUpload"
    case uploadPart = "UploadPart"
    case completeMultipartUpload = "CompleteMultipartUpload"
    case abortMultipartUpload = "AbortMultipartUpload"
    case listParts = "ListParts"
    case listMultipartUploads = "ListMultipartUploads"
    case copyObject = "CopyObject"
    case uploadPartCopy = "UploadPartCopy"
    case headObject = "HeadObject"
    case getObject = "GetObject"
    case deleteObject = "DeleteObject"
    case headBucket = "HeadBucket"
    case getBucketLocation = "GetBucketLocation"
    case createBucket = "CreateBucket"
    case listObjects = "ListObjectsV2"

    /// True for requests that store bytes or objects.
    public var isWrite: Bool {
        switch self {
        case .putObject, .createMultipartUpload, .uploadPart, .completeMultipartUpload, .copyObject, .uploadPartCopy:
            true
        default: false
        }
    }
}

/// What was asked of a target. A value, for reports.
public struct RequestStatistics: Sendable, Equatable, Codable {
    /// Attempts by kind, retries included.
    public var requests: [RequestKind: UInt64] = [:]
    /// Attempts that were repetitions.
    public var retries: UInt64 = 0
    /// Answers that asked to slow down.
    public var throttled: UInt64 = 0
    /// Payload bytes handed to the network or the disk, repetitions included.
    public var bytesSent: UInt64 = 0
    /// Bytes read back for verification.
    public var bytesRead: UInt64 = 0

    private enum CodingKeys: String, CodingKey {
        case requests, retries, throttled
        case bytesSent = "bytes_sent"
        case bytesRead = "bytes_read"
    }

    /// Nothing asked.
    public init() {}

    /// What was asked since `earlier`, a snapshot of the same counters.
    package func since(_ earlier: RequestStatistics) -> RequestStatistics {
        var rest = self
        rest.requests = requests.reduce(into: [:]) { rest, pair in
            let count = pair.value - earlier.count(pair.key)
            if count > 0 { rest[pair.key] = count }
        }
        rest.retries -= earlier.retries
        rest.throttled -= earlier.throttled
        rest.bytesSent -= earlier.bytesSent
        rest.bytesRead -= earlier.bytesRead
        return rest
    }

    /// Attempts of one kind.
    public func count(_ kind: RequestKind) -> UInt64 { requests[kind, default: 0] }

    /// Attempts of the kinds that store something.
    public var writes: UInt64 { requests.reduce(0) { $0 + ($1.key.isWrite ? $1.value : 0) } }

    /// All attempts.
    public var total: UInt64 { requests.values.reduce(0, +) }
}

/// Counts what is asked of a target, from any thread.
public final class RequestCounters: Sendable {
    private let statistics = Mutex(RequestStatistics())

    /// All counters at zero.
    public init() {}

    /// The counters now.
    public var snapshot: RequestStatistics { statistics.withLock { $0 } }

    package func attempted(_ kind: RequestKind, isRetry: Bool = false) {
        statistics.withLock { statistics in
            statistics.requests[kind, default: 0] += 1
            if isRetry { statistics.retries += 1 }
        }
    }

    package func wasThrottled() { statistics.withLock { $0.throttled += 1 } }

    package func sent(_ bytes: Int) { statistics.withLock { $0.bytesSent += UInt64(bytes) } }

    package func wasRead(_ bytes: Int) { statistics.withLock { $0.bytesRead += UInt64(bytes) } }
}
