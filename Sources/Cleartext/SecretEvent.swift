/// The random of a ClientHello: what key logs name a session by.
public struct ClientRandom: Hashable, Sendable {
    private var words: [4 of UInt64]

    /// The random in 32 bytes; nil when there are fewer.
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= 32 else { return nil }
        words = [4 of UInt64](repeating: 0)
        for index in 0..<32 { words[index >> 3] = words[index >> 3] << 8 | UInt64(bytes.octet(index)) }
    }

    /// The 32 bytes.
    var bytes: [UInt8] {
        (0..<32).map { UInt8(truncatingIfNeeded: words[$0 >> 3] >> UInt64(56 - 8 * ($0 & 7))) }
    }

    /// Equal when all bytes are.
    public static func == (left: ClientRandom, right: ClientRandom) -> Bool {
        (0..<4).allSatisfy { left.words[$0] == right.words[$0] }
    }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) { for index in 0..<4 { hasher.combine(words[index]) } }
}

/// What a secret is for, by the words of the NSS key log format.
public enum SecretLabel: UInt8, Sendable, Hashable, CaseIterable {
    /// The master secret of TLS 1.2.
    case master
    /// The client's 0-RTT data.
    case clientEarly
    /// The client's handshake messages.
    case clientHandshake
    /// The server's handshake messages.
    case serverHandshake
    /// The client's first application traffic secret.
    case clientApplication
    /// The server's first application traffic secret.
    case serverApplication

    /// The word that begins a line of a key log.
    var word: StaticString {
        switch self {
        case .master: "CLIENT_RANDOM"
        case .clientEarly: "CLIENT_EARLY_TRAFFIC_SECRET"
        case .clientHandshake: "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
        case .serverHandshake: "SERVER_HANDSHAKE_TRAFFIC_SECRET"
        case .clientApplication: "CLIENT_TRAFFIC_SECRET_0"
        case .serverApplication: "SERVER_TRAFFIC_SECRET_0"
        }
    }
}

/// A secret that became known, whatever told of it: a key log, a Decryption Secrets Block, a probe in a process.
public enum SecretEvent: Sendable {
    /// A line of a key log, or what amounts to it: the session is named by its ClientHello's random.
    case session(SecretLabel, ClientRandom, SecretBytes)
    /// A traffic secret that was derived over this transcript hash: the session is named by H(ClientHello..ServerHello).
    case transcript(SecretLabel, hash: [UInt8], SecretBytes)
}
