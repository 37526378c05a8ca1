/// The key of an object as the cloud sees it: opaque bytes after exactly one percent-decoding.
///
/// `..`, slashes, control characters and invalid UTF-8 are data here. Nothing derived from a key becomes a local path
/// without escaping (see ``escaped``).
public struct ObjectKey: Hashable, Sendable, Comparable {
    /// The key's bytes, as the cloud stores them.
    public let bytes: [UInt8]

    /// A key of the given bytes, taken as they are.
    public init(bytes: [UInt8]) { self.bytes = bytes }

    /// A key of the UTF-8 bytes of `string`.
    public init(_ string: String) { bytes = Array(string.utf8) }

    /// The key as text when it is valid UTF-8, else nil.
    public var string: String? { String(validating: bytes, as: UTF8.self) }

    /// The key as text with U+FFFD for what is not UTF-8. For people only: two keys may look alike.
    public var lossyString: String { String(decoding: bytes, as: UTF8.self) }

    /// The key percent-encoded so that it is printable, reversible and free of `..` segments' power: every byte but
    /// unreserved characters (RFC 3986 §2.3) and `/` is escaped.
    public var escaped: String { PercentEncoding.encode(bytes, keeping: PercentEncoding.isUnreservedOrSlash) }

    /// Orders by bytes.
    public static func < (earlier: ObjectKey, later: ObjectKey) -> Bool {
        earlier.bytes.lexicographicallyPrecedes(later.bytes)
    }
}
