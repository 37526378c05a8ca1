import ArgumentParser
import Catalog
import Foundation
import Objects
import Vaults

/// `oxbow undelete`.
struct UndeleteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undelete",
        abstract: "Makes deleted objects live again.",
        discussion: """
            Example: oxbow undelete --vault /srv/vault --all --since 2026-11-21T10:00Z --dry-run

            The newest version that is kept becomes current again; with one NAME, --version-id or --at choose another, also \
            of an object that is live. The vault alone changes: the next `oxbow migrate` replicates it. What `oxbow collect` \
            has taken by its retention rules cannot be brought back. All or nothing: when a NAME cannot be \
            brought back, nothing is changed.

            The vault must not be in use by a tap or a replay.
            """)

    @OptionGroup var vault: VaultOptions

    @Argument(help: ObjectSelector.help)
    var names: [String] = []

    @Flag(help: "All objects that are deleted, instead of NAMEs.")
    var all = false

    @Option(help: ArgumentHelp("With --all: only what was deleted at this time or later.", valueName: "time"))
    var since: String?

    @OptionGroup var which: VersionOptions

    @Flag(name: .customLong("dry-run"), help: "Say what would be brought back, and change nothing.")
    var isDryRun = false

    @Flag(help: "Print one JSON object a line.")
    var json = false

    func validate() throws {
        guard all != !names.isEmpty else { throw ValidationError("Say which objects: NAMEs, or --all.") }
        if since != nil, !all { throw ValidationError("--since goes with --all.") }
        if which.isGiven, names.count != 1 { throw ValidationError("--version-id and --at go with one NAME.") }
    }

    func run() throws {
        let time = try since.map { try TimeText.time($0, option: "--since") }
        let found = try chosen(in: try vault.openForReading(), since: time)
        guard !isDryRun, !found.isEmpty else { return try report(found, isDone: false) }
        var writer = try VaultWriter(path: try vault.path(), secret: try vault.secret())
        let now = UInt64(Date().timeIntervalSince1970 * 1e9)
        var restored: [Undeletion] = []
        for undeletion in found {
            // Nobody else wrote since: the vault is locked now, and what was found before is looked at again.
            guard let version = try writer.restore(undeletion.version.id, at: now) else {
                throw CommandFailure(
                    description:
                        "\(undeletion.version.name.url) changed in this moment; nothing was brought back, run it again")
            }
            restored.append(Undeletion(version: version, deletedAt: undeletion.deletedAt))
        }
        try writer.close()
        try report(restored, isDone: true)
    }

    private func chosen(in reader: VaultReader, since time: UInt64?) throws -> [Undeletion] {
        var found: [Undeletion] = []
        if all {
            try reader.visitUndeletions(since: time) { found.append($0) }
            return found
        }
        for argument in names {
            let name = try ObjectSelector.name(argument, in: reader)
            if which.isGiven {
                let version = try ObjectSelector.version(
                    argument, versionID: which.versionID, at: try which.time(), in: reader)
                guard version.kind == .object else {
                    throw CommandFailure(
                        description: "\(name.url) was deleted already at that time; name an earlier one")
                }
                found.append(Undeletion(version: version, deletedAt: version.removedAt ?? version.time))
            } else if let undeletion = try reader.undeletion(of: name) {
                found.append(undeletion)
            } else if try reader.catalog.current(name)?.kind == .object {
                throw CommandFailure(
                    description: "\(name.url) is not deleted; --version-id or --at choose an older version")
            } else {
                throw CommandFailure(
                    description:
                        "\(name.url): no version is kept, retention has removed it or it was never seen; `oxbow why` tells its history"
                )
            }
        }
        return found
    }

    private func report(_ found: [Undeletion], isDone: Bool) throws {
        for undeletion in found {
            let version = undeletion.version
            if json {
                try JSONLine.print(UndeletionJSON(undeletion, isDone: isDone))
            } else {
                let size = version.size.map(ByteText.text) ?? "?"
                try Terminal.print(
                    "\(isDone ? "live again" : "would be live")  \(version.state.rawValue.padding(to: 9))  \(size.padding(to: 11, onLeft: true))  deleted \(TimeText.text(undeletion.deletedAt).prefix(19))  \(version.name.url)"
                )
            }
        }
        if !json {
            Terminal.note("\(found.count) objects \(isDone ? "are live again" : "could be live again")")
        }
    }
}

/// One line of `undelete --json`.
private struct UndeletionJSON: Encodable {
    private var object: ObjectJSON
    private var deletedAt: String
    private var undeleted: Bool

    enum CodingKeys: String, CodingKey {
        case undeleted
        case deletedAt = "deleted_at"
    }

    init(_ undeletion: Undeletion, isDone: Bool) {
        object = ObjectJSON(undeletion.version)
        deletedAt = TimeText.text(undeletion.deletedAt)
        undeleted = isDone
    }

    func encode(to encoder: any Encoder) throws {
        try object.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(deletedAt, forKey: .deletedAt)
        try container.encode(undeleted, forKey: .undeleted)
    }
}
