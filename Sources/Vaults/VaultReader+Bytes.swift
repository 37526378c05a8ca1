internal import Blocks
public import Catalog
internal import Objects

// The bytes of a version. Blocks are read and proven a run at a time, so that their fingerprints are computed side by side.

extension VaultReader {
    /// Calls `visit` with the bytes of `range` in order, each checked. Throws `VaultError` when a byte is not held or a
    /// block is missing or damaged, and whatever `visit` throws; bytes before that were good.
    public func visitBytes(
        of version: VersionRecord, in range: Range<UInt64>, _ visit: (RawSpan) throws -> Void
    ) throws {
        var runs = PieceRuns(of: version, in: range)
        var room: [UInt8] = []
        while let run = try runs.next(self) {
            let count = Int(run.byteCount)
            if run.pieces.count > 1 {
                if room.count < count { room = [UInt8](repeating: 0, count: count) }
                var span = room.mutableSpan
                var bytes = unsafe span.mutableBytes
                if blocks.read(run.pieces, into: &bytes) {
                    var start = 0
                    for piece in run.pieces {
                        try visit(bytes.bytes.extracting(start..<start + Int(piece.length)))
                        start += Int(piece.length)
                    }
                    continue
                }
            }
            for piece in run.pieces { try blocks.withBlock(piece, object: version.name.url, visit) }
        }
    }

    /// Fills the start of `room` with the bytes of `range`, each checked. Throws as ``visitBytes(of:in:_:)``; `room` then
    /// holds rubbish.
    public func read(
        _ version: VersionRecord, in range: Range<UInt64>, into room: inout MutableRawSpan
    ) throws {
        precondition(room.byteCount >= range.count, "less room than bytes are asked for")
        var runs = PieceRuns(of: version, in: range)
        while let run = try runs.next(self) {
            let start = Int(run.offset - range.lowerBound)
            var part = room._mutatingExtracting(start..<start + Int(run.byteCount))
            if run.pieces.count > 1, blocks.read(run.pieces, into: &part) { continue }
            for piece in run.pieces {
                let block = try blocks.bytes(of: piece, object: version.name.url)
                let first = Int(piece.offset - run.offset)
                unsafe part.withUnsafeMutableBytes { part in
                    unsafe block.withUnsafeBytes { block in
                        unsafe UnsafeMutableRawBufferPointer(rebasing: part[first...]).copyMemory(
                            from: UnsafeRawBufferPointer(rebasing: block[Int(piece.skip)...].prefix(Int(piece.length))))
                    }
                }
            }
        }
    }
}

/// A version's bytes as runs of pieces that follow one another and are read together.
private struct PieceRuns {
    /// Some pieces.
    struct Run {
        var pieces: ArraySlice<ManifestPiece>
        var byteCount: UInt64
        /// Offset of the first byte within the object.
        var offset: UInt64
    }

    private let version: VersionRecord
    private var position: UInt64
    private let end: UInt64
    private var rest: ArraySlice<ManifestPiece> = []

    init(of version: VersionRecord, in range: Range<UInt64>) {
        self.version = version
        position = range.lowerBound
        end = range.upperBound
    }

    /// The next run, nil at the end. Throws when the next byte is not held.
    mutating func next(_ reader: VaultReader) throws(VaultError) -> Run? {
        guard position < end else { return nil }
        if rest.isEmpty {
            rest = try reader.pieces(of: version, in: position..<min(end, position + Self.windowBytes))[...]
        }
        let start = position
        var count = 0
        for piece in rest {
            guard piece.offset == position, count == 0 || piece.end - start <= Self.runBytes else { break }
            count += 1
            position = piece.end
        }
        guard count > 0 else { throw .notHeld(object: version.name.url, offset: position) }
        let pieces = rest.prefix(count)
        rest = rest.dropFirst(count)
        return Run(pieces: pieces, byteCount: position - start, offset: start)
    }

    /// How much of a manifest is read at a time.
    private static let windowBytes: UInt64 = 64 << 20
    /// Most bytes of a run: 16 blocks of the usual size, which fill the lanes of the widest kernel, and stay in cache.
    private static let runBytes: UInt64 = 1 << 20
}
