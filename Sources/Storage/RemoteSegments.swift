/// The segments of a vault that are on a medium, read by ranges.
///
/// What is read comes in chunks that stay in memory for a while, so that the records and blocks that lie beside one another
/// cost one request: blocks of an object mostly do.
public final class RemoteSegments: Sendable {
    /// Bytes that are asked for at once at least.
    static let chunkBytes: UInt64 = 1 << 20
    /// Chunks that are asked for at once when reading goes on where it was.
    static let readAhead: UInt64 = 4

    private struct Key: Hashable {
        var segment: UInt64
        var chunk: UInt64
    }

    private struct State {
        var medium: MeteredMedium?
        var chunks: [Key: (bytes: [UInt8], lastUse: UInt64)] = [:]
        var bytes = 0
        var uses: UInt64 = 0
    }

    private let state = Guarded(State())
    private let open: @Sendable () throws(StorageError) -> any SegmentMedium
    private let cacheBytesMax: Int

    /// Segments on the medium that `open` opens, when it is needed for the first time. `cacheBytesMax`: what stays in
    /// memory of what was read.
    public init(
        cacheBytesMax: Int = 64 << 20, open: @escaping @Sendable () throws(StorageError) -> any SegmentMedium
    ) {
        self.open = open
        self.cacheBytesMax = cacheBytesMax
    }

    /// The medium.
    public func medium() throws(StorageError) -> any SegmentMedium {
        if let medium = state.withLock({ $0.medium }) { return medium }
        let opened = MeteredMedium(try open())
        return state.withLock { state in
            let medium = state.medium ?? opened
            state.medium = medium
            return medium
        }
    }

    /// What was asked of the medium so far.
    public var calls: MeteredMedium.Counts { state.withLock { $0.medium?.counts ?? MeteredMedium.Counts() } }

    /// `count` bytes of a segment of `size` bytes from `offset` on; fewer only at its end.
    func read(_ segment: UInt64, size: UInt64, at offset: UInt64, count: Int) throws(StorageError) -> [UInt8] {
        guard offset < size, count > 0 else { return [] }
        let end = min(size, offset + UInt64(count))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(end - offset))
        var position = offset
        while position < end {
            let number = position / Self.chunkBytes
            let chunk = try chunk(number, of: segment, size: size, wantedTo: end)
            let start = Int(position - number * Self.chunkBytes)
            let stop = min(chunk.count, Int(end - number * Self.chunkBytes))
            bytes += chunk[start..<stop]
            position = number * Self.chunkBytes + UInt64(stop)
        }
        return bytes
    }

    private func chunk(_ number: UInt64, of segment: UInt64, size: UInt64, wantedTo end: UInt64) throws(StorageError)
        -> [UInt8]
    {
        let key = Key(segment: segment, chunk: number)
        let (known, goesOn) = state.withLock { state -> ([UInt8]?, Bool) in
            state.uses += 1
            state.chunks[key]?.lastUse = state.uses
            let goesOn = number > 0 && state.chunks[Key(segment: segment, chunk: number - 1)] != nil
            return (state.chunks[key]?.bytes, goesOn)
        }
        if let known { return known }
        let wanted = (end + Self.chunkBytes - 1) / Self.chunkBytes - number
        let count = max(wanted, goesOn ? Self.readAhead : 1)
        let range = number * Self.chunkBytes..<min(size, (number + count) * Self.chunkBytes)
        let name = SegmentNumber(segment).objectName
        let medium = try medium()
        let read = try medium.read(name, range)
        guard read.count == range.count, let first = keep(read, of: key) else {
            throw .medium(
                operation: "read", place: "\(medium.place)/\(name)",
                reason: "\(read.count) bytes came for a range of \(range.count)", isPassing: true)
        }
        return first
    }

    /// Keeps chunks that begin with `key`; the first of them.
    private func keep(_ read: [UInt8], of key: Key) -> [UInt8]? {
        var pieces: [[UInt8]] = []
        var start = 0
        while start < read.count {
            let end = min(read.count, start + Int(Self.chunkBytes))
            pieces.append(Array(read[start..<end]))
            start = end
        }
        let chunks = pieces
        state.withLock { state in
            for (index, piece) in chunks.enumerated() {
                let key = Key(segment: key.segment, chunk: key.chunk + UInt64(index))
                state.uses += 1
                if let old = state.chunks.updateValue((piece, state.uses), forKey: key) {
                    state.bytes -= old.bytes.count
                }
                state.bytes += piece.count
            }
            while state.bytes > cacheBytesMax, state.chunks.count > 1,
                let oldest = state.chunks.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                state.bytes -= oldest.value.bytes.count
                state.chunks[oldest.key] = nil
            }
        }
        return chunks.first
    }
}

/// One segment on a medium.
struct RemoteSegment: Sendable {
    var segments: RemoteSegments
    var number: UInt64
    var size: UInt64
    /// For messages.
    var path: String
}
