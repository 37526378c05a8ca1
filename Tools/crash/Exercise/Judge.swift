import Catalog
import Foundation
import Objects
import Vaults

/// Looks at what a crash left of a vault, and holds it to the promises: it opens, nothing acknowledged is lost, no wrong
/// byte is served, and it takes new objects.
struct Judge {
    let setting: Setting
    private let history: History

    init(_ setting: Setting) {
        self.setting = setting
        history = History(seed: setting.seed)
    }

    /// Throws unless the vault is in the state after `low` to `high` steps. Returns the number of steps.
    func judge(_ vault: String, low: Int, high: Int, rebuilds: Bool) throws -> Int {
        guard FileManager.default.fileExists(atPath: vault + "/vault.json") else {
            guard low == 0 else { throw Failure("there is no vault any more") }
            // The crash came while the vault was made: making it again must do.
            try goOn(vault)
            return 0
        }
        let found = try state(of: vault)
        var expected = history.state(after: low)
        var steps = low
        while expected != found {
            guard steps < high else { throw Failure(difference(found, low, high)) }
            history.apply(steps, to: &expected)
            steps += 1
        }
        try goOn(vault)
        guard try state(of: vault) == found else { throw Failure("the state changed when a writer opened the vault") }
        if rebuilds {
            let report = try VaultRebuild.run(at: vault, secret: setting.secret())
            guard report.damage.isEmpty else { throw Failure("rebuild: \(report.damage)") }
            guard try state(of: vault) == found else { throw Failure("a rebuild gives another state") }
        }
        return steps
    }

    /// The step that made what each name has now, every byte read and compared.
    private func state(of vault: String) throws -> [Int?] {
        let reader = try VaultReader(opening: vault, secret: setting.secret())
        return try (0..<History.names).map { number in
            let name = History.name(number)
            guard let version = try reader.catalog.current(name), version.kind == .object else { return nil }
            guard let etag = version.etag, let index = Int(etag.dropFirst("step-".count)) else {
                throw Failure("\(name.url) has the ETag \(version.etag ?? "none")")
            }
            guard version.state.isGood, let size = version.size else {
                throw Failure("\(name.url) of step \(index) is \(version.state)")
            }
            var bytes: [UInt8] = []
            try reader.visitBytes(of: version, in: 0..<size) { piece in piece.withUnsafeBytes { bytes += $0 } }
            guard bytes == history.bytes(index) else { throw Failure("WRONG BYTES of \(name.url), step \(index)") }
            return index
        }
    }

    /// The vault takes what comes next, and closes.
    private func goOn(_ vault: String) throws {
        var writer = try setting.openWriter(vault)
        let damage = writer.damage
        guard damage.isEmpty else { throw Failure("damage: \(damage)") }
        try writer.commit()
        try writer.close()
    }

    private func difference(_ found: [Int?], _ low: Int, _ high: Int) -> String {
        let (least, most) = (history.state(after: low), history.state(after: high))
        let names = (0..<History.names).filter { found[$0] != least[$0] || found[$0] != most[$0] }.map { number in
            func text(_ step: Int?) -> String { step.map(String.init) ?? "none" }
            return "\(number): \(text(found[number])) (\(text(least[number])) to \(text(most[number])))"
        }
        return
            "LOST: no state after \(low) to \(high) steps; names with the step they have: \(names.joined(separator: ", "))"
    }
}
