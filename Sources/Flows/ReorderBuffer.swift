/// The pieces of all half-connections: a slab of nodes that form one treap per half-connection, ordered by offset.
///
/// A treap keeps insertion logarithmic whatever order a hostile sender chooses; a sorted list would let one flow with
/// many small pieces hold up all others. Priorities come from a fixed generator: they shape the tree, never the output.
/// A tree is named by its root, which the half-connection keeps; -1 is the empty tree.
struct ReorderBuffer: ~Copyable, Sendable {
    private var pieces = Slab<Piece>(capacity: 64)
    private var generator: UInt32 = 0x9E37_79B9
    /// Bytes charged for all pieces: what they hold, and `overhead` each.
    private(set) var charge = 0

    /// What a piece costs beside its bytes: its node and the allocator's bookkeeping, rounded up.
    static var overhead: Int { 128 }

    deinit {
        // Slots that are free hold no storage, so every copy is met exactly once.
        for slot in 0..<pieces.end { Self.free(pieces[slot].storage) }
    }

    /// Pieces waiting, and delivered ones not yet forgotten.
    var count: Int { pieces.count }

    /// The piece at an index.
    subscript(index: Int32) -> Piece {
        _read { yield pieces[index] }
    }

    /// What a piece is charged now.
    func charge(of index: Int32) -> Int {
        if case .copy(let memory) = pieces[index].storage {
            unsafe Self.overhead + memory.bytes.count
        } else {
            Self.overhead
        }
    }

    /// Adds a piece that overlaps none in the tree.
    mutating func insert(_ piece: Piece, frameStart: Int?, into root: inout Int32) -> Int32 {
        var piece = piece
        generator ^= generator << 13
        generator ^= generator >> 17
        generator ^= generator << 5
        piece.priority = generator
        if let frameStart { piece.storage = .frame(start: frameStart) }
        let node = pieces.insert(piece)
        charge += Self.overhead
        link(node, into: &root)
        return node
    }

    /// Takes a piece out of its tree. Its bytes stay until `discard`.
    mutating func detach(_ node: Int32, from root: inout Int32) {
        charge -= charge(of: node)
        let offset = pieces[node].offset
        let merged = merge(pieces[node].left, pieces[node].right)
        var parent: Int32 = -1
        var current = root
        while current != node {
            parent = current
            current = offset < pieces[current].offset ? pieces[current].left : pieces[current].right
        }
        if parent < 0 {
            root = merged
        } else if pieces[parent].left == node {
            pieces[parent].left = merged
        } else {
            pieces[parent].right = merged
        }
    }

    /// Frees a detached piece and its bytes.
    mutating func discard(_ node: Int32) {
        Self.free(pieces[node].storage)
        pieces[node].storage = .none
        pieces.remove(node)
    }

    /// Lets a piece be delivered whatever it acknowledged.
    mutating func release(_ node: Int32) { pieces[node].mustWait = false }

    /// The piece with the least offset.
    func first(_ root: Int32) -> Int32 {
        var node = root
        while node >= 0, pieces[node].left >= 0 { node = pieces[node].left }
        return node
    }

    /// The piece with the greatest offset.
    func last(_ root: Int32) -> Int32 {
        var node = root
        while node >= 0, pieces[node].right >= 0 { node = pieces[node].right }
        return node
    }

    /// The first piece that ends after an offset.
    func first(_ root: Int32, endingAfter offset: UInt64) -> Int32 {
        var node = root
        var found: Int32 = -1
        while node >= 0 {
            if pieces[node].end > offset {
                found = node
                node = pieces[node].left
            } else {
                node = pieces[node].right
            }
        }
        return found
    }
}

// The treap's structure.
extension ReorderBuffer {
    private mutating func link(_ node: Int32, into root: inout Int32) {
        let offset = pieces[node].offset
        let priority = pieces[node].priority
        var parent: Int32 = -1
        var current = root
        while current >= 0, pieces[current].priority >= priority {
            parent = current
            current = offset < pieces[current].offset ? pieces[current].left : pieces[current].right
        }
        (pieces[node].left, pieces[node].right) = split(current, at: offset)
        if parent < 0 {
            root = node
        } else if offset < pieces[parent].offset {
            pieces[parent].left = node
        } else {
            pieces[parent].right = node
        }
    }

    /// Parts a tree into the pieces before an offset and those from it on.
    private mutating func split(_ root: Int32, at offset: UInt64) -> (Int32, Int32) {
        var lesser: Int32 = -1
        var greater: Int32 = -1
        // The nodes whose right or left child is still to be filled in; -1: the result itself.
        var lesserEnd: Int32 = -1
        var greaterEnd: Int32 = -1
        var node = root
        while node >= 0 {
            if pieces[node].offset < offset {
                if lesserEnd < 0 { lesser = node } else { pieces[lesserEnd].right = node }
                lesserEnd = node
                node = pieces[node].right
            } else {
                if greaterEnd < 0 { greater = node } else { pieces[greaterEnd].left = node }
                greaterEnd = node
                node = pieces[node].left
            }
        }
        if lesserEnd >= 0 { pieces[lesserEnd].right = -1 }
        if greaterEnd >= 0 { pieces[greaterEnd].left = -1 }
        return (lesser, greater)
    }

    /// Joins two trees of which all of the first comes before all of the second.
    private mutating func merge(_ lesser: Int32, _ greater: Int32) -> Int32 {
        var lesser = lesser
        var greater = greater
        var root: Int32 = -1
        var parent: Int32 = -1
        var isLeft = false
        while lesser >= 0 || greater >= 0 {
            let takesLesser = greater < 0 || (lesser >= 0 && pieces[lesser].priority >= pieces[greater].priority)
            let node = takesLesser ? lesser : greater
            if parent < 0 {
                root = node
            } else if isLeft {
                pieces[parent].left = node
            } else {
                pieces[parent].right = node
            }
            parent = node
            isLeft = !takesLesser
            if takesLesser { lesser = pieces[node].right } else { greater = pieces[node].left }
            if lesser < 0 || greater < 0 {
                // One side is used up: the other hangs below as it is.
                let rest = lesser < 0 ? greater : lesser
                if isLeft { pieces[parent].left = rest } else { pieces[parent].right = rest }
                break
            }
        }
        return root
    }
}

// The bytes.
extension ReorderBuffer {
    /// Calls `body` with a piece's own copy of its bytes.
    @inline(__always)
    func withBytes(of index: Int32, _ body: (RawSpan) -> Void) {
        guard case .copy(let memory) = pieces[index].storage else { return }
        // The copy lives until `discard`, which nothing called by `body` can reach: it would need this value mutable.
        body(unsafe memory.bytes.bytes)
    }

    /// Copies a piece's bytes out of the frame, which is valid for one call only. Returns the bytes newly charged.
    mutating func keep(_ index: Int32, from frame: RawSpan) -> Int {
        guard case .frame(let start) = pieces[index].storage else { return 0 }
        return store(frame.extracting(start..<(start + Int(pieces[index].length))), in: index)
    }

    /// Gives `target`, a part of `source`, its share of the bytes. Returns the bytes newly charged.
    mutating func copyPart(_ target: Int32, of source: Int32) -> Int {
        guard case .copy(let memory) = pieces[source].storage else { return 0 }
        let start = Int(pieces[target].offset - pieces[source].offset)
        let bytes = unsafe memory.bytes.bytes
        return store(bytes.extracting(start..<(start + Int(pieces[target].length))), in: target)
    }

    /// How many of `bytes`, which stand at `offset`, differ from those the piece has there.
    func conflicts(_ index: Int32, with bytes: RawSpan, at offset: UInt64) -> Int {
        guard case .copy(let memory) = pieces[index].storage else { return 0 }
        let own = unsafe memory.bytes.bytes
        let start = Int(offset - pieces[index].offset)
        var differing = 0
        for place in 0..<bytes.byteCount
        where unsafe bytes.unsafeLoad(fromByteOffset: place, as: UInt8.self)
            != own.unsafeLoad(fromByteOffset: start + place, as: UInt8.self)
        {
            differing += 1
        }
        return differing
    }

    private mutating func store(_ bytes: RawSpan, in index: Int32) -> Int {
        let count = bytes.byteCount
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        unsafe bytes.withUnsafeBytes { source in unsafe memory.copyMemory(from: source) }
        unsafe pieces[index].storage = .copy(PieceMemory(bytes: memory))
        charge += count
        return count
    }

    private static func free(_ storage: Piece.Storage) {
        if case .copy(let memory) = storage { unsafe memory.bytes.deallocate() }
    }
}
