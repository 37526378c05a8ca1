import ArgumentParser
import Catalog
import Objects
import Vaults

/// `oxbow ls`.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "Lists the objects in a vault.",
        discussion: """
            One line an object: state, size, time of the cloud's answer, name. The current version of each name is listed; \
            names that were deleted are left out unless --deleted.

            With a PREFIX such as s3://endpoint/bucket/logs/ only names that begin with it are listed.
            """)

    @OptionGroup var vault: VaultOptions

    @Argument(help: "List only names that begin with this URL.")
    var prefix: String?

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @Flag(help: "List names whose newest version is a tombstone, too.")
    var deleted = false

    @Flag(help: "List every version of each name, newest first.")
    var versions = false

    @Option(
        help: ArgumentHelp(
            "List only objects in this state: partial, complete, verified or mismatch.", valueName: "state"))
    var state: String?

    @Option(
        help: ArgumentHelp("What was current at this time (RFC 3339, such as 2026-11-21T10:00Z).", valueName: "time"))
    var at: String?

    func run() throws {
        var wanted: ObjectState?
        if let state {
            guard let known = ObjectState(rawValue: state) else {
                throw ValidationError(
                    "\(state) is no state; states are \(ObjectState.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            wanted = known
        }
        var time: UInt64?
        if let at {
            guard let moment = TimeText.parse(at) else {
                throw ValidationError("\(at) is not a time like 2026-11-21T10:00Z")
            }
            time = moment
        }
        let reader = try vault.openForReading()
        try reader.visitCurrent(asOf: time, includingTombstones: deleted || versions) { version in
            guard prefix.map({ version.name.url.hasPrefix($0) }) ?? true else { return }
            if versions {
                for version in try reader.catalog.versions(of: version.name) where version.isPresent {
                    try list(version, if: wanted)
                }
            } else {
                try list(version, if: wanted)
            }
        }
    }

    private func list(_ version: VersionRecord, if wanted: ObjectState?) throws {
        if let wanted, version.kind == .tombstone || version.state != wanted { return }
        if json { return try JSONLine.print(ObjectJSON(version)) }
        let state = version.kind == .tombstone ? "deleted" : version.state.rawValue
        let size = version.kind == .tombstone ? "-" : version.size.map(ByteText.text) ?? "?"
        let columns = [
            state.padding(to: 9), size.padding(to: 11, onLeft: true), String(TimeText.text(version.time).prefix(19)),
            version.name.url,
        ]
        let suffix = versions ? version.versionID.map { "  (\($0))" } ?? "" : ""
        try Terminal.print(columns.joined(separator: "  ") + suffix)
    }
}

extension String {
    /// The text filled up with spaces.
    func padding(to width: Int, onLeft: Bool = false) -> String {
        let spaces = String(repeating: " ", count: max(0, width - count))
        return onLeft ? spaces + self : self + spaces
    }
}
