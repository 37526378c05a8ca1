import Catalog
import Objects
import Testing

@Suite struct LedgerUploadTests {
    let name = object("big")

    private func created(_ bench: LedgerBench, _ time: Double, upload: String = "u1") throws {
        var metadata = ObjectMetadata()
        metadata.headers["content-type"] = "application/x-test"
        try bench.ledger.apply(
            .uploadCreated(UploadEvent(name: name, uploadID: upload, metadata: metadata, seen: at(time))))
    }

    private func aborted(_ bench: LedgerBench, _ time: Double, upload: String = "u1") throws {
        try bench.ledger.apply(.uploadAborted(UploadEvent(name: name, uploadID: upload, seen: at(time))))
    }

    @Test func `parts in any order make the object in the order of the completion`() throws {
        let bench = LedgerBench()
        try created(bench, 1)
        try bench.part(name, "u1", 3, content(3, 21), 2)
        try bench.part(name, "u1", 1, content(1, 40), 3)
        try bench.part(name, "u1", 2, content(2, 37), 4)
        #expect(try bench.live() == [])
        try bench.complete(name, "u1", [1, 2, 3], 5)
        let version = try #require(try bench.ledger.current(name))
        #expect(version.state == .complete)
        #expect(version.size == 98)
        #expect(version.partSizes == [40, 37, 21])
        #expect(version.metadata.headers["content-type"] == "application/x-test")
        #expect(try bench.bytes(of: version) == content(1, 40) + content(2, 37) + content(3, 21))
        try bench.commit()
        #expect(bench.catalog.count(of: .parts) == 0)
        #expect(bench.catalog.count(of: .uploads) == 1)
    }

    @Test func `parts of many pages make the object`() throws {
        let bench = LedgerBench()
        let parts = (1...3).map { content($0, 16 * 300 + $0) }
        for (index, part) in parts.enumerated() { try bench.part(name, "u1", index + 1, part, Double(index)) }
        try bench.commit()
        try bench.complete(name, "u1", [1, 2, 3], 5)
        let version = try #require(try bench.ledger.current(name))
        #expect(version.state == .complete)
        #expect(try bench.bytes(of: version) == parts.flatMap(\.self))
        try bench.commit()
        #expect(bench.catalog.count(of: .manifests) == Int((version.size ?? 0) / (16 * 256)) + 1)
    }

    @Test func `the completion may leave parts out`() throws {
        let bench = LedgerBench()
        for number in 1...3 { try bench.part(name, "u1", number, content(number, 20), Double(number)) }
        try bench.complete(name, "u1", [1, 3], 5)
        let version = try #require(try bench.ledger.current(name))
        #expect(try bench.bytes(of: version) == content(1, 20) + content(3, 20))
    }

    @Test func `of a part uploaded twice the last accepted one counts`() throws {
        let bench = LedgerBench()
        try bench.part(name, "u1", 1, content(9, 25), 4, etag: "new")
        try bench.part(name, "u1", 1, content(1, 20), 2, etag: "old")
        try bench.ledger.apply(
            .uploadCompleted(
                UploadCompletedEvent(
                    name: name, uploadID: "u1", parts: [.init(number: 1, etag: nil)], etag: "e", seen: at(5))))
        let version = try #require(try bench.ledger.current(name))
        #expect(try bench.bytes(of: version) == content(9, 25))
    }

    @Test func `the ETag in the completing request chooses among uploads of the same part`() throws {
        let bench = LedgerBench()
        try bench.part(name, "u1", 1, content(1, 20), 2, etag: "old")
        try bench.part(name, "u1", 1, content(9, 25), 4, etag: "new")
        try bench.complete(name, "u1", [1], 5, etags: [1: "old"])
        let version = try #require(try bench.ledger.current(name))
        #expect(try bench.bytes(of: version) == content(1, 20))
    }

    @Test func `a repeated completion changes nothing`() throws {
        let bench = LedgerBench()
        try bench.part(name, "u1", 1, content(1, 20), 2)
        try bench.complete(name, "u1", [1], 5)
        let first = try bench.ledger.versions(of: name)
        try bench.complete(name, "u1", [1], 6)
        let second = try bench.ledger.versions(of: name)
        #expect(second.map(\.id) == first.map(\.id))
        #expect(second.map(\.holdings) == first.map(\.holdings))
    }

    @Test func `a replay of the whole upload changes nothing`() throws {
        let bench = LedgerBench()
        func replay() throws {
            try created(bench, 1)
            for number in 1...3 { try bench.part(name, "u1", number, content(number, 20), Double(number)) }
            try bench.complete(name, "u1", [1, 2, 3], 5)
            try created(bench, 10, upload: "u2")
            try bench.part(name, "u2", 1, content(7, 20), 11)
            try aborted(bench, 12, upload: "u2")
        }
        try replay()
        try bench.commit()
        try replay()
        #expect(try bench.commit() == [])
    }

    @Test func `an aborted upload leaves nothing, even when its parts are replayed`() throws {
        let bench = LedgerBench()
        try created(bench, 1)
        try bench.part(name, "u1", 1, content(1, 20), 2)
        try aborted(bench, 3)
        try bench.part(name, "u1", 1, content(1, 20), 2)
        #expect(try bench.live() == [])
        try bench.commit()
        #expect(bench.catalog.count(of: .parts) == 0)
        var open = 0
        try bench.ledger.visitUploads { _ in
            open += 1
            return .next
        }
        #expect(open == 0)
    }

    @Test func `gaps of a part are gaps of the object at the part's place`() throws {
        let bench = LedgerBench()
        try bench.part(name, "u1", 1, content(1, 40), 1)
        try bench.part(name, "u1", 2, content(2, 40), 2, missing: [(8..<16, .snapped)])
        try bench.complete(name, "u1", [1, 2], 5)
        let version = try #require(try bench.ledger.current(name))
        #expect(version.state == .partial)
        #expect(version.size == 80)
        #expect(version.gaps == [Gap(offset: 48, length: 8, cause: .snapped)])
    }

    @Test func `behind a part that was not seen nothing has a certain place until the size is known`() throws {
        let bench = LedgerBench()
        try bench.part(name, "u1", 1, content(1, 40), 1)
        try bench.part(name, "u1", 3, content(3, 30), 2)
        try bench.complete(name, "u1", [1, 2, 3], 5)
        var version = try #require(try bench.ledger.current(name))
        #expect(version.size == nil)
        #expect(version.gaps == [Gap(offset: 40, length: nil, cause: .neverSeen)])
        #expect(try bench.bytes(of: version) == content(1, 40))

        try bench.describe(name, 6, size: 120, etag: "whole")
        version = try #require(try bench.ledger.current(name))
        #expect(version.partSizes == [40, 50, 30])
        #expect(version.gaps == [Gap(offset: 40, length: 50, cause: .neverSeen)])
        #expect(try bench.bytes(of: version).suffix(30).elementsEqual(content(3, 30)))

        try bench.read(name, content(1, 40) + content(2, 50) + content(3, 30), 7, range: 35..<95, etag: "whole")
        version = try #require(try bench.ledger.current(name))
        #expect(version.state == .complete)
        #expect(version.partSizes == [40, 50, 30])
    }

    @Test func `a part between two unknown ones floats, and nothing of it is lost`() throws {
        let bench = LedgerBench()
        try bench.part(name, "u1", 2, content(2, 40), 1)
        try bench.part(name, "u1", 4, content(4, 30), 2)
        try bench.complete(name, "u1", [1, 2, 3, 4], 5)
        try bench.describe(name, 6, size: 150, etag: "whole")
        var version = try #require(try bench.ledger.current(name))
        #expect(version.gaps == [Gap(offset: 0, length: 120, cause: .neverSeen)])
        try bench.commit()
        #expect(bench.catalog.count(of: .parts) == 1)
        // A part of another capture, replayed late, settles the rest.
        try bench.part(name, "u1", 1, content(1, 50), 0.5)
        version = try #require(try bench.ledger.current(name))
        #expect(version.partSizes == [50, 40, 30, 30])
        #expect(version.gaps == [Gap(offset: 90, length: 30, cause: .neverSeen)])
    }

    @Test func `a completion that is replayed before its parts is filled by them`() throws {
        let bench = LedgerBench()
        try bench.complete(name, "u1", [1, 2], 5)
        #expect(try bench.ledger.current(name)?.gaps == [Gap(offset: 0, length: nil, cause: .neverSeen)])
        try bench.part(name, "u1", 2, content(2, 40), 2)
        try bench.part(name, "u1", 1, content(1, 40), 1)
        let version = try #require(try bench.ledger.current(name))
        #expect(version.state == .complete)
        #expect(try bench.bytes(of: version) == content(1, 40) + content(2, 40))
        try bench.commit()
        #expect(bench.catalog.count(of: .parts) == 0)
    }

    @Test func `a part whose framing was lost is placed with an open end`() throws {
        let bench = LedgerBench()
        try bench.part(name, "u1", 1, content(1, 40), 1)
        let id = bench.transfer(content(2, 24), end: .framingLost)
        try bench.ledger.apply(
            .partStored(
                PartStoredEvent(
                    name: name, uploadID: "u1", partNumber: 2, transfer: id, size: nil, etag: "part-2", seen: at(2))))
        try bench.complete(name, "u1", [1, 2], 5)
        let version = try #require(try bench.ledger.current(name))
        #expect(version.size == nil)
        #expect(try bench.bytes(of: version) == content(1, 40) + content(2, 24))
        try bench.describe(name, 6, size: 70, etag: "whole")
        #expect(try bench.ledger.current(name)?.gaps.map(\.offset) == [64])
        #expect(try bench.ledger.current(name)?.gaps.map(\.length) == [6])
    }

    @Test func `an unseen list of parts is inferred only when lengths and number agree with the cloud`() throws {
        let etag = String(repeating: "0", count: 32) + "-2"
        let bench = LedgerBench()
        try bench.part(name, "u1", 1, content(1, 40), 1)
        try bench.part(name, "u1", 2, content(2, 30), 2)
        try bench.complete(name, "u1", nil, 5, etag: etag)
        #expect(try bench.ledger.current(name)?.size == nil)
        try bench.describe(name, 6, size: 70, etag: etag)
        let version = try #require(try bench.ledger.current(name))
        #expect(version.state == .complete)
        #expect(try bench.bytes(of: version) == content(1, 40) + content(2, 30))

        let other = LedgerBench()
        try other.part(name, "u1", 1, content(1, 40), 1)
        try other.part(name, "u1", 2, content(2, 30), 2)
        try other.complete(name, "u1", nil, 5, etag: String(repeating: "0", count: 32) + "-3")
        try other.describe(name, 6, size: 70, etag: String(repeating: "0", count: 32) + "-3")
        #expect(try other.ledger.current(name)?.state == .partial)
    }

    @Test func `sizes that contradict each other place nothing`() throws {
        let bench = LedgerBench()
        try bench.part(name, "u1", 2, content(2, 40), 1)
        try bench.complete(name, "u1", [1, 2], 5)
        try bench.describe(name, 6, size: 30, etag: "whole")
        let version = try #require(try bench.ledger.current(name))
        #expect(version.state == .partial)
        #expect(version.holdings.covered.isEmpty)
        #expect(bench.ledger.counters.contradictions > 0)
    }

    @Test func `a part copied on the server takes the source's blocks and cuts what the range cuts`() throws {
        let bench = LedgerBench()
        let source = object("source")
        let bytes = content(5, 100)
        try bench.put(source, bytes, 1, etag: "s")
        try bench.ledger.apply(
            .partCopied(
                PartCopiedEvent(
                    name: name, uploadID: "u1", partNumber: 1, source: source, sourceRange: 5..<75, etag: "part-1",
                    seen: at(2))))
        try bench.part(name, "u1", 2, content(6, 20), 3)
        try bench.complete(name, "u1", [1, 2], 5)
        var version = try #require(try bench.ledger.current(name))
        #expect(version.size == 90)
        #expect(version.state == .partial)
        #expect(version.gaps.map(\.offset) == [0, 59])
        #expect(version.needsRegrid)
        try bench.regrid()
        version = try #require(try bench.ledger.current(name))
        #expect(version.state == .complete)
        #expect(try bench.bytes(of: version) == bytes[5..<75] + content(6, 20))
        #expect(!version.needsRegrid)
    }

    @Test func `a part copied from a source that is not known lacks its bytes but not its length`() throws {
        let bench = LedgerBench()
        try bench.ledger.apply(
            .partCopied(
                PartCopiedEvent(
                    name: name, uploadID: "u1", partNumber: 1, source: object("nowhere"), sourceRange: 0..<50,
                    etag: "part-1", seen: at(2))))
        try bench.part(name, "u1", 2, content(6, 20), 3)
        try bench.complete(name, "u1", [1, 2], 5)
        let version = try #require(try bench.ledger.current(name))
        #expect(version.size == 70)
        #expect(version.gaps == [Gap(offset: 0, length: 50, cause: .neverSeen)])
    }

    @Test func `uploads without activity expire with their parts`() throws {
        let bench = LedgerBench()
        try bench.part(name, "u1", 1, content(1, 16 * 20), 2)
        try bench.part(name, "u2", 1, content(1, 20), 100)
        #expect(try bench.ledger.expireUploads(lastSeenBefore: seconds(50), max: 10) == 1)
        try bench.commit()
        #expect(bench.catalog.count(of: .uploads) == 1)
        #expect(bench.catalog.count(of: .parts) == 1)
        #expect(bench.catalog.count(of: .manifests) == 0)
    }
}
