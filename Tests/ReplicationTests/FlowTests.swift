import NIOCore
import Objects
@testable import S3
import Synchronization
import TestSupport
import Testing

@testable import Replication

@Suite struct PartLayoutTests {
    private let rules = TargetRules(
        singlePutBytesMax: 5 << 30, partBytesMin: 5 << 20, partBytesMax: 5 << 30, partsMax: 10_000,
        copyBytesMax: 5 << 30, objectBytesMax: 5 << 40, keepsLastModified: false, confirmsWrites: false)
    private let options = MigrationOptions()

    private func layout(_ size: UInt64, _ parts: [UInt64] = []) -> PartLayout {
        PartLayout(size: size, sourceParts: parts, rules: rules, options: options)
    }

    @Test func `objects up to the threshold go whole, larger ones in parts`() {
        #expect(layout(0) == .whole)
        #expect(layout(64 << 20) == .whole)
        #expect(layout((64 << 20) + 1) == .parts(Array(repeating: 8 << 20, count: 8) + [1]))
    }

    @Test func `the source's parts are kept when the target allows them`() {
        #expect(layout(11 << 20, [6 << 20, 5 << 20]) == .parts([6 << 20, 5 << 20]))
        #expect(layout(3, [3]) == .parts([3]), "one part is another ETag than none")
        #expect(layout((5 << 20) + 1, [5 << 20, 1]) == .parts([5 << 20, 1]))
    }

    @Test(
        arguments: [
            [1, 10], [11 << 20], [5 << 20, 5 << 20], [11, 0], [0], [UInt64.max, 12],
        ] as [[UInt64]])
    func `parts that the target would refuse or that do not add up are planned anew`(parts: [UInt64]) {
        #expect(layout(11, parts) == .whole)
    }

    @Test(arguments: [65 << 20, 1 << 30, 100 << 30, 5 << 40, (5 << 40) - 1] as [UInt64])
    func `ten thousand parts always suffice`(size: UInt64) {
        let sizes = layout(size).sizes(of: size)
        #expect(sizes.count <= 10_000 && sizes.reduce(0, +) == size)
        #expect(
            sizes.allSatisfy { $0 <= rules.partBytesMax } && sizes.dropLast().allSatisfy { $0 >= rules.partBytesMin })
        let ranges = layout(size).ranges(size: size)
        #expect(ranges.first?.range.lowerBound == 0 && ranges.last?.range.upperBound == size)
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.range.upperBound == $1.range.lowerBound })
    }
}

@Suite struct PayloadTests {
    private func reader(_ size: UInt64) async throws -> (MemorySource, any ContentReader) {
        let source = MemorySource([.object("k", .generated(seed: 7, size: size))])
        let version = try #require(try await source.versions(after: nil, limit: 1).first)
        return (source, try await source.open(version))
    }

    @Test(arguments: [0, 1, 1_048_576, 3_145_733] as [UInt64], [0, 1_073_741_824] as [UInt64])
    func `held or read again, the bytes and digests are the same`(size: UInt64, heldMax: UInt64) async throws {
        let (source, reader) = try await reader(size)
        let payload = try await Payload.prepare(reader, 0..<size, heldBytesMax: heldMax, pace: PayloadPace())
        for _ in 0..<2 {
            var bytes: [UInt8] = []
            for try await chunk in payload { bytes.append(contentsOf: chunk.readableBytesView) }
            #expect(bytes == MemorySource.Bytes.generated(seed: 7, size: size).all)
            #expect(PayloadDigests(of: bytes) == payload.digests)
        }
        #expect(source.bytesRead.withLock { $0 } == (heldMax >= size ? size : 3 * size))
    }

    @Test func `payloads prepared at the same time have their own digests`() async throws {
        let combiner = DigestCombiner()
        let sizes = (0..<40).map { UInt64($0 * 70_001) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for size in sizes {
                group.addTask {
                    let source = MemorySource([.object("k", .generated(seed: size, size: size))])
                    let version = try #require(try await source.versions(after: nil, limit: 1).first)
                    let pace = PayloadPace(
                        limit: nil, counters: nil, threads: nil, pool: ChunkPool(bytesMax: 8 << 20), combiner: combiner)
                    let payload = try await Payload.prepare(
                        try await source.open(version), 0..<size, heldBytesMax: size % 2 == 0 ? 0 : .max, pace: pace)
                    let bytes = MemorySource.Bytes.generated(seed: size, size: size).all
                    #expect(payload.digests == PayloadDigests(of: bytes), "\(size) bytes")
                    payload.release()
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `a range within is cut at multiples of the chunk`() {
        let ranges = Array(ChunkRanges(((1 << 20) - 1)..<((2 << 20) + 1)))
        let mebibyte: UInt64 = 1 << 20
        let expected = [
            mebibyte - 1..<mebibyte, mebibyte..<2 * mebibyte, 2 * mebibyte..<2 * mebibyte + 1,
        ]
        #expect(ranges == expected)
        #expect(Array(ChunkRanges(5..<5)).isEmpty)
    }

    @Test func `memory is bounded: parts larger than the budget are read twice instead of held`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let source = MemorySource([.object("k", .generated(seed: 1, size: 6 << 20))])
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder) {
            $0.memoryBytesMax = 1 << 20
        }
        #expect(report.isComplete)
        #expect(source.bytesRead.withLock { $0 } == 12 << 20)
        #expect(service.object("tgt/k")?.bytes == MemorySource.Bytes.generated(seed: 1, size: 6 << 20).all)
    }

    @Test func `a reader that gives too little is an error, not a short object`() async throws {
        struct Short: ContentReader {
            func read(_ range: Range<UInt64>, into buffer: inout ByteBuffer) async throws { buffer.writeBytes([1]) }
        }
        await #expect(throws: ReplicationError.self) {
            _ = try await Payload.prepare(Short(), 0..<10, heldBytesMax: 100, pace: PayloadPace())
        }
    }

    @Test func `the bandwidth limit holds over all takers`() async throws {
        let limit = BandwidthLimit(bytesPerSecond: 1 << 20)
        let begin = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { for _ in 0..<8 { try await limit.take(16 << 10) } } }
            try await group.waitForAll()
        }
        // A MiB at a MiB per second, of which a quarter is in the bucket at the start.
        #expect(ContinuousClock.now - begin >= .milliseconds(700))
    }
}

/// What is held at once, now and at most.
private final class HeldAmount: Sendable {
    private let state = Mutex((now: 0, most: 0))

    var now: Int { state.withLock { $0.now } }
    var most: Int { state.withLock { $0.most } }

    func change(by amount: Int) {
        state.withLock { state in
            state.now += amount
            state.most = max(state.most, state.now)
        }
    }
}

@Suite struct WeightedSemaphoreTests {
    @Test func `no more is held than there is, and everything is given back`() async throws {
        let semaphore = WeightedSemaphore(capacity: 10)
        let held = HeldAmount()
        var random = SeededGenerator(seed: 1)
        let amounts = (0..<300).map { _ in Int.random(in: 0...14, using: &random) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for amount in amounts {
                group.addTask {
                    try await semaphore.holding(amount) {
                        held.change(by: min(amount, 10))
                        await Task.yield()
                        held.change(by: -min(amount, 10))
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(held.most <= 10 && held.now == 0)
        try await semaphore.holding(10) {}
    }

    @Test func `those who are cancelled while they wait leave the others in line`() async throws {
        let semaphore = WeightedSemaphore(capacity: 1)
        for _ in 0..<50 {
            try await semaphore.holding(1) {
                let waiting = (0..<4).map { _ in Task { try await semaphore.holding(1) {} } }
                await Task.yield()
                for task in waiting { task.cancel() }
                for task in waiting { await #expect(throws: CancellationError.self) { try await task.value } }
            }
        }
        try await semaphore.holding(1) {}
    }
}

@Suite struct MetadataHeaderTests {
    @Test func `encoded words are short, whole characters each, and read back`() {
        let text = String(repeating: "Grüße an Köln, ", count: 20)
        let encoded = S3MetadataHeaders.encodedWords(text)
        let words = encoded.split(separator: " ")
        #expect(words.count > 5 && words.allSatisfy { $0.count <= 75 })
        #expect(words.allSatisfy { $0.hasPrefix("=?UTF-8?B?") && $0.hasSuffix("?=") })
    }

    @Test func `ETags follow from digests as S3 computes them`() {
        #expect(ETag.whole(PayloadDigests(of: [])) == "d41d8cd98f00b204e9800998ecf8427e")
        #expect(ETag.multipart([PayloadDigests(of: [])]) == "59adb24ef3cdbe0297f05b395827453f-1")
        #expect(ETag.isMD5("59adb24ef3cdbe0297f05b395827453f-1") && ETag.isMD5("d41d8cd98f00b204e9800998ecf8427e"))
        for other in [
            "", "x", "d41d8cd98f00b204e9800998ecf8427", "d41d8cd98f00b204e9800998ecf8427e-",
            "d41d8cd98f00b204e9800998ecf8427e-0",
        ] {
            #expect(!ETag.isMD5(other))
        }
    }
}
