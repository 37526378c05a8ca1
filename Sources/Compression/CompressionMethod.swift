/// How blocks are made smaller before they are stored. A vault may change it any time: each stored block says how it was.
public enum CompressionMethod: Hashable, Sendable {
    /// Blocks are stored as they are.
    case none
    /// LZ4: faster than zstd, and gains less.
    case lz4
    /// Zstandard with a level of 1 to 19, or -1 to -7 for faster ones.
    case zstd(level: Int)

    /// Zstandard's level when none is said: the fastest of the regular ones.
    public static let standardLevel = 1
    /// Levels that are taken. Beyond 19 a block's compressor wants hundreds of megabytes for nothing.
    public static let levels = -7...19

    /// The method that a text names: `none`, `lz4`, `zstd`, or `zstd:LEVEL` with a level other than 0; nil for others.
    public init?(_ text: String) {
        switch text {
        case "none": self = .none
        case "lz4": self = .lz4
        case "zstd": self = .zstd(level: Self.standardLevel)
        default:
            guard text.hasPrefix("zstd:"), let level = Int(text.dropFirst(5)), level != 0,
                Self.levels.contains(level)
            else { return nil }
            self = .zstd(level: level)
        }
    }

    /// The code in stored records. Format: never changes its meaning.
    public var code: UInt8 {
        switch self {
        case .none: CompressionCode.none
        case .lz4: CompressionCode.lz4
        case .zstd: CompressionCode.zstd
        }
    }
}

extension CompressionMethod: CustomStringConvertible {
    /// As ``init(_:)`` reads it.
    public var description: String {
        switch self {
        case .none: "none"
        case .lz4: "lz4"
        case .zstd(let level): "zstd:\(level)"
        }
    }
}

/// Codes of methods in stored records; see docs/storage-format.md.
public enum CompressionCode {
    /// Stored as it is.
    public static let none: UInt8 = 0
    /// One Zstandard frame (RFC 8878) with its content size stated.
    public static let zstd: UInt8 = 1
    /// One LZ4 block (lz4_Block_format.md), without frame.
    public static let lz4: UInt8 = 2
}

/// Why bytes could not be made larger again. The block is damaged, or of a later release; nothing was written past the room.
public enum CompressionError: Error, Hashable, Sendable {
    /// The code is none that this release knows.
    case unknownCode(UInt8)
    /// The bytes are not what the method writes, or give another number of bytes than stated.
    case malformed(method: String, reason: String)
    /// The library had no memory for its state. Stop.
    case noMemory(method: String)
}

extension CompressionError: CustomStringConvertible {
    /// What is wrong with the bytes.
    public var description: String {
        switch self {
        case .unknownCode(let code): "it is compressed by method \(code), which this release does not know"
        case .malformed(let method, let reason): "its \(method) data cannot be expanded: \(reason)"
        case .noMemory(let method): "there is no memory for \(method)"
        }
    }
}
