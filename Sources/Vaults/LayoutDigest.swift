internal import Blocks
internal import Catalog
internal import Objects

/// A digest that the cloud stated, recomputed while an object's bytes pass in order: of the whole, or of parts whose digests are
/// digested again.
final class LayoutDigest {
    private let algorithm: DigestAlgorithm
    /// Lengths of the parts; empty for a digest of the whole.
    private let sizes: [UInt64]
    private var outer: StreamDigest?
    private var inner: StreamDigest?
    private var part = 0
    /// Bytes that the part still takes.
    private var rest: UInt64

    /// A digest that has seen nothing. A layout that is not known counts as the whole.
    init(_ step: VerificationPlan.Step) throws(BlocksError) {
        algorithm = step.digest.algorithm
        if case .parts(let sizes) = step.layout {
            self.sizes = sizes
            outer = try StreamDigest(algorithm)
        } else {
            sizes = []
            outer = nil
        }
        inner = try StreamDigest(algorithm)
        rest = sizes.first ?? .max
    }

    /// Takes the next bytes.
    func update(_ bytes: RawSpan) throws(BlocksError) {
        var start = 0
        while start < bytes.byteCount {
            guard rest > 0 else {
                try endPart()
                continue
            }
            let count = Int(min(UInt64(bytes.byteCount - start), rest))
            inner?.update(bytes.extracting(start..<start + count))
            start += count
            rest -= UInt64(count)
        }
    }

    /// The digest of everything taken; nothing is taken afterwards.
    func finish() throws(BlocksError) -> [UInt8] {
        // Bytes behind the last part make one more, so that they do not go unnoticed.
        if !sizes.isEmpty { repeat { try endPart() } while part < sizes.count }
        return (outer.take() ?? inner.take())?.finalize() ?? []
    }

    private func endPart() throws(BlocksError) {
        if let value = inner.take()?.finalize() { unsafe outer?.update(value.span.bytes) }
        inner = try StreamDigest(algorithm)
        part += 1
        rest = part < sizes.count ? sizes[part] : .max
    }
}
