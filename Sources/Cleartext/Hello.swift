/// What of a ClientHello matters here (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2).
struct ClientHello {
    /// The random: the session's name in key logs.
    var random: ClientRandom
    /// Host name of the server name extension (RFC 6066 §3).
    var serverName: String?
    /// True when 0-RTT data may follow (RFC 8446 §4.2.10).
    var offersEarlyData = false

    /// Reads the message's body; nil when it breaks the grammar.
    init?(_ bytes: [UInt8]) {
        var reader = FieldReader(bytes, 0..<bytes.count)
        guard reader.skip(2), let random = reader.take(32), reader.skipVector8(), reader.skipVector16(),
            reader.skipVector8(), let name = ClientRandom(unsafe bytes.span.bytes.extracting(random))
        else { return nil }
        self.random = name
        guard reader.count > 0 else { return }
        guard let extensions = reader.vector16() else { return nil }
        var list = FieldReader(bytes, extensions)
        while list.count > 0 {
            guard let type = list.number16(), let content = list.vector16() else { return nil }
            switch type {
            case 0: serverName = Self.serverName(bytes, content)
            case 42: offersEarlyData = true
            default: break
            }
        }
    }

    private static func serverName(_ bytes: [UInt8], _ range: Range<Int>) -> String? {
        var reader = FieldReader(bytes, range)
        guard reader.skip(2), reader.number8() == 0, let name = reader.vector16(), (1...253).contains(name.count)
        else { return nil }
        let octets = bytes[name]
        // It goes into reports: only what host names consist of.
        guard octets.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        return String(decoding: octets, as: UTF8.self)
    }
}

/// What of a ServerHello matters here (RFC 8446 §4.1.3, RFC 5246 §7.4.1.3).
struct ServerHello {
    /// The server's random.
    var random: [UInt8]
    /// Number of the cipher suite.
    var suite: UInt16
    /// The version: 0x0304 for TLS 1.3.
    var version: UInt16
    /// Compression method; 0 for none.
    var compression: UInt8
    /// True for a HelloRetryRequest.
    var isRetry: Bool
    /// The application protocol, when it is said in clear (TLS 1.2).
    var applicationProtocol: String?
    /// True when records are encrypted first (RFC 7366).
    var encryptsThenMACs = false
    /// True when the master secret depends on the whole handshake (RFC 7627). It makes no difference to a reader that
    /// is given the master secret.
    var extendsMasterSecret = false

    /// SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3).
    private static let retryRandom: [UInt8] = [
        0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2,
        0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
    ]

    /// Reads the message's body; nil when it breaks the grammar.
    init?(_ bytes: [UInt8]) {
        var reader = FieldReader(bytes, 0..<bytes.count)
        guard let version = reader.number16(), let random = reader.take(32), reader.skipVector8(),
            let suite = reader.number16(), let compression = reader.number8()
        else { return nil }
        self.version = UInt16(version)
        self.random = Array(bytes[random])
        self.suite = UInt16(suite)
        self.compression = UInt8(compression)
        isRetry = self.random == Self.retryRandom
        guard reader.count > 0 else { return }
        guard let extensions = reader.vector16() else { return nil }
        var list = FieldReader(bytes, extensions)
        while list.count > 0 {
            guard let type = list.number16(), let content = list.vector16() else { return nil }
            switch type {
            case 16: applicationProtocol = Self.applicationProtocol(bytes, content)
            case 22: encryptsThenMACs = true
            case 23: extendsMasterSecret = true
            case 43 where content.count == 2:
                self.version = UInt16(bytes[content.lowerBound]) << 8 | UInt16(bytes[content.lowerBound + 1])
            default: break
            }
        }
    }

    /// The one protocol of a server's ALPN extension (RFC 7301 §3.1).
    static func applicationProtocol(_ bytes: [UInt8], _ range: Range<Int>) -> String? {
        var reader = FieldReader(bytes, range)
        guard reader.skip(2), let name = reader.vector8() else { return nil }
        let octets = bytes[name]
        guard octets.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        return String(decoding: octets, as: UTF8.self)
    }
}

/// What of EncryptedExtensions matters here (RFC 8446 §4.3.1).
struct EncryptedExtensions {
    /// The application protocol.
    var applicationProtocol: String?
    /// True when the server takes the 0-RTT data.
    var acceptsEarlyData = false

    /// Reads the message's body; nil when it breaks the grammar.
    init?(_ bytes: [UInt8]) {
        var reader = FieldReader(bytes, 0..<bytes.count)
        guard let extensions = reader.vector16() else { return nil }
        var list = FieldReader(bytes, extensions)
        while list.count > 0 {
            guard let type = list.number16(), let content = list.vector16() else { return nil }
            switch type {
            case 16: applicationProtocol = ServerHello.applicationProtocol(bytes, content)
            case 42: acceptsEarlyData = true
            default: break
            }
        }
    }
}

/// Takes fields off a range of a message, in the presentation language of TLS (RFC 8446 §3). Nothing it returns lies
/// outside the range.
struct FieldReader {
    private let bytes: [UInt8]
    private var rest: Range<Int>

    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        rest = range
    }

    /// Bytes left.
    var count: Int { rest.count }

    /// The next `length` bytes.
    mutating func take(_ length: Int) -> Range<Int>? {
        guard length <= rest.count else { return nil }
        let range = rest.lowerBound..<rest.lowerBound + length
        rest = range.upperBound..<rest.upperBound
        return range
    }

    mutating func skip(_ length: Int) -> Bool { take(length) != nil }
    mutating func number8() -> Int? { take(1).map { Int(bytes[$0.lowerBound]) } }
    mutating func number16() -> Int? { take(2).map { Int(bytes[$0.lowerBound]) << 8 | Int(bytes[$0.lowerBound + 1]) } }
    mutating func vector8() -> Range<Int>? { number8().flatMap { take($0) } }
    mutating func vector16() -> Range<Int>? { number16().flatMap { take($0) } }
    mutating func skipVector8() -> Bool { vector8() != nil }
    mutating func skipVector16() -> Bool { vector16() != nil }
}
