internal import CDigests

/// Running digests of several messages that advance side by side: what ``BlockHasher`` and ``ParallelDigests`` share.
///
/// Bytes are added as addresses, and read by ``run()``.
@safe
struct DigestLanes: ~Copyable {
    /// The digests that have kernels.
    enum Algorithm: Sendable {
        case sha256, md5
    }

    private let algorithm: oxbow_digest_algorithm
    private let kernel: oxbow_digest_kernel
    private let lanesMin: Int
    private let digests: UnsafeMutableBufferPointer<oxbow_running_digest>
    private let pieces: UnsafeMutableBufferPointer<oxbow_digest_piece>
    private var staged = 0

    /// `count` messages, each at its beginning, and room for so many pieces of them, by default one of each.
    init(count: Int, pieces piecesMax: Int? = nil, algorithm: Algorithm, kernel: HashKernel, lanesMin: Int) {
        self.algorithm = algorithm == .md5 ? oxbow_md5 : oxbow_sha256
        self.kernel = kernel.lanes
        self.lanesMin = lanesMin
        unsafe digests = .allocate(capacity: count)
        unsafe pieces = .allocate(capacity: piecesMax ?? count)
        unsafe digests.initialize(repeating: oxbow_running_digest())
        unsafe pieces.initialize(repeating: oxbow_digest_piece())
        for message in 0..<count { begin(message) }
    }

    // Both element types are plain C structures: nothing to deinitialise.
    deinit {
        unsafe digests.deallocate()
        unsafe pieces.deallocate()
    }

    /// Starts a message anew.
    mutating func begin(_ message: Int) {
        unsafe oxbow_digest_begin(algorithm, &digests[message])
    }

    /// Goes on with a message that was advanced elsewhere.
    mutating func resume(_ message: Int, from digest: oxbow_running_digest) { unsafe digests[message] = digest }

    /// How far a message is, to go on elsewhere.
    func state(of message: Int) -> oxbow_running_digest { unsafe digests[message] }

    /// Adds the next bytes of a message, or its end. Several pieces of a message are added directly one after the other.
    /// The bytes stay where they are until ``run()``.
    @unsafe
    mutating func add(_ bytes: UnsafeRawBufferPointer, to message: Int, isLast: Bool) {
        precondition(unsafe staged < pieces.count, "more pieces than there is room for")
        guard let digest = unsafe digests.baseAddress else { return }
        unsafe pieces[staged] = unsafe oxbow_digest_piece(
            digest: digest + message, bytes: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
            count: bytes.count, is_last: isLast)
        staged += 1
    }

    /// Reads what was added.
    mutating func run() {
        unsafe oxbow_digest_update(kernel, algorithm, pieces.baseAddress, staged, lanesMin)
        staged = 0
    }

    /// The digest of a message that has ended, at the start of what is returned.
    func value(of message: Int) -> [32 of UInt8] {
        var value = [32 of UInt8](repeating: 0)
        var span = value.mutableSpan
        // 32 bytes are the longest digest there is here.
        unsafe span.withUnsafeMutableBufferPointer { room in
            unsafe oxbow_digest_value(algorithm, &digests[message], room.baseAddress)
        }
        return value
    }
}
