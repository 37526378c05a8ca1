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
