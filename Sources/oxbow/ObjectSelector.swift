import ArgumentParser
import Catalog
import Objects
import Vaults

/// Finds the object that a person named: by its full URL, or by as much of it as is unambiguous.
enum ObjectSelector {
    /// What the argument may look like, for `--help`.
    static let help: ArgumentHelp =
        "The object: its full name as `oxbow ls` prints it (s3://endpoint/bucket/key), or bucket/key, or key where only one object has it."

    /// The names that `argument` may mean.
    static func names(_ argument: String, in vault: VaultReader) throws -> [ObjectName] {
        if let name = ObjectName(url: argument) { return [name] }
        var matches: Set<ObjectName> = []
        try vault.visitNames { name in
            let key = name.key.lossyString
            if key == argument || "\(name.bucket)/\(key)" == argument || name.key.escaped == argument {
                matches.insert(name)
            }
        }
        return matches.sorted()
    }

    /// The one name that `argument` means; anything else is an error that says what to do.
    static func name(_ argument: String, in vault: VaultReader) throws -> ObjectName {
        let matches = try names(argument, in: vault)
        guard let first = matches.first else { throw VaultError.noSuchObject(argument) }
        guard matches.count == 1 else {
            let list = matches.prefix(10).map { "  \($0.url)" }.joined(separator: "\n")
            throw CommandFailure(
                description: "\(argument) may mean \(matches.count) objects; name one in full:\n\(list)")
        }
        return first
    }

    /// The version of an object that was asked for: the current one, the one of a moment, or the one with a version id.
    static func version(
        _ argument: String, versionID: String?, at time: UInt64?, in vault: VaultReader
    ) throws -> VersionRecord {
        let name = try name(argument, in: vault)
        if let versionID {
            guard let version = try vault.catalog.versions(of: name).first(where: { $0.versionID == versionID }) else {
                throw VaultError.noSuchObject("\(name.url) with version id \(versionID)")
            }
            return version
        }
        if let time, let forgotten = try vault.catalog.forgotten(name, asOf: time) {
            throw CommandFailure(description: "\(ForgottenObjects.text(forgotten)); `oxbow why` tells its history")
        }
        if let version = try vault.catalog.current(name, asOf: time) { return version }
        guard let time else { throw VaultError.noSuchObject(name.url) }
        throw CommandFailure(
            description:
                "nothing is known of \(name.url) at \(TimeText.text(time)); `oxbow ls --versions` lists what is kept")
    }
}

/// Names a version by the moment it was current, or by the cloud's id.
struct VersionOptions: ParsableArguments {
    @Option(name: .customLong("version-id"), help: "The cloud's version id, instead of the current version.")
    var versionID: String?

    @OptionGroup var moment: MomentOptions

    /// The moment in nanoseconds since 1970 UTC.
    func time() throws -> UInt64? { try moment.time() }

    /// True when a version was asked for.
    var isGiven: Bool { versionID != nil || moment.at != nil }

    func validate() throws {
        if versionID != nil, moment.at != nil { throw ValidationError("Say --version-id or --at, not both.") }
    }
}
