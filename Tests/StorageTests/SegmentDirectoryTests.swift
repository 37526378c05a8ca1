import Blocks
import Foundation
import Testing

@testable import Storage

@Suite struct SegmentDirectoryTests {
    @Test func `numbers count up from one, and never below what was ever used`() throws {
        let fixture = try Fixture()
        #expect(try fixture.directory.segmentNumbers() == [])
        #expect(try fixture.directory.createSegment().header.number == 1)
        #expect(try fixture.directory.createSegment().header.number == 2)
        #expect(try fixture.directory.createSegment(highestUsed: 9).header.number == 10)
        #expect(try fixture.directory.createSegment(highestUsed: 3).header.number == 11)
        #expect(try fixture.directory.segmentNumbers() == [1, 2, 10, 11])
    }

    @Test func `other files in the folder are left alone`() throws {
        let fixture = try Fixture()
        _ = try fixture.directory.createSegment().path
        let others = [
            "README", "000000000000000g.oxs", "00000000000000001.oxs", "0000000000000002.oxs.new",
            "+000000000000003.oxs", "000000000000000A.oxs",
        ]
        for name in others { try RawFile(path: fixture.directory.path + "/" + name).replace(with: [1]) }
        #expect(try fixture.directory.segmentNumbers() == [1])
        // A draft left from a stop is no obstacle.
        #expect(try fixture.directory.createSegment().header.number == 2)
        let left = try FileManager.default.contentsOfDirectory(atPath: fixture.directory.path)
        #expect(
            Set(left)
                == Set(others).subtracting(["0000000000000002.oxs.new"]).union([
                    "0000000000000001.oxs", "0000000000000002.oxs",
                ]))
    }

    @Test func `files are named by their number in sixteen digits`() throws {
        let fixture = try Fixture()
        #expect(fixture.directory.path(of: 0xABC) == fixture.directory.path + "/0000000000000abc.oxs")
        #expect(SegmentDirectory.number(ofFileNamed: "ffffffffffffffff.oxs") == .max)
    }

    @Test func `the header says whose segment it is`() throws {
        let fixture = try Fixture()
        let writer = try fixture.directory.createSegment(writer: 77)
        let header = try fixture.directory.openSegment(1).header
        #expect(header == writer.header)
        #expect(header.writer == 77)
        #expect(header.vault == fixture.directory.vault)
        #expect(header.blockSize.bytes == 4096)
        #expect(header.createdTime > 1_600_000_000_000_000_000)
    }

    @Test func `files of a vault are for its owner alone`() throws {
        let fixture = try Fixture()
        var status = stat()
        #expect(stat(try fixture.directory.createSegment().path, &status) == 0)
        #expect(status.st_mode & 0o077 == 0)
    }

    @Test func `vault ids are random and survive their text`() {
        let id = VaultID.random()
        #expect(id != VaultID.random())
        #expect(VaultID("\(id)") == id)
        #expect("\(VaultID(high: 1, low: 2))" == "00000000000000010000000000000002")
        for text in ["", "12", String(repeating: "g", count: 32), "+" + String(repeating: "0", count: 31)] {
            #expect(VaultID(text) == nil)
        }
    }
}

@Suite struct FileBlockStoreTests {
    @Test func `reads blocks of any segment and keeps few files open`() throws {
        var options = StorageOptions.mixed
        options.openReadersMax = 3
        let fixture = try Fixture(options: options)
        let store = FileBlockStore(fixture.directory)
        var stored: [(BlockLocation, [UInt8])] = []
        for number in UInt8(1)...10 {
            var writer = try store.createSegment(writer: 1, highestUsed: 0)
            let bytes = [UInt8](repeating: number, count: 4096)
            stored.append((try fixture.append([.block(bytes)], to: &writer).blocks[0], bytes))
            try writer.seal()
            try store.publish(writer.header.number)
        }
        for (location, bytes) in stored + stored.reversed() { #expect(try store.read(location) == bytes) }
        #expect(store.openReaders == 3)
        #expect(store.evictedReaders == 14)
        try store.drop(1)
        #expect(store.openReaders == 2)
        #expect(try store.segmentNumbers() == Array(2...10))
        // Its file is there for a while, under another name.
        let now = UInt64(Date().timeIntervalSince1970 * 1e9)
        let kept = try fixture.directory.removeDropped(olderThan: 3_600_000_000_000, at: now)
        #expect(kept.freed == 0 && kept.kept > 4096)
        #expect(try store.read(stored[0].0) == stored[0].1)
        let removed = try fixture.directory.removeDropped(olderThan: 0, at: now)
        #expect(removed.freed == kept.kept && removed.kept == 0)
        #expect(throws: StorageError.noSuchSegment(path: fixture.directory.path(of: 1))) {
            _ = try fixture.directory.openSegment(1)
        }
        _ = try store.openSegment(9)
        let buffer = try #require(fixture.pool.acquire())
        try store.read(stored[4].0, of: Fingerprint(0, 0, 0, 0), into: buffer, of: fixture.pool)
        fixture.pool.withBytes(of: buffer, count: 1) { #expect($0.unsafeLoad(as: UInt8.self) == 5) }
    }

    @Test func `threads share readers`() async throws {
        var options = StorageOptions.mixed
        options.openReadersMax = 2
        let fixture = try Fixture(options: options)
        let store = FileBlockStore(fixture.directory)
        var locations: [BlockLocation] = []
        for number in UInt8(1)...6 {
            var writer = try store.createSegment(writer: 1, highestUsed: 0)
            locations += try fixture.append([.block([UInt8](repeating: number, count: 4096))], to: &writer).blocks
        }
        let shared = locations
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for round in 0..<200 {
                        let number = (task * 7 + round * 5) % 6
                        let bytes = try store.read(shared[number])
                        if bytes != [UInt8](repeating: UInt8(number + 1), count: 4096) { return false }
                    }
                    return true
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
        #expect(store.openReaders <= 2)
    }

    @Test func `a location of absurd length is damage before it is memory`() throws {
        let fixture = try Fixture()
        let store = FileBlockStore(fixture.directory)
        let location = BlockLocation(
            segment: 1, payloadOffset: 0, storedLength: .max, rawLength: .max, crc32c: 0)
        #expect {
            try store.read(location)
        } throws: { error in
            guard case .damaged = error as? StorageError else { return false }
            return true
        }
    }
}
