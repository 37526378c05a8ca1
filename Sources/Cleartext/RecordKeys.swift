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

    /// The keys behind a KeyUpdate.
    func next() -> RecordKeys? {
        guard let secret else { return nil }
        let suite = protection.suite
        return .version13(suite, KeySchedule.next(secret, suite.hash))
    }
}
