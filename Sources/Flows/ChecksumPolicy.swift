/// What to do with segments whose TCP checksum is wrong.
public enum ChecksumPolicy: UInt8, Sendable, Hashable, CaseIterable {
    /// Accept them where checksums may just not be computed yet (transmit offload). Where a half-connection has shown
    /// right checksums before any wrong one, a wrong one is damage: the receiver drops the segment and the sender
    /// sends it again. Its bytes are then kept aside, a sound copy replaces them, and only if none comes they are
    /// delivered.
    case auto
    /// Accept and count them.
    case accept
    /// Drop and count them, as a receiver would. Loses everything a node with transmit offload sends.
    case verify
    /// Treat every checksum as right; count nothing.
    case ignore
}
