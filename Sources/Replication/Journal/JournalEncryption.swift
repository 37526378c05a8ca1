internal import Vaults

extension LineCipher {
    /// Encrypts a journal's line, line feed and all, into one that carries a check of its own.
    func encrypt(journalLine line: [UInt8]) throws -> [UInt8] {
        let payload = try encrypt(Array(line.dropLast()))
        return Array(JournalLine.check(payload[...]).utf8) + [UInt8(ascii: " ")] + payload + [UInt8(ascii: "\n")]
    }

    /// The line without line feed that was encrypted; nil when this is none, or damaged.
    func decrypt(journalLine line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard line.count > 9, line.prefix(8).elementsEqual(JournalLine.check(line.dropFirst(9)).utf8) else {
            return nil
        }
        return decrypt(line.dropFirst(9))?[...]
    }
}
