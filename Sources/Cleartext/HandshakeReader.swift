/// Handshake messages, by type (RFC 8446 §4, RFC 5246 §7.4).
enum HandshakeType {
    static let helloRequest: UInt8 = 0
    static let clientHello: UInt8 = 1
    static let serverHello: UInt8 = 2
    static let endOfEarlyData: UInt8 = 5
    static let encryptedExtensions: UInt8 = 8
    static let finished: UInt8 = 20
    static let keyUpdate: UInt8 = 24
}

/// Takes handshake messages out of the content of records: several in one record, or one over several.
///
/// Only what the layer reads is kept; certificates and the like are passed over by their length.
struct HandshakeReader {
    /// A message: its type, and the whole of it with its header where the layer reads it, or nothing.
    struct Message {
        var type: UInt8
        var bytes: [UInt8]

        /// The message behind its header.
        var body: [UInt8] { Array(bytes.dropFirst(4)) }
    }

    private var partial: [UInt8] = []
    private var toSkip = 0
    /// Type of the message that is being passed over.
    private var skipped: UInt8?
    /// True when a message was longer than the limit: nothing more is read.
    private(set) var isOverLimit = false

    /// True when the reader stands between two messages.
    var isAtBoundary: Bool { partial.isEmpty && skipped == nil }

    /// Forgets what is incomplete, since bytes are missing.
    mutating func reset() {
        partial.removeAll()
        toSkip = 0
        skipped = nil
    }

    /// Reads the next message from `position` of a record's content, which moves on; nil when the content is used up.
    mutating func next(_ content: RawSpan, _ position: inout Int, limit: Int) -> Message? {
        while !isOverLimit {
            if let skipped {
                let count = min(toSkip, content.byteCount - position)
                position += count
                toSkip -= count
                guard toSkip == 0 else { return nil }
                self.skipped = nil
                return Message(type: skipped, bytes: [])
            }
            guard position < content.byteCount else { return nil }
            let wanted = partial.count < 4 ? 4 : 4 + length
            let count = min(wanted - partial.count, content.byteCount - position)
            partial.append(contentsOf: content.octets(position..<position + count))
            position += count
            guard partial.count == wanted else { continue }
            if Self.isRead(partial[0]), wanted == 4, length > 0 {
                isOverLimit = length > limit
                continue
            }
            defer { partial.removeAll(keepingCapacity: true) }
            if Self.isRead(partial[0]) { return Message(type: partial[0], bytes: partial) }
            skipped = partial[0]
            toSkip = length
        }
        return nil
    }

    private var length: Int { Int(partial[1]) << 16 | Int(partial[2]) << 8 | Int(partial[3]) }

    private static func isRead(_ type: UInt8) -> Bool {
        switch type {
        case HandshakeType.clientHello, HandshakeType.serverHello, HandshakeType.encryptedExtensions,
            HandshakeType.keyUpdate:
            true
        default: false
        }
    }
}
