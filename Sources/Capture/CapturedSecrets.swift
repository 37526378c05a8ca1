/// Secrets that stand in a capture (pcapng Decryption Secrets Block). They may stand behind the packets they are for.
public struct CapturedSecrets: Sendable {
    /// What they are.
    public var type: UInt32
    /// The secrets, in the form that the type says. Whoever has read them writes over them.
    public var bytes: [UInt8]

    /// The type of TLS key logs, `TLSK`.
    public static let keyLog: UInt32 = 0x544C_534B
}
