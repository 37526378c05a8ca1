import Blocks
import Catalog
import Objects
import TestSupport
import Testing

/// A random run of a bucket, versioned or not: the events that a tap reports of it, and what the cloud serves at the end.
struct RandomHistory {
    /// An event with the transfer that carries its bytes.
    struct Step {
        var event: ObjectEvent
        var name: ObjectName
        var transfer:
            (id: TransferID, plan: TransferPlan, extents: [Extent], gaps: [(Range<Int>, GapCause)], length: Int)?
        /// Names whose state the step depends on, beside its own.
        var source: ObjectName?
    }

    struct CloudVersion {
        var etag: String
        var versionID: String?
        var bytes: [UInt8]
        var modified: Int64
    }

    var steps: [Step] = []
    /// What a GET would serve at the end.
    var current: [ObjectName: CloudVersion] = [:]
    /// Every content by its ETag.
    var contents: [String: [UInt8]] = [:]
    var blocks: [Fingerprint: [UInt8]] = [:]

    private var random: SeededGenerator
    private let isVersioned: Bool
    private var stacks: [ObjectName: [(version: CloudVersion?, id: String?)]] = [:]
    private var time = 1000.0
    private var transfers: UInt64 = 0
    private var serial = 0
    private let hasCopies: Bool

    init(seed: Int, isVersioned: Bool, steps count: Int, hasCopies: Bool = true, hasGaps: Bool = true) {
        random = SeededGenerator(seed: seed)
        self.isVersioned = isVersioned
        self.hasCopies = hasCopies
        let names = ["a", "b", "c\0", "c"].map { object($0) }
        for _ in 0..<count {
            time += Double.random(in: 0.1...1.5, using: &random)
            let name = names.randomElement(using: &random) ?? names[0]
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<6: put(name, hasGaps: hasGaps)
            case 6..<9: get(name, isRange: false, hasGaps: hasGaps)
            case 9..<14: get(name, isRange: true, hasGaps: hasGaps)
            case 14..<16: delete(name)
            case 16: if isVersioned { removeVersion(name) }
            case 17, 18: if hasCopies { copy(name, to: names.randomElement(using: &random) ?? name) }
            default: if hasCopies { multipart(name) }
            }
        }
    }

    private mutating func store(_ bytes: [UInt8]) -> Fingerprint {
        var words: [UInt64] = [1, 2, 3, 4]
        for index in words.indices {
            for byte in bytes { words[index] = (words[index] ^ UInt64(byte)) &* 0x100_0000_01b3 &+ UInt64(index) }
        }
        let fingerprint = Fingerprint(words[0], words[1], words[2], words[3])
        blocks[fingerprint] = bytes
        return fingerprint
    }

    private mutating func transfer(
        _ bytes: [UInt8], at offset: Int, hasGaps: Bool
    ) -> (id: TransferID, plan: TransferPlan, extents: [Extent], gaps: [(Range<Int>, GapCause)], length: Int) {
        transfers += 1
        var extents: [Extent] = []
        var gaps: [(Range<Int>, GapCause)] = []
        var position = 0
        while position < bytes.count {
            let end = min(bytes.count, position + 16 - (offset + position) % 16)
            if hasGaps, Int.random(in: 0..<8, using: &random) == 0 {
                gaps.append((position..<end, .notCaptured))
            } else {
                let block = Array(bytes[position..<end])
                extents.append(
                    Extent(offset: UInt64(position), length: UInt32(block.count), fingerprint: store(block)))
            }
            position = end
        }
        let plan = TransferPlan(objectOffset: UInt64(offset), expectedLength: UInt64(bytes.count))
        return (TransferID(transfers), plan, extents, gaps, bytes.count)
    }

    private mutating func makeContent() -> (etag: String, bytes: [UInt8]) {
        serial += 1
        let etag = "etag-\(serial)"
        let bytes = content(serial, Int.random(in: 0...120, using: &random))
        contents[etag] = bytes
        return (etag, bytes)
    }

    private mutating func push(_ name: ObjectName, _ version: CloudVersion?) -> String? {
        serial += 1
        let id = isVersioned ? "version-\(serial)" : nil
        var version = version
        version?.versionID = id
        if isVersioned {
            stacks[name, default: []].append((version, id))
        } else {
            stacks[name] = [(version, nil)]
        }
        current[name] = version
        return id
    }

    private mutating func put(_ name: ObjectName, hasGaps: Bool) {
        let (etag, bytes) = makeContent()
        let id = push(name, CloudVersion(etag: etag, bytes: bytes, modified: Int64(time)))
        let carried = transfer(bytes, at: 0, hasGaps: hasGaps)
        let event = StoredEvent(
            name: name, transfer: carried.id, size: UInt64(bytes.count), etag: etag, versionID: id, seen: at(time))
        steps.append(Step(event: .stored(event), name: name, transfer: carried))
    }

    private mutating func get(_ name: ObjectName, isRange: Bool, hasGaps: Bool) {
        guard let version = current[name], !version.bytes.isEmpty else { return }
        let count = version.bytes.count
        let start = isRange ? Int.random(in: 0..<count, using: &random) : 0
        let end = isRange ? Int.random(in: start + 1...count, using: &random) : count
        let carried = transfer(Array(version.bytes[start..<end]), at: start, hasGaps: hasGaps)
        var metadata = ObjectMetadata()
        metadata.lastModified = version.modified
        let event = ReadEvent(
            name: name, transfer: carried.id, offset: UInt64(start), objectSize: UInt64(count), etag: version.etag,
            versionID: version.versionID, metadata: metadata, seen: at(time))
        steps.append(Step(event: .read(event), name: name, transfer: carried))
    }

    private mutating func delete(_ name: ObjectName) {
        let marker = push(name, nil)
        steps.append(
            Step(event: .deleted(DeletedEvent(name: name, markerVersionID: marker, seen: at(time))), name: name))
    }

    private mutating func removeVersion(_ name: ObjectName) {
        guard var stack = stacks[name], !stack.isEmpty else { return }
        let removed = stack.remove(at: Int.random(in: 0..<stack.count, using: &random))
        stacks[name] = stack
        current[name] = stack.last?.version
        let event = DeletedEvent(
            name: name, versionID: removed.id, removedMarker: removed.version == nil, seen: at(time))
        steps.append(Step(event: .deleted(event), name: name))
    }

    private mutating func copy(_ source: ObjectName, to target: ObjectName) {
        guard let version = current[source] else { return }
        // A copy has the content's ETag, as S3's has for objects uploaded in one request.
        let id = push(target, CloudVersion(etag: version.etag, bytes: version.bytes, modified: Int64(time)))
        let event = CopiedEvent(source: source, target: target, etag: version.etag, versionID: id, seen: at(time))
        steps.append(Step(event: .copied(event), name: target, source: source))
    }

    private mutating func multipart(_ name: ObjectName) {
        serial += 1
        let upload = "upload-\(serial)"
        var bytes: [UInt8] = []
        let count = Int.random(in: 1...3, using: &random)
        for number in 1...count {
            let part = content(serial * 10 + number, Int.random(in: 1...50, using: &random))
            let carried = transfer(part, at: bytes.count, hasGaps: false)
            bytes += part
            time += 0.01
            let event = PartStoredEvent(
                name: name, uploadID: upload, partNumber: number, transfer: carried.id, size: UInt64(part.count),
                etag: "p\(number)", seen: at(time))
            steps.append(Step(event: .partStored(event), name: name, transfer: carried))
        }
        time += 0.01
        let etag = "etag-\(serial)-\(count)"
        contents[etag] = bytes
        let id = push(name, CloudVersion(etag: etag, bytes: bytes, modified: Int64(time)))
        let parts = (1...count).map { UploadCompletedEvent.Part(number: $0, etag: "p\($0)") }
        let event = UploadCompletedEvent(
            name: name, uploadID: upload, parts: parts, etag: etag, versionID: id, seen: at(time))
        steps.append(Step(event: .uploadCompleted(event), name: name))
    }

    func apply(_ step: Step, to ledger: inout Ledger<some CatalogReading>) throws {
        if let transfer = step.transfer {
            ledger.open(transfer.id, transfer.plan)
            for extent in transfer.extents { ledger.add(extent, to: transfer.id) }
            for (range, cause) in transfer.gaps {
                ledger.gap(transfer.id, at: UInt64(range.lowerBound), length: UInt64(range.count), cause: cause)
            }
            ledger.close(transfer.id, TransferEnd(length: UInt64(transfer.length)))
        }
        try ledger.apply(step.event)
    }
}

@Suite struct LedgerHistoryTests {
    private func live(_ ledger: borrowing Ledger<MemoryCatalog>) throws -> [VersionRecord] {
        var live: [VersionRecord] = []
        try ledger.visitLive { version in
            live.append(version)
            return .next
        }
        return live
    }

    /// What users see of a live version.
    private func view(_ versions: [VersionRecord]) -> [String] {
        versions.map {
            "\($0.name.url) \($0.etag ?? "-") \($0.versionID ?? "-") \($0.size ?? 0) \($0.state) \($0.gaps)"
        }
    }

    /// Every byte held of any version is the cloud's, and gaps are exactly what is not held.
    private func check(_ ledger: borrowing Ledger<MemoryCatalog>, _ history: RandomHistory) throws {
        for version in try live(ledger) {
            let bytes = try #require(version.etag.flatMap { history.contents[$0] })
            var held = [Bool](repeating: false, count: bytes.count)
            for piece in try ledger.pieces(of: version, in: 0..<UInt64(bytes.count)) {
                let block = try #require(history.blocks[piece.fingerprint])
                for index in 0..<Int(piece.length) {
                    #expect(block[Int(piece.skip) + index] == bytes[Int(piece.offset) + index])
                    held[Int(piece.offset) + index] = true
                }
            }
            let missing = version.gaps.flatMap { Int($0.offset)..<Int($0.offset + ($0.length ?? 0)) }
            #expect(missing == held.indices.filter { !held[$0] })
            #expect(version.state == (missing.isEmpty ? .complete : .partial))
        }
    }

    @Test(arguments: 0..<24, [false, true])
    func `the live view is the bucket's, and every byte held is the cloud's`(seed: Int, isVersioned: Bool) throws {
        let history = RandomHistory(seed: seed, isVersioned: isVersioned, steps: 80)
        var ledger = Ledger(store: MemoryCatalog(), blockSize: 16)
        for step in history.steps { try history.apply(step, to: &ledger) }
        let live = try live(ledger)
        #expect(
            live.map(\.name) == history.current.keys.sorted(),
            "names of the live view")
        #expect(live.map(\.etag) == history.current.sorted { $0.key < $1.key }.map(\.value.etag))
        #expect(live.map(\.versionID) == history.current.sorted { $0.key < $1.key }.map(\.value.versionID))
        try check(ledger, history)
        #expect(ledger.openTransferCount == 0)
    }

    @Test(arguments: 0..<10, [false, true])
    func `a replay, whole or in part, changes no row`(seed: Int, isVersioned: Bool) throws {
        let history = RandomHistory(seed: seed, isVersioned: isVersioned, steps: 80)
        let catalog = MemoryCatalog()
        var ledger = Ledger(store: catalog, blockSize: 16)
        for step in history.steps { try history.apply(step, to: &ledger) }
        _ = try ledger.healCopies()
        try catalog.commit(ledger.takeMutations(), index: [], checkpoint: nil)
        ledger.committed()
        for start in [0, history.steps.count / 2, history.steps.count / 3] {
            for step in history.steps[start...] { try history.apply(step, to: &ledger) }
            #expect(try ledger.healCopies() == 0)
            #expect(ledger.takeMutations().isEmpty)
        }
    }

    @Test(arguments: 0..<10, [false, true])
    func `each event twice is each event once`(seed: Int, isVersioned: Bool) throws {
        let history = RandomHistory(seed: seed, isVersioned: isVersioned, steps: 60)
        let (once, twice) = (MemoryCatalog(), MemoryCatalog())
        var first = Ledger(store: once, blockSize: 16)
        var second = Ledger(store: twice, blockSize: 16)
        for step in history.steps {
            try history.apply(step, to: &first)
            try history.apply(step, to: &second)
            try history.apply(step, to: &second)
        }
        try once.commit(first.takeMutations(), index: [], checkpoint: nil)
        try twice.commit(second.takeMutations(), index: [], checkpoint: nil)
        #expect(once == twice)
    }

    @Test(arguments: 0..<12, [false, true])
    func `events of different names commute`(seed: Int, isVersioned: Bool) throws {
        let history = RandomHistory(seed: seed, isVersioned: isVersioned, steps: 60)
        let straight = MemoryCatalog()
        var ledger = Ledger(store: straight, blockSize: 16)
        for step in history.steps { try history.apply(step, to: &ledger) }
        try straight.commit(ledger.takeMutations(), index: [], checkpoint: nil)

        // Swaps neighbours that do not touch a common name, many times over.
        var random = SeededGenerator(seed: seed + 1000)
        var steps = history.steps
        for _ in 0..<3000 {
            let index = Int.random(in: 0..<steps.count - 1, using: &random)
            let names = Set([steps[index].name, steps[index].source].compactMap(\.self))
            let others = Set([steps[index + 1].name, steps[index + 1].source].compactMap(\.self))
            if names.isDisjoint(with: others) { steps.swapAt(index, index + 1) }
        }
        let shuffled = MemoryCatalog()
        var other = Ledger(store: shuffled, blockSize: 16)
        for step in steps { try history.apply(step, to: &other) }
        try shuffled.commit(other.takeMutations(), index: [], checkpoint: nil)
        #expect(shuffled == straight)
    }

    @Test(arguments: 0..<24, [false, true])
    func `captures replayed in any order lead to the same live view`(seed: Int, isVersioned: Bool) throws {
        let history = RandomHistory(seed: seed, isVersioned: isVersioned, steps: 50, hasCopies: false)
        var straight = Ledger(store: MemoryCatalog(), blockSize: 16)
        for step in history.steps { try history.apply(step, to: &straight) }
        var random = SeededGenerator(seed: seed + 2000)
        // Captures of some events each, and every single event for itself.
        for length in [history.steps.count / 3 + 1, 5, 1] {
            var pieces = stride(from: 0, to: history.steps.count, by: length).map {
                Array(history.steps[$0..<min(history.steps.count, $0 + length)])
            }
            pieces.shuffle(using: &random)
            var other = Ledger(store: MemoryCatalog(), blockSize: 16)
            for step in pieces.joined() { try history.apply(step, to: &other) }
            #expect(try view(live(other)) == view(live(straight)))
            try check(other, history)
        }
    }
}
