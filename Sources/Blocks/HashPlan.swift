internal import Glibc

/// Which kernel computes what on this machine, found out once per process.
///
/// Features alone do not tell: with SHA instructions one message at a time may beat eight in lanes, and old processors
/// lower their clock for wide registers. So every kernel that the processor can run is timed on a small batch, a few
/// milliseconds in all. The environment variable `OXBOW_HASH_KERNEL` forces one instead.
public struct HashPlan: Sendable {
    /// For the fingerprints of a batch of blocks.
    public var sha256: HashKernel
    /// For MD5 of several objects.
    public var md5: HashKernel
    /// With fewer busy lanes than this, messages are finished one by one.
    var sha256LanesMin: Int
    /// As ``sha256LanesMin``, for MD5.
    var md5LanesMin: Int
    /// What was measured of each kernel, in bytes per nanosecond (GB/s), widest first.
    public var rates: [(kernel: HashKernel, sha256: Double, md5: Double)]

    /// The environment variable that forces a kernel.
    public static let variable = "OXBOW_HASH_KERNEL"

    /// This process's plan, made at the first call.
    ///
    /// Throws ``BlocksError/hashKernel(name:supported:)`` when the environment asks for a kernel that is none, or that the
    /// processor cannot run.
    public static func current() throws(BlocksError) -> HashPlan { try made.get() }

    private static let made: Result<HashPlan, BlocksError> = {
        let wish = unsafe getenv(variable).map { unsafe String(cString: $0) } ?? ""
        guard wish.isEmpty || wish == "auto" else {
            guard let kernel = HashKernel(rawValue: wish), kernel.isSupported else {
                return .failure(.hashKernel(name: wish, supported: HashKernel.supported.map(\.rawValue)))
            }
            return .success(HashPlan(choosingFrom: [kernel]))
        }
        return .success(HashPlan(choosingFrom: HashKernel.supported))
    }()

    /// Times these kernels, at least one, and chooses the fastest for each digest.
    init(choosingFrom kernels: [HashKernel]) {
        let measured = kernels.map(Measured.init)
        let sha256 = measured.max { $0.sha256 < $1.sha256 } ?? Measured(.openSSL)
        let md5 = measured.max { $0.md5 < $1.md5 } ?? sha256
        self.sha256 = sha256.kernel
        self.md5 = md5.kernel
        sha256LanesMin = sha256.sha256LanesMin
        md5LanesMin = md5.md5LanesMin
        rates = measured.map { ($0.kernel, $0.sha256, $0.md5) }
    }

    /// One kernel on this machine.
    private struct Measured {
        let kernel: HashKernel
        /// Bytes per nanosecond with all lanes busy.
        let sha256: Double
        let md5: Double
        let sha256LanesMin: Int
        let md5LanesMin: Int

        /// Long enough that beginnings and ends of messages do not count.
        private static let messageBytes = 4096
        /// The fastest of several: interruptions only ever slow a run down.
        private static let runs = 5

        init(_ kernel: HashKernel) {
            self.kernel = kernel
            let message = [UInt8](repeating: 0x5A, count: Self.messageBytes)
            func rate(_ algorithm: DigestLanes.Algorithm, messages: Int, lanesMin: Int) -> Double {
                let time = Self.fastest { Self.hash(message, messages, kernel, algorithm, lanesMin) }
                return Double(messages * Self.messageBytes) / time
            }
            func lanesMin(_ algorithm: DigestLanes.Algorithm, _ all: Double) -> Int {
                let lanes = kernel.lanes(of: algorithm)
                // One message with the rule that no number of lanes is enough: by itself.
                let single = rate(algorithm, messages: 1, lanesMin: .max)
                return min(lanes, Int((Double(lanes) * single / all).rounded(.up)))
            }
            md5 = rate(.md5, messages: 16, lanesMin: 1)
            md5LanesMin = lanesMin(.md5, md5)
            if kernel == .openSSL {
                sha256 = Self.rateOfOpenSSL(message)
                sha256LanesMin = 1
            } else {
                sha256 = rate(.sha256, messages: 16, lanesMin: 1)
                sha256LanesMin = lanesMin(.sha256, sha256)
            }
        }

        private static func fastest(_ body: () -> Void) -> Double {
            var best = Duration.seconds(3600)
            for _ in 0..<runs { best = min(best, ContinuousClock().measure(body)) }
            // At least a nanosecond: a clock of coarse steps must not divide by zero.
            return max(1, Double(best.components.attoseconds) / 1e9 + Double(best.components.seconds) * 1e9)
        }

        private static func hash(
            _ message: [UInt8], _ count: Int, _ kernel: HashKernel, _ algorithm: DigestLanes.Algorithm,
            _ lanesMin: Int
        ) {
            var lanes = DigestLanes(count: count, algorithm: algorithm, kernel: kernel, lanesMin: lanesMin)
            unsafe message.withUnsafeBytes { bytes in
                for lane in 0..<count { unsafe lanes.add(bytes, to: lane, isLast: true) }
                lanes.run()
            }
        }

        private static func rateOfOpenSSL(_ message: [UInt8]) -> Double {
            // Without SHA-256 in OpenSSL this path is never taken: its hasher cannot be made.
            guard let hasher = try? OpenSSLBlockHasher() else { return 0 }
            let time = fastest { for _ in 0..<4 { _ = unsafe try? hasher.fingerprint(of: message.span.bytes) } }
            return Double(4 * messageBytes) / time
        }
    }
}
