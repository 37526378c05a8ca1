/// What an encrypted record is, and where it belongs: its key is derived from this, so that it opens nowhere else.
public struct RecordContext: Sendable {
    /// The kinds of records. Format: codes never change their meaning.
    public enum Kind: UInt8, Sendable {
        /// A block, found by its fingerprint wherever it lies.
        case block = 1
        /// A catalog record in a segment file.
        case catalogRecord = 2
        /// The descriptors of a frame.
        case frame = 3
        /// The descriptors in a segment's footer.
        case footer = 4
        /// A line of a journal beside the vault.
        case journalLine = 5
    }

    /// Kind, vault and place.
    let bytes: [UInt8]

    /// A record at `place` of a file with a number.
    public init(_ kind: Kind, vault: [UInt8], file: UInt64, place: UInt64) {
        precondition(vault.count == 16, "a vault's id has 16 bytes")
        var bytes: [UInt8] = [kind.rawValue]
        bytes.reserveCapacity(33)
        bytes.append(contentsOf: vault)
        for word in [file, place] {
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        self.bytes = bytes
    }

    /// A record known by its content: 32 bytes of a keyed fingerprint, or of a file's identity.
    public init(_ kind: Kind, vault: [UInt8], content: [UInt8]) {
        precondition(vault.count == 16 && content.count == 32, "a vault's id has 16 bytes, an identity 32")
        bytes = [kind.rawValue] + vault + content
    }
}
