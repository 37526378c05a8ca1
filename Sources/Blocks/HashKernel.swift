internal import CDigests

/// A way to compute SHA-256 and MD5. All give the same digests; which is fastest depends on the processor.
public enum HashKernel: String, CaseIterable, Sendable {
    /// 16 messages side by side in 512-bit registers.
    case avx512
    /// 8 messages side by side in 256-bit registers.
    case avx2
    /// SHA-256 by the processor's SHA instructions, two messages interleaved; MD5 of one message after the other.
    case shaNI = "sha-ni"
    /// SHA-256 by OpenSSL, one message after the other; MD5 likewise in plain C. Runs everywhere.
    case openSSL = "openssl"

    /// True when this processor can run it.
    public var isSupported: Bool { self == .openSSL || oxbow_digest_kernel_is_supported(lanes) }

    /// Those that this processor can run, widest first.
    public static var supported: [HashKernel] { allCases.filter(\.isSupported) }

    /// The C kernel behind it; for ``openSSL`` the one of its MD5.
    var lanes: oxbow_digest_kernel {
        switch self {
        case .avx512: oxbow_lanes_avx512
        case .avx2: oxbow_lanes_avx2
        case .shaNI: oxbow_lanes_sha_ni
        case .openSSL: oxbow_lanes_portable
        }
    }

    /// How many messages it advances at once.
    func lanes(of algorithm: DigestLanes.Algorithm) -> Int {
        oxbow_digest_lanes(lanes, algorithm == .md5 ? oxbow_md5 : oxbow_sha256)
    }
}
