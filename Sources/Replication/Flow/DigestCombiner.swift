internal import Blocks
internal import NIOCore
internal import S3
internal import Synchronization

/// Computes the digests of payloads that are prepared at the same time side by side: in lanes, several messages cost
/// little more than one, and one message alone goes no faster than 0.9 GB/s by MD5.
///
/// Whoever comes while nobody computes does it, for himself and for all who have come by then; the others wait without a
/// thread. So a lone payload never waits, and many gather by themselves.
final class DigestCombiner: Sendable {
    private struct Waiting: Sendable {
        let digest: PairedDigest
        let chunk: ByteBuffer
        let isLast: Bool
        let then: CheckedContinuation<PairedDigest, Never>
    }

    private struct State: Sendable {
        var waiting: [Waiting] = []
        var isRunning = false
    }

    private let state = Mutex(State())

    /// True when this machine's kernels beat OpenSSL, and combining pays.
    let isWorthwhile = (try? PairedDigest.isFast()) ?? false

    /// Takes the readable bytes of `chunk` as the next of a message.
    func advance(_ digest: PairedDigest, by chunk: ByteBuffer, isLast: Bool) async -> PairedDigest {
        await withCheckedContinuation { then in
            let leads = state.withLock { state in
                state.waiting.append(Waiting(digest: digest, chunk: chunk, isLast: isLast, then: then))
                defer { state.isRunning = true }
                return !state.isRunning
            }
            if leads { run() }
        }
    }

    /// Computes until nobody waits.
    private func run() {
        while true {
            var taken = state.withLock { state in
                let taken = Array(state.waiting.prefix(PairedDigest.stepsMax))
                state.waiting.removeFirst(taken.count)
                if taken.isEmpty { state.isRunning = false }
                return taken
            }
            if taken.isEmpty { return }
            let digests = Self.advance(taken)
            let waiters = taken.map(\.then)
            // Whoever goes on writes to his buffer, which is copied if it is held here too.
            taken = []
            for (then, digest) in zip(waiters, digests) { then.resume(returning: digest) }
        }
    }

    private static func advance(_ waiting: [Waiting]) -> [PairedDigest] {
        // `waiting` holds the buffers, whose storage stays where it is as long as nobody writes to them.
        var steps = unsafe waiting.map { waiting in
            unsafe waiting.chunk.withUnsafeReadableBytesWithStorageManagement { bytes, _ in
                unsafe PairedDigest.Step(waiting.digest, bytes, isLast: waiting.isLast)
            }
        }
        withExtendedLifetime(waiting) {
            do {
                unsafe try PairedDigest.advance(&steps)
            } catch {
                // The kernels were there when the combiner was made.
                preconditionFailure("\(error)")
            }
        }
        return unsafe steps.map { unsafe $0.digest }
    }
}

/// The digests of one payload in progress, by lanes or by OpenSSL.
struct PayloadDigester: ~Copyable {
    private let combiner: DigestCombiner?
    private var paired = PairedDigest()
    private var single = PayloadHasher()

    /// Smaller payloads are not worth being handed over.
    private static let bytesMin: UInt64 = 32 << 10

    /// For a payload of `length` bytes, combined with others by `combiner`.
    init(_ length: UInt64, _ combiner: DigestCombiner?) {
        self.combiner = length >= Self.bytesMin && combiner?.isWorthwhile ?? false ? combiner : nil
    }

    /// Takes the readable bytes of the next chunk.
    mutating func update(_ chunk: ByteBuffer, isLast: Bool) async {
        if let combiner {
            paired = await combiner.advance(paired, by: chunk, isLast: isLast)
        } else {
            single.update(chunk)
        }
    }

    /// The digests of everything taken, once the last chunk was.
    consuming func finish() -> PayloadDigests {
        guard combiner != nil else { return single.finish() }
        return PayloadDigests(md5: paired.md5Value, sha256: paired.sha256Value)
    }
}
