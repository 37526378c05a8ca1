/// The keys that a half-connection's records are read with.
final class RecordKeys {
    /// The protection.
    var protection: RecordProtection
    /// The traffic secret, from which the next one follows (TLS 1.3).
    let secret: SecretBytes?
    /// The master secret that they come from (TLS 1.2).
    let master: SecretBytes?

    init(_ protection: consuming RecordProtection, secret: SecretBytes?, master: SecretBytes? = nil) {
        self.protection = protection
        self.secret = secret
        self.master = master
    }

    /// Keys of a traffic secret.
    static func version13(_ suite: CipherSuite, _ secret: SecretBytes) -> RecordKeys? {
        guard secret.count == suite.hash.byteCount,
            let protection = RecordProtection.version13(suite, trafficSecret: secret)
        else { return nil }
        return RecordKeys(protection, secret: secret)
    }

    /// Tries numbers from `first` on, `count` of them, on a record, and says under which it opens. Each costs an AES block,
    /// and is taken from `budget`, but for ChaCha20-Poly1305, where none is tried.
    func open(
        _ record: RawSpan, from first: UInt64, count: UInt64, budget: inout Int,
        into room: UnsafeMutablePointer<UInt8>
    ) -> (opened: OpenedRecord, number: UInt64)? {
        guard let secret, var filter = NumberFilter.forSecret(secret, protection.suite) else { return nil }
        var number = first
        let (end, isTooFar) = first.addingReportingOverflow(count)
        guard !isTooFar else { return nil }
        while number < end, budget > 0 {
            budget -= NumberFilter.batch
            for candidate in filter.candidates(record, from: number) {
                if let opened = unsafe protection.open(record, sequence: candidate, into: room) {
                    return (opened, candidate)
                }
            }
            number += UInt64(NumberFilter.batch)
        }
        return nil
    }

    /// The keys behind a KeyUpdate.
    func next() -> RecordKeys? {
        guard let secret else { return nil }
        let suite = protection.suite
        return .version13(suite, KeySchedule.next(secret, suite.hash))
    }
}
