internal import COpenSSL

/// Bytes of a secret: in memory only, written over when the last owner lets go.
///
/// It has no description, is not `Codable`, and is compared by nobody.
@safe
public final class SecretBytes: Sendable {
    // Written in init only, and read by any number of threads after.
    nonisolated(unsafe) private let storage: UnsafeMutableRawPointer
    /// Number of bytes.
    public let count: Int

    /// Copies a secret.
    public init(_ bytes: RawSpan) {
        count = bytes.byteCount
        unsafe storage = .allocate(byteCount: max(count, 1), alignment: 8)
        unsafe bytes.withUnsafeBytes {
            unsafe storage.copyMemory(from: $0.baseAddress ?? .init(storage), byteCount: $0.count)
        }
    }

    /// `count` bytes that `fill` writes.
    init(count: Int, _ fill: (UnsafeMutablePointer<UInt8>) -> Void) {
        self.count = count
        unsafe storage = .allocate(byteCount: max(count, 1), alignment: 8)
        unsafe storage.initializeMemory(as: UInt8.self, repeating: 0, count: count)
        unsafe fill(storage.assumingMemoryBound(to: UInt8.self))
    }

    deinit {
        unsafe OPENSSL_cleanse(storage, count)
        unsafe storage.deallocate()
    }

    /// Lends the bytes.
    func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafePointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // Safe: the storage lives as long as this object, which the caller holds.
        let result = try unsafe body(UnsafePointer(storage.assumingMemoryBound(to: UInt8.self)))
        return result
    }

    /// Writes over an array that held secrets, and empties it.
    public static func wipe(_ bytes: inout [UInt8]) { KeySchedule.wipe(&bytes) }

    /// A part of it, as a secret of its own.
    func part(_ range: Range<Int>) -> SecretBytes {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return unsafe withBytes { bytes in
            unsafe SecretBytes(RawSpan(_unsafeStart: bytes + range.lowerBound, byteCount: range.count))
        }
    }
}
