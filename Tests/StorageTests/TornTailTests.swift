import Blocks
import Foundation
import TestSupport
import Testing

@testable import Storage

/// A small segment, and for every byte what depends on it.
private struct SmallSegment {
    let fixture: Fixture
    let bytes: [UInt8]
    let frames: [(range: Range<Int>, contents: [Content])]
    /// Bytes that a checksum covers; the others are padding.
    let covered: [Bool]
    let path: String

    init(isSealed: Bool, syncsEachFrame: Bool = false) throws {
        fixture = try Fixture()
        var generator = SeededGenerator(seed: 4)
        let contents: [[Content]] = [
            [.put(1, [1, 2], generator.bytes(50)), .block(generator.bytes(30)), .delete(2, [3])],
            [.block(generator.bytes(4096)), .put(1, [1, 2], [])],
            [.block(generator.bytes(700)), .block(generator.bytes(4000)), .put(7, generator.bytes(9), [1])],
        ]
        var writer = try fixture.directory.createSegment()
        var frames: [(range: Range<Int>, contents: [Content])] = []
        for frame in contents {
            let place = try fixture.append(frame, to: &writer)
            if syncsEachFrame { try writer.synchronize() }
            frames.append((Int(place.offset)..<Int(place.offset + place.length), frame))
        }
        var scan = try SegmentScan(fixture.directory.openSegment(1))
        var covered = [Bool](repeating: false, count: Int(writer.size))
        covered.replaceSubrange(..<4096, with: repeatElement(true, count: 4096))
        while let frame = try scan.next() {
            let head = Int(frame.header.offset)..<Int(frame.header.offset) + 96 + frame.descriptorBytes.count
            covered.replaceSubrange(head, with: repeatElement(true, count: head.count))
            for record in frame.descriptors {
                let payload = Int(record.payloadOffset)..<Int(record.payloadOffset) + Int(record.storedLength)
                covered.replaceSubrange(payload, with: repeatElement(true, count: payload.count))
            }
        }
        if isSealed { try writer.seal() }
        path = writer.path
        bytes = try RawFile(path: path).bytes()
        self.frames = frames
        self.covered = covered
    }

    /// The frames that a scan finds, as contents, with every block's bytes read and compared with its fingerprint.
    func scan() throws -> (frames: [[Content]], end: SegmentEnd?) {
        let reader = try fixture.directory.openSegment(1)
        var scan = try SegmentScan(reader)
        var found: [[Content]] = []
        var window = FileWindow()
        while let frame = try scan.next() {
            found.append(
                try frame.descriptors.map { try fixture.content(of: window.record($0, in: reader), in: reader) })
        }
        return (found, scan.end)
    }

    func contents(_ count: Int) -> [[Content]] { frames.prefix(count).map(\.contents) }

    /// The file with other bytes in it, for the time of `body`.
    func changing(_ body: (Int32) throws -> Void) throws {
        let file = open(path, O_RDWR)
        defer { close(file) }
        try body(file)
    }
}

@Suite struct TornTailTests {
    @Test(arguments: [false, true])
    func `a file cut at any byte gives exactly the frames that are whole`(isSealed: Bool) throws {
        let segment = try SmallSegment(isSealed: isSealed)
        let framesEnd = try #require(segment.frames.last?.range.upperBound)
        try segment.changing { file in
            for length in stride(from: segment.bytes.count, through: 0, by: -1) {
                #expect(ftruncate(file, length) == 0)
                if length < 4096 {
                    #expect(throws: StorageError.self) { try segment.scan() }
                    continue
                }
                let whole = segment.frames.count { $0.range.upperBound <= length }
                let found = try segment.scan()
                #expect(found.frames == segment.contents(whole))
                let cut = UInt64(whole == 0 ? 4096 : segment.frames[whole - 1].range.upperBound)
                switch found.end {
                case .sealed: #expect(isSealed && length == segment.bytes.count)
                case .open: #expect(cut == UInt64(length))
                case .torn(at: let offset, _): #expect(offset == cut && (length > framesEnd || cut < UInt64(length)))
                default: Issue.record("\(found) at \(length)")
                }
            }
        }
    }

    @Test(arguments: [false, true])
    func `a byte changed anywhere costs its frame and the frames behind, and never gives a wrong byte`(
        isSealed: Bool
    ) throws {
        let segment = try SmallSegment(isSealed: isSealed)
        try segment.changing { file in
            for place in segment.bytes.indices {
                var changed = segment.bytes[place] ^ UInt8(1 << (place % 8))
                #expect(pwrite(file, &changed, 1, off_t(place)) == 1)
                if place < 4096 {
                    #expect(throws: StorageError.self) { try segment.scan() }
                } else {
                    let hit = segment.frames.firstIndex { $0.range.contains(place) } ?? segment.frames.count
                    let isHarmed = place < segment.covered.count && segment.covered[place]
                    let found = try segment.scan()
                    #expect(found.frames == segment.contents(isHarmed ? hit : segment.frames.count), "\(place)")
                }
                var original = segment.bytes[place]
                #expect(pwrite(file, &original, 1, off_t(place)) == 1)
            }
        }
        #expect(try segment.scan().frames == segment.contents(3))
    }

    @Test func `bytes that were never durable are torn; bytes that were are damage`() throws {
        for syncs in [false, true] {
            let segment = try SmallSegment(isSealed: false, syncsEachFrame: syncs)
            for (index, frame) in segment.frames.enumerated() {
                try segment.changing { file in
                    var changed = segment.bytes[frame.range.lowerBound + 100] ^ 1
                    #expect(pwrite(file, &changed, 1, off_t(frame.range.lowerBound + 100)) == 1)
                }
                let start = UInt64(frame.range.lowerBound)
                let next = index + 1 < segment.frames.count ? UInt64(frame.range.upperBound) : nil
                switch try segment.scan().end {
                case .damaged(at: start, resumesAt: next, _): #expect(syncs && next != nil)
                // Nothing behind the last frame tells that it was durable.
                case .torn(at: start, _): #expect(!syncs || next == nil)
                case let end: Issue.record("\(end as Any)")
                }
                try RawFile(path: segment.path).replace(with: segment.bytes)
            }
        }
    }

    @Test func `below what a checkpoint calls durable nothing is cut`() throws {
        let segment = try SmallSegment(isSealed: false)
        let last = try #require(segment.frames.last?.range)
        var bytes = segment.bytes
        bytes[last.lowerBound + 20] ^= 1
        for changed in [bytes, Array(bytes[..<last.lowerBound])] {
            try RawFile(path: segment.path).replace(with: changed)
            #expect {
                try segment.fixture.directory.resumeSegment(1, durableTo: UInt64(last.upperBound)).path
            } throws: { error in
                guard case .damaged(segment.path, UInt64(last.lowerBound), _) = error as? StorageError else {
                    return false
                }
                return true
            }
            #expect(try RawFile(path: segment.path).bytes() == changed, "nothing was cut")
        }
        // The same is a torn tail when only the frames before were durable.
        #expect(try segment.fixture.directory.resumeSegment(1, durableTo: UInt64(last.lowerBound)).frames == 2)
    }

    @Test func `a torn segment goes on where its whole frames end`() throws {
        let segment = try SmallSegment(isSealed: true)
        let more: [Content] = [.put(9, [9], [9]), .block([UInt8](repeating: 9, count: 4096))]
        for length in Array(stride(from: 4096, to: segment.bytes.count, by: 1013)) + [segment.bytes.count - 1] {
            try RawFile(path: segment.path).replace(with: Array(segment.bytes[..<length]))
            let whole = segment.frames.count { $0.range.upperBound <= length }
            var writer = try segment.fixture.directory.resumeSegment(1)
            #expect(writer.frames == UInt64(whole))
            #expect(writer.size == UInt64(whole == 0 ? 4096 : segment.frames[whole - 1].range.upperBound))
            _ = try segment.fixture.append(more, to: &writer)
            let expected = segment.contents(whole).flatMap { $0 } + more
            let reader = try segment.fixture.directory.openSegment(1)
            #expect(try segment.fixture.contents(reader).contents == expected)
            try writer.seal()
            let found = try segment.fixture.contents(reader)
            #expect(found.contents == expected)
            #expect(found.end == .sealed)
        }
    }

    @Test func `a frame of another segment, vault or place does not pass`() throws {
        let segment = try SmallSegment(isSealed: false)
        let (first, second) = (segment.frames[0].range, segment.frames[1].range)
        // The same records written by another vault and as another segment.
        var strangers: [[UInt8]] = []
        for (vault, number) in [(VaultID(high: 1, low: 1), UInt64(1)), (segment.fixture.directory.vault, 2)] {
            let directory = SegmentDirectory(
                path: segment.fixture.folder.path + "/other\(number)", vault: vault,
                blockSize: segment.fixture.directory.blockSize)
            try directory.prepare()
            var writer = try directory.createSegment(highestUsed: number - 1)
            _ = try segment.fixture.append(segment.frames[0].contents, to: &writer)
            strangers.append(Array(try RawFile(path: writer.path).bytes()[first]))
        }
        var cases = strangers.map { Array(segment.bytes[..<4096]) + $0 }
        // A frame of this very segment, at another place.
        cases.append(Array(segment.bytes[..<4096]) + segment.bytes[second])
        for bytes in cases {
            try RawFile(path: segment.path).replace(with: bytes)
            let found = try segment.scan()
            #expect(found.frames.isEmpty)
            guard case .torn(at: 4096, _) = found.end else {
                Issue.record("\(found)")
                return
            }
        }
        // Twice the same frame, once where it belongs.
        try RawFile(path: segment.path).replace(with: Array(segment.bytes[..<first.upperBound]) + segment.bytes[first])
        #expect(try segment.scan().frames == segment.contents(1))
    }

    @Test(arguments: 1...20)
    func `random damage never crashes a scan and never gives what was not written`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let segment = try SmallSegment(isSealed: seed % 2 == 0)
        let written = Set(segment.contents(3).flatMap { $0 })
        for _ in 0..<60 {
            var bytes = segment.bytes
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let place = Int.random(in: 4096..<bytes.count, using: &generator)
                let count = min(Int.random(in: 1...5000, using: &generator), bytes.count - place)
                switch Int.random(in: 0..<6, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.replaceSubrange(place..<place + count, with: generator.bytes(count))
                case 2: bytes.replaceSubrange(place..<place + count, with: repeatElement(0, count: count))
                case 3: bytes.removeSubrange(place..<place + count)
                case 4: bytes.insert(contentsOf: bytes[place..<place + count], at: place)
                default: bytes.append(contentsOf: generator.bytes(count))
                }
                if bytes.count < 8192 { bytes = segment.bytes }
            }
            try RawFile(path: segment.path).replace(with: bytes)
            let found = try segment.scan()
            for (index, frame) in found.frames.enumerated() { #expect(frame == segment.frames[index].contents) }
            // Through the footer, single records may be lost, but none may be wrong.
            let reader = try segment.fixture.directory.openSegment(1)
            var replay = try reader.replay()
            while let records = try replay.next() {
                for record in records {
                    switch record {
                    case .damaged: break
                    case .block(_, let location):
                        if let bytes = try? reader.read(location) { #expect(written.contains(.block(bytes))) }
                    default: #expect(written.contains(try segment.fixture.content(of: record, in: reader)))
                    }
                }
            }
        }
    }
}
