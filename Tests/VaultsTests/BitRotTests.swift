import Encryption
import Foundation
import TestSupport
import Testing

@testable import Vaults

@Suite struct `One turned byte anywhere in a vault` {
    /// A few for every day; `Tools/bitrot` says more.
    private static let places = ProcessInfo.processInfo.environment["OXBOW_BITROT_PLACES"].flatMap { Int($0) } ?? 30

    @Test(arguments: [false, true])
    func `is found, named, repaired from a second copy, and never served`(_ isEncrypted: Bool) throws {
        let folder = try TemporaryFolder()
        let secret = isEncrypted ? try keyFileSecret() : nil
        let vault = try RottingVault(folder, secret: secret)
        #expect(try VaultScrub.run(at: vault.path, secret: secret).findings == [])
        let sound = folder / "sound"
        try FileManager.default.copyItem(atPath: vault.path, toPath: sound)
        let files = try vault.files()
        #expect(files.count { $0.path.hasSuffix(".oxs") } >= 4 && files.contains { $0.path.hasSuffix(".sst") })
        var random = SeededGenerator(seed: isEncrypted ? 7 : 8)
        var found: [String: Int] = [:]
        for _ in 0..<Self.places {
            // Half in segments, half in RocksDB's files, which are smaller.
            let wantsSegment = Bool.random(using: &random)
            let among = files.filter { $0.path.hasSuffix(".oxs") == wantsSegment }
            var place = Int.random(in: 0..<among.reduce(0) { $0 + $1.size }, using: &random)
            let file = try #require(
                among.first { file in
                    if place < file.size { return true }
                    place -= file.size
                    return false
                })
            try turnBits(UInt8.random(in: 1...255, using: &random), at: place, of: file.path)
            found[try check(vault, file.path, place), default: 0] += 1
            try FileManager.default.removeItem(atPath: vault.path)
            try FileManager.default.copyItem(atPath: sound, toPath: vault.path)
        }
        print("bit rot, \(isEncrypted ? "encrypted" : "in clear"): \(found.sorted { $0.key < $1.key })")
    }

    @Test(arguments: [false, true])
    func `in the first page of the segment that a writer would go on in keeps nobody from opening the vault`(
        _ isEncrypted: Bool
    ) throws {
        let folder = try TemporaryFolder()
        let vault = try RottingVault(folder, secret: isEncrypted ? try keyFileSecret() : nil)
        try FileManager.default.copyItem(atPath: vault.path, toPath: folder / "sound")
        let last = try #require(try vault.files().map(\.path).filter { $0.hasSuffix(".oxs") }.max())
        for place in [0, 9, 20, 905, 4095] {
            try turnBits(1, at: place, of: last)
            _ = try check(vault, last, place)
            try FileManager.default.removeItem(atPath: vault.path)
            try FileManager.default.copyItem(atPath: folder / "sound", toPath: vault.path)
        }
    }

    /// Scrubs and reads the damaged vault. Returns how the damage showed.
    private func check(_ vault: RottingVault, _ file: String, _ place: Int) throws -> String {
        let label = "byte \(place) of \(file)"
        // Reading first: a reader must not need a scrub to be safe.
        let errors = vault.readAll()
        let report: ScrubReport
        do {
            report = try VaultScrub.run(at: vault.path, secret: vault.secret)
        } catch {
            Issue.record("\(label): \(error)")
            return "not scrubbed"
        }
        guard let first = report.findings.first else {
            // RocksDB's own log, or the end of its manifest, which it takes for cut short: what it lost was applied once more
            // from the segments when the vault was opened.
            let isLog = file.hasSuffix(".log") || file.contains("/MANIFEST-")
            #expect(isLog, "\(label) was not found")
            #expect(errors.isEmpty && (try? vault.reader().everything()) == vault.everything, "\(label)")
            return "mended on opening"
        }
        if file.hasSuffix(".oxs") {
            #expect(
                report.findings.contains { finding in
                    finding.path == file && finding.offset.map { Int($0) <= place } ?? false
                        && Int((finding.offset ?? 0) + (finding.length ?? 0)) > place
                }, "\(label) is not within \(report.findings)")
        }
        // Who cannot be read is named.
        let named = Set(report.findings.flatMap(\.objects).map(\.name))
        for key in errors.keys where first.part != .catalog {
            #expect(named.contains(object(key).url), "\(label): \(key) is not named: \(errors[key] ?? "")")
        }
        try repair(vault, report.findings, label)
        return first.part.rawValue
    }

    /// Mends it with the sound copy as the source, as `oxbow scrub --repair` does.
    private func repair(_ vault: RottingVault, _ findings: [ScrubFinding], _ label: String) throws {
        if findings.contains(where: { $0.part == .catalog || $0.part == .catalogRow }) {
            _ = try VaultRebuild.run(at: vault.path, secret: vault.secret)
        }
        let sound = vault.path.replacing("/vault", with: "/sound", maxReplacements: 1)
        let source = VaultBlockSource(try VaultReader(opening: sound, secret: vault.secret))
        let repaired = try `A repair`.run(vault.path, vault.secret, from: source)
        #expect(repaired.blocksLost == [], "\(label)")
        #expect(vault.readAll().isEmpty, "\(label) was not repaired")
        #expect(try VaultScrub.run(at: vault.path, secret: vault.secret).findings == [], "\(label) was not repaired")
    }
}
