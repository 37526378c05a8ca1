internal import Blocks
public import Objects

// Verification of stated digests, done outside and reported here.

extension Ledger {
    /// Versions that became ready for verification, at most `max`, each once. What does not fit the queue is found by
    /// ``CatalogReading/pendingVerification(after:max:)``.
    public mutating func takeVerificationWork(max: Int) -> [VersionID] { verificationQueue.take(max) }

    /// Applies what a check of stored bytes found and returns the version's new state; nil when the version is gone or
    /// its bytes were replaced since the plan was made.
    public mutating func record(_ result: VerificationResult) throws(CatalogError) -> ObjectState? {
        guard var version = try version(result.version), version.kind == .object, version.isWhole,
            version.revision == result.revision
        else { return nil }
        for finding in result.findings {
            for index in version.digests.indices where version.digests[index].digest.equals(finding.digest) {
                version.digests[index].outcome = finding.outcome
            }
        }
        if let partSize = result.partSize, partSize > 0, let size = version.size, version.parts.isEmpty {
            version.fillParts(of: partSize, size: size)
        }
        var context = try begin(version.name)
        try settle(&version)
        try write(version, in: &context)
        try finish(context)
        return version.state
    }

    /// Compares the MD5 of a transfer's bytes, computed as they came, with those that the cloud stated of the object, so
    /// that nobody needs to read it back. Only equality is taken as an answer: what differs is left to the verifier, which
    /// finds out what is wrong.
    ///
    /// `joined` bytes of `contribution` were new. When they are as many as the object has, as the transfer's extents have
    /// and as the digest is of, then nothing was held before, no extent lies over another or was left out, and the object
    /// is made of exactly the bytes that were digested.
    mutating func checkOnArrival(_ version: inout VersionRecord, _ contribution: Contribution, joined: UInt64) {
        guard let digest = contribution.digest, joined > 0, version.size == joined, digest.byteCount == joined,
            contribution.byteCount == joined
        else { return }
        var matches = false
        for index in version.digests.indices {
            let stated = version.digests[index]
            guard stated.outcome == .untested, stated.digest.algorithm == .md5, stated.digest.scope == .whole,
                !(stated.digest.isAdvisory && version.hasOpaqueETag), digest.md5.equals(stated.digest.value)
            else { continue }
            version.digests[index].outcome = .matched
            matches = true
        }
        if matches { counters.checkedOnArrival += 1 }
    }
}

extension VersionRecord {
    /// Keeps a part size that a composite digest proved: whoever copies the object can make the same ETag with it.
    fileprivate mutating func fillParts(of partSize: UInt64, size: UInt64) {
        let count = size / partSize + (size % partSize == 0 ? 0 : 1)
        guard count > 0, count <= 10_000 else { return }
        parts = (1...count).map { number in
            let length = number < count ? partSize : size - (count - 1) * partSize
            return Part(number: Int(number), etag: nil, size: length, isPlaced: true)
        }
    }
}
