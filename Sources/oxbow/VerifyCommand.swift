import ArgumentParser
import Catalog
import Foundation
import Objects
import Vaults

/// `oxbow verify`.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Reads every object back and recomputes its digests.",
        discussion: """
            Every block is read, its checksum and fingerprint recomputed; whole objects get their SHA-256 printed (--json), \
            and every digest that the cloud stated is computed again. Nothing is changed.

            Exit code 1 when a block is missing or damaged, or a digest that once matched no longer does; with --at also when \
            retention has removed an object of that moment.
            """)

    @OptionGroup var vault: VaultOptions

    @Argument(help: "Verify only names that begin with this URL.")
    var prefix: String?

    @Flag(help: "Print one JSON object a line, with the sha256 of each whole object.")
    var json = false

    @Flag(help: "Verify every version that is kept, not only the current one of each name.")
    var versions = false

    @Flag(help: "List tombstones, too.")
    var deleted = false

    @OptionGroup var moment: MomentOptions

    func run() throws {
        let time = try moment.time()
        let reader = try vault.openForReading()
        var tally = Tally()
        var progress = ProgressLine(isEnabled: !json)
        var checks = OrderedWork<[(VersionRecord, ObjectCheck?)]>(
            threads: ProcessInfo.processInfo.activeProcessorCount
        ) { checked in
            for (version, check) in checked { try report(version, check, &tally) }
            progress.draw(
                done: tally.objects, total: .max, text: "\(tally.objects) objects, \(ByteText.text(tally.bytes))")
        }
        var batch = Batch()
        try reader.visitCurrent(asOf: time, includingTombstones: deleted || versions) { current in
            guard prefix.map({ current.name.url.hasPrefix($0) }) ?? true else { return }
            batch.versions +=
                versions ? try reader.catalog.versions(of: current.name).filter { $0.stands(asOf: time) } : [current]
            if batch.isFull { try checks.add(batch.take().check(in: reader)) }
        }
        try checks.add(batch.take().check(in: reader))
        try checks.finish()
        progress.clear()
        let forgotten = try ForgottenObjects.report(in: reader, at: time, json: json) { name in
            prefix.map { name.url.hasPrefix($0) } ?? true
        }
        if !json { try tally.print() }
        if tally.damaged > 0 || forgotten > 0 { throw ExitCode(ExitStatus.findings) }
    }

    private func report(_ version: VersionRecord, _ check: ObjectCheck?, _ tally: inout Tally) throws {
        var line = ObjectJSON(version)
        if let check {
            line.sha256 = check.sha256Text
            line.problems = check.problems.isEmpty ? nil : check.problems
            tally.add(version, check)
            for problem in check.problems { Terminal.note("\(version.name.url): \(problem)") }
        }
        if json { try JSONLine.print(line) }
    }

    /// Versions that one thread checks: one large object, or so many small ones that handing them over costs nothing beside.
    private struct Batch {
        var versions: [VersionRecord] = []

        var isFull: Bool { versions.count >= 64 || versions.contains { $0.size ?? 0 >= 1 << 20 } }

        mutating func take() -> Batch {
            defer { versions = [] }
            return self
        }

        func check(in reader: VaultReader) -> @Sendable () throws -> [(VersionRecord, ObjectCheck?)] {
            { try versions.map { ($0, $0.kind == .object ? try reader.verify($0) : nil) } }
        }
    }

    /// What was found.
    private struct Tally {
        var objects: UInt64 = 0
        var bytes: UInt64 = 0
        var damaged = 0
        var byState: [ObjectState: Int] = [:]

        mutating func add(_ version: VersionRecord, _ check: ObjectCheck) {
            objects += 1
            bytes += check.bytesRead
            byState[version.state, default: 0] += 1
            if check.isDamaged { damaged += 1 }
        }

        func print() throws {
            let states = ObjectState.allCases.compactMap { state in byState[state].map { "\($0) \(state.rawValue)" } }
            try Terminal.print(
                "\(objects) objects, \(ByteText.text(bytes)) read back: \(states.isEmpty ? "nothing" : states.joined(separator: ", "))"
            )
            try Terminal.print(damaged == 0 ? "no damage" : "\(damaged) DAMAGED, named above")
        }
    }
}
