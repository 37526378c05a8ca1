/// Fingerprints a batch of blocks by the fastest kernel of this machine: side by side where that pays, else with OpenSSL.
///
/// Keeps no state between batches: one instance serves any number of threads.
public struct BlockHasher: BlockHashing {
    /// The kernel in use.
    public let kernel: HashKernel
    private let lanesMin: Int
    private let openSSL: OpenSSLBlockHasher

    /// A hasher by ``HashPlan/current()``, or one that goes by `kernel` alone.
    public init(_ kernel: HashKernel? = nil) throws(BlocksError) {
        openSSL = try OpenSSLBlockHasher()
        guard let kernel else {
            let plan = try HashPlan.current()
            self.kernel = plan.sha256
            lanesMin = plan.sha256LanesMin
            return
        }
        guard kernel.isSupported else {
            throw .hashKernel(name: kernel.rawValue, supported: HashKernel.supported.map(\.rawValue))
        }
        self.kernel = kernel
        lanesMin = 1
    }

    /// See ``BlockHashing/hash(_:in:)``.
    public func hash(_ blocks: inout [BlockDescriptor], in pool: BlockPool) {
        guard kernel != .openSSL, blocks.count > 1 else { return openSSL.hash(&blocks, in: pool) }
        var lanes = DigestLanes(count: blocks.count, algorithm: .sha256, kernel: kernel, lanesMin: lanesMin)
        // The bytes outlive `run`: the batch holds the buffers, and nobody else writes to them.
        func add(_ index: Int) {
            unsafe lanes.add(
                UnsafeRawBufferPointer(start: pool.address(of: blocks[index].buffer), count: Int(blocks[index].length)),
                to: index, isLast: true)
        }
        let length = blocks[0].length
        if blocks.allSatisfy({ $0.length == length }) {
            for index in blocks.indices { add(index) }
        } else {
            // Long ones first: the lanes then end at about the same time.
            for index in blocks.indices.sorted(by: { blocks[$0].length > blocks[$1].length }) { add(index) }
        }
        lanes.run()
        for index in blocks.indices {
            let value = lanes.value(of: index)
            blocks[index].fingerprint = unsafe Fingerprint(bytes: value.span.bytes)
        }
    }

    /// One for whoever has no other, made at its first use: choosing the kernel takes some milliseconds.
    public static let shared: Result<BlockHasher, BlocksError> = Result { () throws(BlocksError) in try BlockHasher() }

    /// The fingerprints of blocks of these lengths that follow one another from the start of `bytes`.
    public func fingerprints(of bytes: RawSpan, lengths: [Int]) throws(BlocksError) -> [Fingerprint] {
        precondition(lengths.reduce(0, +) <= bytes.byteCount, "fewer bytes than the blocks have")
        var start = 0
        guard kernel != .openSSL, lengths.count > 1 else {
            return try lengths.map { length throws(BlocksError) in
                defer { start += length }
                return try openSSL.fingerprint(of: bytes.extracting(start..<start + length))
            }
        }
        var lanes = DigestLanes(count: lengths.count, algorithm: .sha256, kernel: kernel, lanesMin: lanesMin)
        unsafe bytes.withUnsafeBytes { bytes in
            for (message, length) in lengths.enumerated() {
                unsafe lanes.add(
                    UnsafeRawBufferPointer(rebasing: bytes[start..<start + length]), to: message, isLast: true)
                start += length
            }
            lanes.run()
        }
        return lengths.indices.map { message in
            let value = lanes.value(of: message)
            return unsafe Fingerprint(bytes: value.span.bytes)
        }
    }

    /// The fingerprint of one block's bytes.
    public func fingerprint(of bytes: RawSpan) throws(BlocksError) -> Fingerprint { try openSSL.fingerprint(of: bytes) }
}
