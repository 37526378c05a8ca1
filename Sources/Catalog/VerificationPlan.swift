public import Objects

/// Which digests of a version to recompute, the cheapest sufficient one first.
///
/// The verifier goes through the steps in order and stops at the first that matches, and at the first digest that is not
/// advisory and does not; it then reports with ``Ledger/record(_:)``.
public struct VerificationPlan: Sendable, Hashable {
    /// What a digest is computed over.
    public enum Layout: Sendable, Hashable {
        /// The bytes from first to last.
        case whole
        /// Digests of parts of these sizes, in order, concatenated and digested again.
        case parts([UInt64])
        /// As ``parts(_:)``, but the sizes are not known: all parts are of one of these sizes, the last takes the rest.
        /// Only a match proves something.
        case candidates([UInt64])
    }

    /// One digest.
    public struct Step: Sendable, Hashable {
        /// The digest.
        public var digest: StatedDigest
        /// What it is computed over.
        public var layout: Layout

        /// A step of its parts.
        public init(digest: StatedDigest, layout: Layout) {
            self.digest = digest
            self.layout = layout
        }
    }

    /// The version.
    public var version: VersionID
    /// Which of its bytes: see ``VersionRecord/revision``.
    public var revision: UInt64
    /// Its length in bytes.
    public var size: UInt64
    /// The digests in order; never empty.
    public var steps: [Step]
}

/// What came of a plan.
public struct VerificationResult: Sendable, Hashable {
    /// The version.
    public var version: VersionID
    /// As in the plan.
    public var revision: UInt64
    /// The digests that were recomputed. For ``VerificationPlan/Layout/candidates(_:)`` without a match the outcome is
    /// ``DigestOutcome/inconclusive``.
    public var findings: [CheckedDigest]
    /// The part size that a composite digest matched with, when it had to be guessed.
    public var partSize: UInt64?

    /// A result of its parts.
    public init(version: VersionID, revision: UInt64, findings: [CheckedDigest], partSize: UInt64? = nil) {
        self.version = version
        self.revision = revision
        self.findings = findings
        self.partSize = partSize
    }
}

extension VersionRecord {
    /// What is left to check of this version, or nil when nothing is: it is not whole, its state is settled, or the cloud
    /// stated no digest that can be recomputed.
    public var verificationPlan: VerificationPlan? {
        guard isWhole, let size, state == .complete else { return nil }
        let steps =
            digests
            .filter { $0.outcome == .untested }
            .compactMap { checked in step(for: checked.digest, size: size) }
            .enumerated()
            .sorted { (cost(of: $0.element), $0.offset) < (cost(of: $1.element), $1.offset) }
            .map(\.element)
        guard !steps.isEmpty else { return nil }
        return VerificationPlan(version: id, revision: revision, size: size, steps: steps)
    }

    private func step(for digest: StatedDigest, size: UInt64) -> VerificationPlan.Step? {
        guard digest.value.count == digest.algorithm.byteCount else { return nil }
        // An ETag that something explains says nothing about the bytes.
        if digest.isAdvisory, hasOpaqueETag { return nil }
        switch digest.scope {
        case .whole: return VerificationPlan.Step(digest: digest, layout: .whole)
        case .composite(let count):
            if let sizes = partSizes, sizes.count == count, sizes.reduce(0, { $0 &+ $1 }) == size {
                return VerificationPlan.Step(digest: digest, layout: .parts(sizes))
            }
            let candidates = PartSizeGuess.candidates(size: size, parts: count)
            return candidates.isEmpty ? nil : VerificationPlan.Step(digest: digest, layout: .candidates(candidates))
        }
    }

    /// Relative cost per byte; composite digests come last, guesses behind known sizes.
    private func cost(of step: VerificationPlan.Step) -> Int {
        let algorithm =
            switch step.digest.algorithm {
            case .crc32c: 0
            case .crc64nvme: 1
            case .crc32: 2
            case .md5: 10
            case .sha1: 11
            case .sha256: 12
            }
        return switch step.layout {
        case .whole: algorithm
        case .parts: algorithm + 100
        case .candidates: algorithm + 200
        }
    }

    /// True when the object is encrypted in a way that makes its ETag no digest of the bytes (Amazon S3 API Reference,
    /// "Object", ETag).
    var hasOpaqueETag: Bool {
        if let scheme = metadata.headers["x-amz-server-side-encryption"], scheme.hasPrefix("aws:kms") { return true }
        return metadata.headers["x-amz-server-side-encryption-customer-algorithm"] != nil
    }

    /// The state by what is held and what was checked.
    var settledState: ObjectState {
        guard isWhole else { return .partial }
        if digests.contains(where: { $0.outcome == .mismatched && !$0.digest.isAdvisory }) { return .mismatch }
        if digests.contains(where: { $0.outcome == .matched }) { return .verified }
        let isETagWrong = digests.contains { $0.outcome == .mismatched && $0.digest.isAdvisory }
        guard isETagWrong, !hasOpaqueETag else { return .complete }
        // Another digest may still speak for the bytes: the ETag condemns them only when nothing is left to ask.
        var open = self
        open.state = .complete
        return open.verificationPlan == nil ? .mismatch : .complete
    }
}

/// Guesses the part size of an upload that was not seen, from the length and the number of parts.
enum PartSizeGuess {
    private static let mebibyte: UInt64 = 1 << 20

    /// Uniform part sizes with which `size` bytes make exactly `parts` parts, likely ones first: what clients use by
    /// default (5, 8, 15, 16, 25, 50, 64, 100 MiB and further powers and multiples), then even cuts.
    static func candidates(size: UInt64, parts: Int) -> [UInt64] {
        guard parts > 0, size > 0 else { return [] }
        let count = UInt64(parts)
        let exact = size / count + (size % count == 0 ? 0 : 1)
        if parts == 1 { return [size] }
        let common: [UInt64] = [8, 5, 16, 64, 15, 25, 50, 100, 10, 20, 32, 128, 256, 512, 1024]
        var tried = common.map { $0 * mebibyte }
        tried += [exact.roundedUp(to: mebibyte), exact.roundedUp(to: 5 * mebibyte), exact.roundedUp(to: 8 * mebibyte)]
        tried += [5_000_000, 8_000_000, 10_000_000, 100_000_000]
        tried += [exact.roundedUp(to: 1 << 16), exact]
        var seen: Set<UInt64> = []
        return tried.filter { candidate in
            guard candidate > 0, seen.insert(candidate).inserted else { return false }
            return size / candidate + (size % candidate == 0 ? 0 : 1) == count
        }
    }
}

extension UInt64 {
    /// The next multiple of `step`, or the number itself when there is none.
    func roundedUp(to step: UInt64) -> UInt64 {
        let (sum, overflows) = addingReportingOverflow(step - 1)
        return overflows ? self : sum / step * step
    }
}
