public import Objects

/// Running digests of several messages that advance side by side, by the fastest kernel of this machine.
///
/// Bytes are taken from pool buffers, one run of each message at a time; the more messages take part in a run, the
/// cheaper is each. Owned by one thread.
public struct ParallelDigests: ~Copyable {
    private var lanes: DigestLanes
    private let byteCount: Int

    /// How many messages fill the lanes of the widest kernel.
    public static let messagesMax = 16

    /// True for the digests that have kernels: MD5 and SHA-256.
    public static func supports(_ algorithm: DigestAlgorithm) -> Bool { algorithm == .md5 || algorithm == .sha256 }

    /// `count` messages, each at its beginning. `algorithm` is one that ``supports(_:)`` says yes to.
    public init(_ algorithm: DigestAlgorithm, count: Int) throws(BlocksError) {
        precondition(Self.supports(algorithm), "no kernel for \(algorithm)")
        let plan = try HashPlan.current()
        byteCount = algorithm.byteCount
        lanes =
            algorithm == .md5
            ? DigestLanes(count: count, algorithm: .md5, kernel: plan.md5, lanesMin: plan.md5LanesMin)
            : DigestLanes(count: count, algorithm: .sha256, kernel: plan.sha256, lanesMin: plan.sha256LanesMin)
    }

    /// Starts a message anew.
    public mutating func begin(_ message: Int) { lanes.begin(message) }

    /// Adds the bytes of `range` of a buffer that the caller holds, until ``run()``, as the next of a message; at most
    /// once for each message and run.
    public mutating func add(
        _ range: Range<Int>, of buffer: BlockBuffer, in pool: BlockPool, to message: Int, isLast: Bool
    ) {
        precondition(range.lowerBound >= 0 && range.upperBound <= pool.blockSize.bytes, "more bytes than a block has")
        unsafe lanes.add(
            UnsafeRawBufferPointer(start: pool.address(of: buffer) + range.lowerBound, count: range.count),
            to: message, isLast: isLast)
    }

    /// Reads what was added.
    public mutating func run() { lanes.run() }

    /// The digest of a message whose last bytes were read.
    public func value(of message: Int) -> [UInt8] {
        let value = lanes.value(of: message)
        return (0..<byteCount).map { value[$0] }
    }
}
