internal import COpenSSL
internal import Glibc

/// Bytes that must not leave memory: not swapped out if the system allows, left out of core dumps, wiped when they go.
///
/// Sendable without the compiler's check: the bytes are written in `init` only, and the memory is freed when nobody can
/// read it any more.
@safe
public final class SecretBytes: @unchecked Sendable {
    /// Number of bytes.
    public let count: Int
    private let memory: UnsafeMutableRawPointer
    private let mappedCount: Int

    /// Makes `count` bytes, 1 or more, that `fill` writes; all zero before.
    public init<Failure: Error>(
        count: Int, _ fill: (inout MutableRawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        precondition(count > 0, "a secret has bytes")
        let page = sysconf(Int32(_SC_PAGESIZE))
        mappedCount = (count + page - 1) / page * page
        let mapped = unsafe mmap(
            nil, mappedCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            preconditionFailure("no memory for a page of secrets")
        }
        unsafe memory = mapped
        self.count = count
        // Both are best effort: a limit on locked memory is no reason to refuse service.
        _ = unsafe mlock(memory, mappedCount)
        _ = unsafe madvise(memory, mappedCount, MADV_DONTDUMP)
        var span = unsafe MutableRawSpan(_unsafeStart: memory, byteCount: count)
        try fill(&span)
    }

    /// A copy of `bytes`.
    public convenience init(copying bytes: RawSpan) {
        self.init(count: bytes.byteCount) { room in
            unsafe room.withUnsafeMutableBytes { room in
                unsafe bytes.withUnsafeBytes { unsafe room.copyMemory(from: $0) }
            }
        }
    }

    /// Random bytes for a key.
    public static func random(count: Int) throws(EncryptionError) -> SecretBytes {
        try SecretBytes(count: count) { (room) throws(EncryptionError) in
            let done = unsafe room.withUnsafeMutableBytes { room in
                unsafe RAND_priv_bytes(room.assumingMemoryBound(to: UInt8.self).baseAddress, Int32(room.count))
            }
            guard done == 1 else { throw .library(operation: "random bytes") }
        }
    }

    deinit {
        unsafe OPENSSL_cleanse(memory, mappedCount)
        unsafe munmap(memory, mappedCount)
    }

    /// Lends the bytes.
    public func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafe RawSpan(_unsafeStart: UnsafeRawPointer(memory), byteCount: count))
    }
}

/// Wipes bytes that held a secret on their way into a ``SecretBytes``.
public func wipe(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
    bytes.removeAll()
}
