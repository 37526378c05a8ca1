/// Why the blocks layer could not be set up. None of these comes from a packet: all stop the program at its start.
public enum BlocksError: Error, Hashable, Sendable {
    /// The configured block size is no power of two from 4 KiB to 8 MiB.
    case badBlockSize(bytes: Int)
    /// The memory budget holds fewer buffers than the pipeline needs to move at all.
    case budgetTooSmall(bytes: Int, leastBytes: Int)
    /// The system refused the memory of the pool.
    case noMemory(bytes: Int, errno: Int32)
    /// OpenSSL offers no such digest, as in a FIPS configuration without MD5, or had no memory for it.
    case digestUnavailable(name: String)
    /// The environment asks for a hash kernel that is none, or that this processor cannot run.
    case hashKernel(name: String, supported: [String])
}

extension BlocksError: CustomStringConvertible {
    /// What failed, on what, and what to do.
    public var description: String {
        switch self {
        case .badBlockSize(let bytes):
            "block size of \(bytes) bytes is not usable: choose a power of two from 4096 (4 KiB) to 8388608 (8 MiB)"
        case .budgetTooSmall(let bytes, let leastBytes):
            "a block memory budget of \(bytes) bytes is too small for this block size: allow at least \(leastBytes) bytes"
        case .noMemory(let bytes, let errno):
            "the system refused \(bytes) bytes of address space for block buffers (errno \(errno)): "
                + "lower the block memory budget or raise the limit on virtual memory (ulimit -v)"
        case .digestUnavailable(let name):
            "OpenSSL offers no \(name) here: check OPENSSL_CONF for a provider (such as FIPS) that leaves it out"
        case .hashKernel(let name, let supported):
            "\(HashPlan.variable)=\(name) names no hash kernel that this processor can run: "
                + "use one of \(supported.joined(separator: ", ")), or auto"
        }
    }
}
