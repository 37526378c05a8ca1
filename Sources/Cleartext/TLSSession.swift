/// What the handshake of a connection said. A renegotiation begins a new one.
struct TLSSession {
    /// The client's random; nil when its hello was not seen.
    var clientRandom: ClientRandom?
    /// The ClientHello with its header, the message_hash and HelloRetryRequest before it: what the transcript hash is over
    /// until the ServerHello completes it.
    var transcript: [UInt8] = []
    /// True behind a HelloRetryRequest.
    var isRetried = false
    /// H(ClientHello..ServerHello); nil until then.
    var transcriptHash: [UInt8]?
    /// The server's random; nil when its hello was not seen.
    var serverRandom: [UInt8]?
    /// The suite; nil until the ServerHello.
    var suite: CipherSuite?
    /// True for TLS 1.3.
    var isVersion13 = false
    /// See ``ServerHello/encryptsThenMACs``.
    var encryptsThenMACs = false
    /// True when 0-RTT data may follow the ClientHello.
    var offersEarlyData = false
    /// The server's word on them; nil until its EncryptedExtensions.
    var acceptsEarlyData: Bool?
    /// The host name that the client asked for.
    var serverName: String?
    /// The protocol inside, as agreed by ALPN.
    var applicationProtocol: String?
}
