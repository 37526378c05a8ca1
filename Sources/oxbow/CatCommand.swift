import ArgumentParser
import Catalog
import Objects
import Vaults

/// `oxbow cat`.
struct CatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cat",
        abstract: "Writes an object's bytes to standard output.",
        discussion: """
            Every block is checked against its fingerprint before its bytes are written. Only complete and verified objects \
            are served whole; of a partial one, name a range that is held.
            """)

    @OptionGroup var vault: VaultOptions

    @Argument(help: ObjectSelector.help)
    var name: String

    @OptionGroup var which: VersionOptions

    @Option(help: ArgumentHelp("First and last byte, counted from 0, such as 0-99 or 100-.", valueName: "first-last"))
    var range: String?

    func run() throws {
        let reader = try vault.openForReading()
        let version = try ObjectSelector.version(name, versionID: which.versionID, at: try which.time(), in: reader)
        let range = try ByteRange.resolve(range, of: version)
        try reader.visitBytes(of: version, in: range) { bytes in try Terminal.write(bytes) }
    }
}

/// Which bytes of a version may be served.
enum ByteRange {
    /// The range that `text` names, or the whole version when it is nil and its bytes are good.
    static func resolve(_ text: String?, of version: VersionRecord) throws -> Range<UInt64> {
        guard version.kind == .object else {
            throw CommandFailure(
                description:
                    "\(version.name.url) was deleted; `oxbow ls --versions` lists what came before, --version-id or --at names it"
            )
        }
        guard let text else {
            guard version.state.isGood, let size = version.size else {
                let reason =
                    version.state == .mismatch
                    ? "its bytes differ from the digest that the cloud stated" : "bytes are missing"
                throw CommandFailure(
                    description:
                        "\(version.name.url) is \(version.state.rawValue): \(reason); `oxbow why` says more, --range serves what is held"
                )
            }
            return 0..<size
        }
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard ends.count == 2, let first = UInt64(ends[0]) else {
            throw ValidationError("\(text) is no range; say FIRST-LAST or FIRST-")
        }
        let end: UInt64?
        if ends[1].isEmpty {
            end = version.size
        } else {
            end = UInt64(ends[1]).flatMap { last in last < .max ? last + 1 : nil }
        }
        guard let end, first <= end, version.size.map({ end <= $0 }) ?? true else {
            throw CommandFailure(
                description:
                    "range \(text) is not within \(version.name.url) of \(version.size.map(String.init) ?? "unknown") bytes"
            )
        }
        return first..<end
    }
}
