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

            With --at the list is that of a moment; objects of that moment that retention has removed since are named on \
            standard error, or as lines with "forgotten" (--json).

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

    @OptionGroup var moment: MomentOptions

    func run() throws {
        var wanted: ObjectState?
        if let state {
            guard let known = ObjectState(rawValue: state) else {
                throw ValidationError(
                    "\(state) is no state; states are \(ObjectState.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            wanted = known
        }
        let time = try moment.time()
        let reader = try vault.openForReading()
        try reader.visitCurrent(asOf: time, includingTombstones: deleted || versions) { version in
            guard prefix.map({ version.name.url.hasPrefix($0) }) ?? true else { return }
            if versions {
                for version in try reader.catalog.versions(of: version.name) where version.stands(asOf: time) {
                    try list(version, if: wanted)
                }
            } else {
                try list(version, if: wanted)
            }
        }
        _ = try ForgottenObjects.report(in: reader, at: time, json: json) { name in
            prefix.map { name.url.hasPrefix($0) } ?? true
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
