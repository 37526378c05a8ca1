import Catalog
import Objects
import Vaults

/// What `--at` cannot show any more: objects of that moment that retention has removed since. They are named, so that a
/// view of the past is never silently incomplete.
enum ForgottenObjects {
    /// How many are named on standard error.
    private static let namedMax = 10

    /// Names them: with `json` all on standard output, one JSON object a line, else the first on standard error. The number
    /// of all.
    static func report(
        in reader: VaultReader, at time: UInt64?, json: Bool, where isWanted: (ObjectName) -> Bool = { _ in true }
    ) throws -> Int {
        guard let time else { return 0 }
        var count = 0
        try reader.visitForgotten(asOf: time) { version in
            guard isWanted(version.name) else { return }
            count += 1
            if json { try JSONLine.print(ForgottenJSON(version)) }
            if !json, count <= namedMax { Terminal.note("oxbow: warning: \(text(version))") }
        }
        if !json, count > namedMax { Terminal.note("oxbow: warning: and \(count - namedMax) more") }
        return count
    }

    /// The sentence about one.
    static func text(_ version: ForgottenVersion) -> String {
        "\(version.name.url): its version of \(TimeText.text(version.time)) is no longer kept; retention removed it since"
    }
}

/// A line for a version that is no longer kept.
private struct ForgottenJSON: Encodable {
    private var name: String
    private var etag: String?
    private var versionID: String?
    private var time: String
    private var forgotten = true

    enum CodingKeys: String, CodingKey {
        case name, etag, time, forgotten
        case versionID = "version_id"
    }

    init(_ version: ForgottenVersion) {
        name = version.name.url
        etag = version.etag
        versionID = version.versionID
        time = TimeText.text(version.time)
    }
}
