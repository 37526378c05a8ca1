public import Flows

/// A secret that belongs to a session of which records were read.
public struct MatchedSecret: Sendable {
    /// What it is for.
    public let label: SecretLabel
    /// The session's name.
    public let random: ClientRandom
    /// The secret.
    let secret: SecretBytes

    /// Appends its line in the NSS key log format, with the line feed. Whoever has used the line writes over it.
    public func append(to line: inout [UInt8]) {
        let word = label.word
        // A StaticString's buffer holds `utf8CodeUnitCount` bytes for the program's life.
        unsafe line.append(contentsOf: UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
        line.append(UInt8(ascii: " "))
        for octet in random.bytes { Self.append(octet, to: &line) }
        line.append(UInt8(ascii: " "))
        unsafe secret.withBytes { bytes in
            for index in 0..<secret.count { Self.append(unsafe bytes[index], to: &line) }
        }
        line.append(UInt8(ascii: "\n"))
    }

    private static func append(_ octet: UInt8, to line: inout [UInt8]) {
        for digit in [octet >> 4, octet & 15] {
            line.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}

/// Is shown the TLS flows that are read, when the user asked for that: their secrets, and their bytes as they came, in
/// order. Several engines may share one.
public protocol CleartextExport: AnyObject, Sendable {
    /// Whether it wants the flows' bytes, not only their secrets.
    var wantsBytes: Bool { get }
    /// The first data of a flow was read. Its number from now on; nil when it is not to be shown.
    func begin(_ description: FlowDescription, serverName: String?, opening: SegmentContext) -> Int?
    /// Secrets, before the bytes that they open.
    func take(_ secrets: [MatchedSecret])
    /// Bytes of a flow.
    func take(_ flow: Int, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext)
    /// The end of a half.
    func end(_ flow: Int, _ half: HalfConnection, _ how: StreamEnd, at offset: UInt64, _ context: SegmentContext)
    /// Nothing more comes of the flow.
    func close(_ flow: Int)
}
