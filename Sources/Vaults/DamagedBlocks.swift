internal import FoundationEssentials
internal import Glibc

/// Blocks that a scrub found damaged, in a file of the vault for whoever writes to it next: they are to leave the index. No
/// lock is needed to leave it, and no name of an object is in it.
struct DamagedBlocks: Codable {
    /// Fingerprints, 64 hexadecimal digits each.
    var fingerprints: [String]

    /// Leaves the list; none when it is empty. A medium that takes none is no reason to fail.
    func leave(_ layout: VaultLayout) {
        guard !fingerprints.isEmpty, let data = try? JSONEncoder().encode(self) else { return }
        try? writeFileDurably(layout.scrubDamaged, Array(data))
    }

    /// The list, once; nil when there is none.
    static func take(_ layout: VaultLayout) -> DamagedBlocks? {
        guard unsafe access(layout.scrubDamaged, F_OK) == 0 else { return nil }
        let bytes = try? readWholeFile(layout.scrubDamaged, limit: bytesMax)
        _ = unsafe unlink(layout.scrubDamaged)
        return bytes.flatMap { try? JSONDecoder().decode(DamagedBlocks.self, from: Data($0)) }
    }

    private static let bytesMax = 64 << 20
}
