import Blocks
import Encryption
import Foundation
import Objects
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Vaults

/// A medium whose connection a test cuts and mends.
final class CutMedium: SegmentMedium {
    private let base: any SegmentMedium
    let isCut = Mutex(false)
    /// Half of what is put arrives, and the answer does not, as when a connection breaks.
    let losesAnswers = Mutex(false)

    init(_ base: any SegmentMedium) { self.base = base }

    var place: String { base.place }

    private func check() throws(StorageError) {
        guard isCut.withLock({ $0 }) else { return }
        throw .medium(operation: "reach", place: place, reason: "the line is cut", isPassing: true)
    }

    func put(_ name: String, _ bytes: [UInt8], onlyIfAbsent: Bool) throws(StorageError) -> MediumPut {
        try check()
        let result = try base.put(name, bytes, onlyIfAbsent: onlyIfAbsent)
        if losesAnswers.withLock({ $0 }) {
            losesAnswers.withLock { $0 = false }
            throw .medium(operation: "put", place: place, reason: "no answer", isPassing: true)
        }
        return result
    }

    func size(of name: String) throws(StorageError) -> UInt64? {
        try check()
        return try base.size(of: name)
    }

    func read(_ name: String, _ range: Range<UInt64>) throws(StorageError) -> [UInt8] {
        try check()
        return try base.read(name, range)
    }

    func objects(under prefix: String) throws(StorageError) -> [MediumObject] {
        try check()
        return try base.objects(under: prefix)
    }

    func remove(_ name: String) throws(StorageError) {
        try check()
        try base.remove(name)
    }
}

/// A bucket that is a folder, behind a line that can be cut, under a URL of its own.
struct Bucket {
    let url: String
    let medium: CutMedium
    let path: String

    init(_ path: String) {
        let scheme = "cut\(UInt64.random(in: 0...UInt64.max))"
        let medium = CutMedium(FileMedium(path: path))
        SegmentMedia.register(scheme) { _ in medium }
        (url, self.medium, self.path) = (scheme + ":bucket", medium, path)
    }

    func makeFolder(
        _ path: String, secret: VaultSecret? = nil, _ change: (inout VaultBackend) -> Void = { _ in }
    ) throws -> Bool {
        var backend = VaultBackend(url: url)
        change(&backend)
        return try VaultLifecycle.create(
            at: path, backend: backend, blockSize: BlockSize(bytes: Traffic.blockBytes), secret: secret
        ).isJoined
    }

    func segments() throws -> [String] { try FileMedium(path: path).objects(under: "segments/").map(\.name) }
}

private func localSegmentFiles(_ vault: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: vault + "/segments").filter { $0.hasSuffix(".oxs") }
}

private func fill(_ vault: String, _ names: [String], seed: Int = 0, secret: VaultSecret? = nil) throws {
    var traffic = Traffic()
    var writer = try Traffic.openWriter(vault, secret: secret)
    for (index, name) in names.enumerated() {
        try traffic.put(object(name), content(seed + index, 9000), into: &writer)
    }
    try writer.close()
}

private func everything(_ vault: String, secret: VaultSecret? = nil) throws -> [String: [UInt8]] {
    let reader = try VaultReader(opening: vault, secret: secret)
    var found: [String: [UInt8]] = [:]
    try reader.visitCurrent { version in
        found[version.name.url] = try reader.bytes(of: version, in: 0..<(version.size ?? 0))
    }
    return found
}

@Suite struct `A vault with a backend` {
    @Test func `brings its sealed segments there, and reads those that went from its folder`() throws {
        let folder = try TemporaryFolder()
        let bucket = Bucket(folder / "bucket")
        let vault = folder / "vault"
        #expect(try bucket.makeFolder(vault) { $0.cacheBytes = 0 } == false)
        for run in 0..<3 { try fill(vault, ["a\(run)", "b\(run)"], seed: 10 * run) }
        #expect(try bucket.segments().count == 3)
        #expect(try localSegmentFiles(vault).isEmpty)
        let found = try everything(vault)
        #expect(found.count == 6 && found[object("b2").url] == content(21, 9000))
        #expect(try VaultInspection(VaultReader(opening: vault)).problems.isEmpty)
        // What is in no file and cannot be reached is an error that says so, and not an answer.
        bucket.medium.isCut.withLock { $0 = true }
        let text = message { try everything(vault) }
        #expect(text.contains("the line is cut"), "\(text)")
    }

    @Test func `is brought back from the backend alone`() throws {
        let folder = try TemporaryFolder()
        let bucket = Bucket(folder / "bucket")
        let vault = folder / "vault"
        _ = try bucket.makeFolder(vault)
        for run in 0..<3 { try fill(vault, ["a\(run)", "same"], seed: 10 * run) }
        let before = try everything(vault)
        let listing = try versions(vault)
        try FileManager.default.removeItem(atPath: vault)
        let report = try VaultRebuild.restore(from: bucket.url, to: vault)
        #expect(report.segments == 3 && report.damage.isEmpty)
        #expect(try everything(vault) == before)
        #expect(try versions(vault) == listing)
        // It shows what is there, and writes nothing.
        let text = message { _ = try Traffic.openWriter(vault) }
        #expect(text.contains("only reads"), "\(text)")
    }

    @Test func `goes on in the place of a lost folder, with numbers that the lost one never used`() throws {
        let folder = try TemporaryFolder()
        let bucket = Bucket(folder / "bucket")
        let vault = folder / "vault"
        _ = try bucket.makeFolder(vault)
        try fill(vault, ["a", "b"])
        let writer = try #require(try VaultBackend(reading: VaultLayout(root: vault))?.writer)
        try FileManager.default.removeItem(atPath: vault)
        _ = try VaultRebuild.restore(from: bucket.url, to: vault, as: writer)
        try fill(vault, ["c"], seed: 5)
        #expect(try everything(vault).count == 3)
        let numbers = try bucket.segments().compactMap { SegmentNumber(objectName: $0) }
        #expect(numbers.allSatisfy { $0.writer == writer })
        #expect(numbers.map(\.sequence).max() ?? 0 > 65_536)
        #expect(throws: VaultError.self) {
            try VaultRebuild.restore(from: bucket.url, to: folder / "other", as: writer ^ 1)
        }
    }

    @Test func `stays within its spool while the backend is away, and loses nothing`() throws {
        let folder = try TemporaryFolder()
        let bucket = Bucket(folder / "bucket")
        let vault = folder / "vault"
        _ = try bucket.makeFolder(vault) {
            $0.spoolBytes = 2 * $0.segmentBytes
            $0.sealSeconds = 1
            $0.cacheBytes = 0
        }
        bucket.medium.isCut.withLock { $0 = true }
        var traffic = Traffic()
        var writer = try Traffic.openWriter(vault)
        // Until it waits: then it gives up, being told to, and what was committed is there.
        let isEnding = Mutex(false)
        writer.givesUp = { isEnding.withLock { $0 } }
        var stored = 0
        isEnding.withLock { $0 = true }
        do {
            for number in 0..<1000 {
                try traffic.put(object("\(number)"), content(number, 32 * 4096), into: &writer)
                try writer.commit()
                stored += 1
            }
        } catch {
            #expect("\(error)".contains("the line is cut"), "\(error)")
        }
        #expect(stored > 100 && stored < 1000)
        let spooled = try FileMedium(path: vault).objects(under: "segments/").reduce(0) { $0 + $1.size }
        #expect(spooled <= 2 * 32 << 20)
        // The line comes back: the writer goes on where it was.
        bucket.medium.isCut.withLock { $0 = false }
        isEnding.withLock { $0 = false }
        for number in stored..<stored + 50 {
            try traffic.put(object("\(number)"), content(number, 32 * 4096), into: &writer)
        }
        try writer.close()
        #expect(writer.uploadStatus?.segmentsWaiting == 0)
        let found = try everything(vault)
        for number in 0..<stored + 50 { #expect(found[object("\(number)").url] == content(number, 32 * 4096)) }
    }

    @Test func `leaves what it cannot send to the next run, and takes an unanswered put for what it is`() throws {
        let folder = try TemporaryFolder()
        let bucket = Bucket(folder / "bucket")
        let vault = folder / "vault"
        _ = try bucket.makeFolder(vault) { $0.sealSeconds = 1 }
        bucket.medium.isCut.withLock { $0 = true }
        try fill(vault, ["a", "b"])
        #expect(try bucket.segments().isEmpty)
        #expect(try everything(vault).count == 2)
        bucket.medium.isCut.withLock { $0 = false }
        bucket.medium.losesAnswers.withLock { $0 = true }
        try fill(vault, ["c"], seed: 5)
        #expect(try bucket.segments().count == 2)
        try FileManager.default.removeItem(atPath: vault)
        #expect(try VaultRebuild.restore(from: bucket.url, to: vault).damage.isEmpty)
        #expect(try everything(vault).count == 3)
    }

    @Test func `acknowledges what is in the backend only, when told so`() throws {
        let folder = try TemporaryFolder()
        let bucket = Bucket(folder / "bucket")
        let vault = folder / "vault"
        _ = try bucket.makeFolder(vault) {
            $0.acknowledgement = .remote
            $0.sealSeconds = 1
        }
        try fill(vault, ["a"])
        bucket.medium.isCut.withLock { $0 = true }
        var traffic = Traffic()
        var writer = try Traffic.openWriter(vault)
        writer.givesUp = { true }
        try traffic.put(object("b"), content(1, 9000), into: &writer)
        #expect(throws: VaultError.self) { try writer.commit() }
        let reader = try writer.makeReader()
        #expect(try reader.catalog.current(object("b")) == nil)
        #expect(try reader.catalog.current(object("a")) != nil)
    }

    @Test func `refuses a name that somebody else took, and keeps what is there`() throws {
        let folder = try TemporaryFolder()
        let bucket = Bucket(folder / "bucket")
        let vault = folder / "vault"
        _ = try bucket.makeFolder(vault)
        let backend = try #require(try VaultBackend(reading: VaultLayout(root: vault)))
        let name = SegmentNumber(backend.numberBase + 1).objectName
        _ = try FileMedium(path: bucket.path).put(name, [1, 2, 3], onlyIfAbsent: true)
        var traffic = Traffic()
        var writer = try Traffic.openWriter(vault)
        try traffic.put(object("a"), content(1, 9000), into: &writer)
        try writer.close()
        #expect(writer.uploadStatus?.segmentsWaiting == 1)
        #expect(writer.uploadStatus?.lastFailure?.contains("another folder") == true)
        #expect(try FileMedium(path: bucket.path).contents(of: name, limit: 10) == [1, 2, 3])
    }

    @Test func `encrypted, tells the backend nothing`() throws {
        let folder = try TemporaryFolder()
        let bucket = Bucket(folder / "bucket")
        let (vault, secret) = (folder / "vault", try keyFileSecret())
        _ = try bucket.makeFolder(vault, secret: secret)
        try fill(vault, ["canary-name-1", "canary-name-2"], secret: secret)
        for entry in try FileMedium(path: bucket.path).objects(under: "") {
            let bytes = try FileMedium(path: bucket.path).read(entry.name, 0..<entry.size)
            #expect(
                Data(bytes).range(of: Data("canary".utf8)) == nil && !entry.name.contains("canary"), "\(entry.name)")
        }
        let before = try everything(vault, secret: secret)
        // Its keys changed, what the backend has opens with the new ones.
        let other = try keyFileSecret(2)
        try VaultLifecycle.rekey(at: vault, with: secret, to: other, startsEpoch: true)
        try fill(vault, ["later"], seed: 7, secret: other)
        try FileManager.default.removeItem(atPath: vault)
        #expect(throws: VaultError.self) {
            try VaultRebuild.restore(from: bucket.url, to: folder / "wrong", secret: secret)
        }
        _ = try VaultRebuild.restore(from: bucket.url, to: vault, secret: other)
        let after = try everything(vault, secret: other)
        #expect(after.count == 3 && before.allSatisfy { after[$0.key] == $0.value })
    }
}

@Suite struct `Several folders that write into one backend` {
    @Test func `lose nothing, and a rebuild shows what all of them stored`() throws {
        let folder = try TemporaryFolder()
        let bucket = Bucket(folder / "bucket")
        let vaults = (0..<3).map { folder / "vault\($0)" }
        #expect(try vaults.map { try bucket.makeFolder($0) } == [false, true, true])
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 3) { number in
            do {
                for run in 0..<2 {
                    // Names of its own, and one that all have with the same bytes.
                    try fill(vaults[number], ["own-\(number)-\(run)"], seed: 100 * number + run)
                    try fill(vaults[number], ["shared"], seed: 7)
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
        let report = try VaultRebuild.restore(from: bucket.url, to: folder / "all")
        #expect(report.damage.isEmpty && report.segments >= 9)
        let found = try everything(folder / "all")
        #expect(found.count == 7)
        for number in 0..<3 {
            for run in 0..<2 { #expect(found[object("own-\(number)-\(run)").url] == content(100 * number + run, 9000)) }
        }
        #expect(found[object("shared").url] == content(7, 9000))
        #expect(try VaultInspection(VaultReader(opening: folder / "all")).problems.isEmpty)
        // Every version that one of them knows is there.
        let all = Set(try versions(folder / "all"))
        for vault in vaults { #expect(all.isSuperset(of: try versions(vault))) }
    }

    @Test func `what two saw of one version is whole where one saw it whole, whoever comes first`() throws {
        let folder = try TemporaryFolder()
        for (partial, whole) in [(0, 1), (1, 0)] {
            let bucket = Bucket(folder / "bucket\(partial)")
            let vaults = (0..<2).map { folder / "vault\(partial)\($0)" }
            for vault in vaults { _ = try bucket.makeFolder(vault) }
            for (number, missing) in [(partial, 4096..<8192), (whole, nil)] as [(Int, Range<Int>?)] {
                var traffic = Traffic()
                var writer = try Traffic.openWriter(vaults[number])
                try traffic.put(object("a"), content(1, 20_000), missing: missing, into: &writer)
                try writer.close()
            }
            _ = try VaultRebuild.restore(from: bucket.url, to: folder / "all\(partial)")
            let version = try VaultReader(opening: folder / "all\(partial)").catalog.current(object("a"))
            #expect(version?.state == .complete)
            #expect(try everything(folder / "all\(partial)")[object("a").url] == content(1, 20_000))
        }
    }

    @Test func `a folder that joins must open the vault with its key, and with its block size`() throws {
        let folder = try TemporaryFolder()
        let bucket = Bucket(folder / "bucket")
        _ = try bucket.makeFolder(folder / "one", secret: try keyFileSecret())
        #expect(throws: VaultError.self) { try bucket.makeFolder(folder / "two") }
        #expect(throws: VaultError.self) { try bucket.makeFolder(folder / "three", secret: try keyFileSecret(2)) }
        #expect(try bucket.makeFolder(folder / "four", secret: try keyFileSecret()) == true)
    }
}

/// Every version of every name, in words that do not depend on where its bytes are.
private func versions(_ vault: String) throws -> [String] {
    let reader = try VaultReader(opening: vault)
    var found: [String] = []
    try reader.visitNames { name in
        for version in try reader.catalog.versions(of: name) {
            found.append("\(name.url) \(version.time) \(version.kind) \(version.state) \(version.size ?? 0)")
        }
    }
    return found.sorted()
}
