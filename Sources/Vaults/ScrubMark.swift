internal import FoundationEssentials
internal import Glibc

/// How far a scrub is, in a file of the vault, so that one that was interrupted goes on: written when a segment is done.
///
/// It has no names of objects: in a vault with keys they must not be on the disk.
struct ScrubMark: Codable {
    /// Segments up to this number are done.
    var segment: UInt64
    /// What was found so far, without the objects.
    var report: ScrubReport

    /// The mark that an interrupted scrub left; nil when there is none that can be read.
    static func read(_ layout: VaultLayout) -> ScrubMark? {
        guard let bytes = try? readWholeFile(layout.scrubMark, limit: bytesMax) else { return nil }
        return try? JSONDecoder().decode(ScrubMark.self, from: Data(bytes))
    }

    /// Leaves the mark. A medium that takes none is no reason not to scrub.
    func leave(_ layout: VaultLayout) {
        guard let data = try? JSONEncoder().encode(self) else { return }
        try? writeFileDurably(layout.scrubMark, Array(data))
    }

    /// Removes the mark: the scrub is done.
    static func remove(_ layout: VaultLayout) { _ = unsafe unlink(layout.scrubMark) }

    private static let bytesMax = 64 << 20
}
