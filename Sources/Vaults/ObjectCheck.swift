internal import Blocks
public import Catalog
internal import Objects

/// What `oxbow verify` found of one version.
public struct ObjectCheck: Sendable {
    /// SHA-256 of the whole object as lower-case hexadecimal digits; nil unless every byte is held and good.
    public var sha256Text: String?
    /// Bytes that were read back.
    public var bytesRead: UInt64 = 0
    /// What is wrong, in words; empty for an object whose bytes are what they were.
    public var problems: [String] = []
    /// True when the vault lost or damaged something it held; a digest that never matched is no damage.
    public var isDamaged = false
}

extension VaultReader {
    /// Reads everything that is held of a version, recomputes every block's fingerprint, the object's SHA-256 and each
    /// stated digest that once matched.
    public func verify(_ version: VersionRecord) throws -> ObjectCheck {
        var check = ObjectCheck()
        guard version.isWhole, let size = version.size else {
            try verifyPieces(of: version, &check)
            return check
        }
        var whole = try StreamDigest(.sha256)
        let matched = version.digests.filter { $0.outcome == .matched }
        let again = try matched.map { checked in
            try LayoutDigest(.init(digest: checked.digest, layout: version.layout(of: checked.digest)))
        }
        do {
            try visitBytes(of: version, in: 0..<size) { bytes in
                whole.update(bytes)
                for digest in again { try digest.update(bytes) }
                check.bytesRead += UInt64(bytes.byteCount)
            }
        } catch let error as VaultError {
            // One bad block is known; the others must be named too.
            check = ObjectCheck()
            try verifyPieces(of: version, &check)
            if check.problems.isEmpty { check.problems.append(error.description) }
            check.isDamaged = true
            return check
        }
        check.sha256Text = hexadecimal(whole.finalize())
        if version.state == .mismatch {
            check.problems.append("a digest that the cloud stated does not match (state mismatch)")
        }
        for (stated, digest) in zip(matched.map(\.digest), again) where try digest.finish() != stated.value {
            check.problems.append("\(stated.source) (\(stated.algorithm.rawValue)) matched once and differs now")
            check.isDamaged = true
        }
        return check
    }

    /// Reads each held piece by itself.
    private func verifyPieces(of version: VersionRecord, _ check: inout ObjectCheck) throws {
        for range in version.holdings.covered.ranges {
            for piece in try pieces(of: version, in: range) {
                do {
                    try withBlock(piece, of: version) { bytes in check.bytesRead += UInt64(bytes.byteCount) }
                } catch let error as VaultError {
                    check.problems.append(error.description)
                    check.isDamaged = true
                }
            }
        }
    }

    /// Recomputes the digests of a plan until one decides.
    public func check(_ plan: VerificationPlan, of version: VersionRecord) throws -> VerificationResult {
        var result = VerificationResult(version: plan.version, revision: plan.revision, findings: [])
        for step in plan.steps {
            let outcome: DigestOutcome
            if case .candidates(let sizes) = step.layout {
                let match = try sizes.first { size in
                    let parts = Self.partSizes(of: plan.size, by: size)
                    return try digest(.init(digest: step.digest, layout: .parts(parts)), of: version, size: plan.size)
                        == step.digest.value
                }
                result.partSize = match ?? result.partSize
                outcome = match == nil ? .inconclusive : .matched
            } else {
                outcome = try digest(step, of: version, size: plan.size) == step.digest.value ? .matched : .mismatched
            }
            result.findings.append(CheckedDigest(step.digest, outcome: outcome))
            if outcome == .matched || (outcome == .mismatched && !step.digest.isAdvisory) { break }
        }
        return result
    }

    /// The digest of a version's bytes over a layout.
    private func digest(_ step: VerificationPlan.Step, of version: VersionRecord, size: UInt64) throws -> [UInt8] {
        let digest = try LayoutDigest(step)
        try visitBytes(of: version, in: 0..<size) { bytes in try digest.update(bytes) }
        return try digest.finish()
    }

    /// `size` bytes cut into parts of `partSize`; the last takes the rest.
    static func partSizes(of size: UInt64, by partSize: UInt64) -> [UInt64] {
        var sizes = [UInt64](repeating: partSize, count: Int(size / partSize))
        if size % partSize > 0 { sizes.append(size % partSize) }
        return sizes
    }
}

extension VersionRecord {
    /// How a digest that matched was computed.
    fileprivate func layout(of digest: StatedDigest) -> VerificationPlan.Layout {
        if case .composite = digest.scope, let sizes = partSizes { return .parts(sizes) }
        return .whole
    }
}
