public import NIOCore
public import S3

/// The bytes of one request, with their digests known before the first is sent.
///
/// Small payloads are held in memory, read from the source once. Large ones are read twice, once for the digests and
/// once to be sent, so that memory does not grow with the size of parts. Iterating again reads again: a retry costs no
/// state.
public struct Payload: Sendable, RequestBody {
    enum Bytes: Sendable {
        case held([ByteBuffer])
        case read(any ContentReader, Range<UInt64>)
    }

    /// Length in bytes.
    public let length: UInt64
    /// Digests of exactly these bytes.
    public let digests: PayloadDigests
    let bytes: Bytes
    let pace: PayloadPace

    /// A payload of bytes in memory.
    public init(_ bytes: [UInt8], pace: PayloadPace = PayloadPace()) {
        self.length = UInt64(bytes.count)
        self.digests = PayloadDigests(of: bytes)
        self.bytes = .held(bytes.isEmpty ? [] : [ByteBuffer(bytes: bytes)])
        self.pace = pace
    }

    private init(length: UInt64, digests: PayloadDigests, bytes: Bytes, pace: PayloadPace) {
        self.length = length
        self.digests = digests
        self.bytes = bytes
        self.pace = pace
    }

    /// Reads `range` for its digests; keeps the bytes in memory when there are at most `heldBytesMax`.
    static func prepare(
        _ reader: any ContentReader, _ range: Range<UInt64>, heldBytesMax: UInt64, pace: PayloadPace
    ) async throws -> Payload {
        let length = range.upperBound - range.lowerBound
        let holds = length <= heldBytesMax
        var digester = PayloadDigester(length, pace.combiner)
        var held: [ByteBuffer] = []
        var buffer = pace.pool.take(Int(Swift.min(length, ChunkRanges.bytes)))
        for chunk in ChunkRanges(range) {
            if holds, !held.isEmpty { buffer = pace.pool.take(chunk.count) } else { buffer.clear() }
            try await reader.read(chunk, into: &buffer)
            try Self.check(buffer, chunk)
            await digester.update(buffer, isLast: chunk.upperBound == range.upperBound)
            if holds { held.append(buffer) }
            try Task.checkCancellation()
        }
        if !holds { pace.pool.give([buffer]) }
        return Payload(
            length: length, digests: digester.finish(), bytes: holds ? .held(held) : .read(reader, range), pace: pace)
    }

    /// The bytes of a small payload that no pace holds back.
    package func whole() -> ByteBuffer? {
        guard case .held(let buffers) = bytes, buffers.count <= 1, pace.limit == nil else { return nil }
        pace.counters?.sent(Int(length))
        return buffers.first ?? ByteBuffer()
    }

    /// Gives the memory back; the payload is not used afterwards.
    func release() { if case .held(let buffers) = bytes { pace.pool.give(buffers) } }

    /// The memory that ``prepare(_:_:heldBytesMax:pace:)`` and sending need at once.
    static func memoryNeed(_ length: UInt64, heldBytesMax: UInt64) -> Int {
        Int(Swift.min(length, length <= heldBytesMax ? heldBytesMax : 2 * ChunkRanges.bytes))
    }

    fileprivate static func check(_ buffer: ByteBuffer, _ chunk: Range<UInt64>) throws {
        guard buffer.readableBytes == Int(chunk.count) else {
            throw ReplicationError.source(
                reason: "reading bytes \(chunk) gave \(buffer.readableBytes) bytes; the reader breaks its contract")
        }
    }

    /// Iterates from the first byte.
    public func makeAsyncIterator() -> Iterator { Iterator(self) }

    /// Hands the bytes out in slices, at the pace that the bandwidth limit allows.
    public struct Iterator: AsyncIteratorProtocol {
        private let payload: Payload
        private var chunks: ChunkRanges.Iterator
        private var heldIndex = 0
        private var current = ByteBuffer()

        fileprivate init(_ payload: Payload) {
            self.payload = payload
            if case .read(_, let range) = payload.bytes {
                chunks = ChunkRanges(range).makeIterator()
            } else {
                chunks = ChunkRanges(0..<0).makeIterator()
            }
        }

        /// The next slice, nil at the end.
        public mutating func next() async throws -> ByteBuffer? {
            if current.readableBytes == 0 {
                do {
                    guard try await refill() else { return nil }
                } catch {
                    throw RequestBodyFailure(cause: error)
                }
            }
            let sliceBytes = Swift.min(current.readableBytes, payload.pace.sliceBytes)
            guard let slice = current.readSlice(length: sliceBytes) else { return nil }
            try await payload.pace.pass(sliceBytes)
            return slice
        }

        private mutating func refill() async throws -> Bool {
            switch payload.bytes {
            case .held(let buffers):
                guard heldIndex < buffers.count else { return false }
                current = buffers[heldIndex]
                heldIndex += 1
            case .read(let reader, _):
                guard let chunk = chunks.next() else { return false }
                // The HTTP client iterates on the cooperative pool, where the source's reads must not block.
                current = try await payload.pace.onWorkers {
                    var buffer = ByteBufferAllocator().buffer(capacity: chunk.count)
                    try await reader.read(chunk, into: &buffer)
                    try Payload.check(buffer, chunk)
                    return buffer
                }
            }
            return true
        }
    }
}

/// What a payload passes through on its way out: the bandwidth limit, the byte counter and the threads that read.
public struct PayloadPace: Sendable {
    let limit: BandwidthLimit?
    let counters: RequestCounters?
    let threads: WorkerThreads?
    let pool: ChunkPool
    let combiner: DigestCombiner?

    /// No limit, no counter.
    public init() { self.init(limit: nil, counters: nil, threads: nil, pool: ChunkPool(bytesMax: 0)) }

    init(
        limit: BandwidthLimit?, counters: RequestCounters?, threads: WorkerThreads?, pool: ChunkPool,
        combiner: DigestCombiner? = nil
    ) {
        self.limit = limit
        self.counters = counters
        self.threads = threads
        self.pool = pool
        self.combiner = combiner
    }

    /// Slices are small under a limit, so that the rate is even, and large without one, so that hand-over is rare.
    /// A thirty-second part of a second's bytes, so that a slow limit does not look like a stalled connection.
    var sliceBytes: Int {
        guard let limit else { return 256 << 10 }
        return Int(min(64 << 10, max(512, limit.bytesPerSecond / 32)))
    }

    func pass(_ bytes: Int) async throws {
        try await limit?.take(bytes)
        counters?.sent(bytes)
    }

    func onWorkers<Value: Sendable>(_ read: @Sendable () async throws -> Value) async throws -> Value {
        guard let threads else { return try await read() }
        return try await withTaskExecutorPreference(threads) { try await read() }
    }
}

/// Cuts a range into chunks that end on multiples of the chunk size, so that reads meet whole blocks of the vault.
struct ChunkRanges: Sequence {
    static let bytes: UInt64 = 1 << 20

    private let range: Range<UInt64>

    init(_ range: Range<UInt64>) { self.range = range }

    func makeIterator() -> Iterator { Iterator(rest: range) }

    struct Iterator: IteratorProtocol {
        fileprivate var rest: Range<UInt64>

        mutating func next() -> Range<UInt64>? {
            guard !rest.isEmpty else { return nil }
            let end = Swift.min(rest.upperBound, (rest.lowerBound / bytes + 1) * bytes)
            defer { rest = end..<rest.upperBound }
            return rest.lowerBound..<end
        }
    }
}
