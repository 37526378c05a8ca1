internal import NIOCore
internal import Objects
internal import S3

/// Reads an object back from the target and compares it with what was sent: the one check that trusts no answer.
struct ReadBack: Sendable {
    /// Bytes asked for at once.
    private static let requestBytes: UInt64 = 4 << 20

    private let context: RunContext

    init(_ context: RunContext) { self.context = context }

    /// True when the object has this size, and each piece its SHA-256.
    func matches(_ location: TargetLocation, _ size: UInt64, _ proof: [PartProof]) async throws -> Bool {
        guard proof.reduce(0, { $0 + $1.size }) == size else { return false }
        let described = try await context.transferring { try await context.target.describe(location) }
        guard described?.size == size else { return false }
        var start: UInt64 = 0
        for part in proof {
            let range = start..<start + part.size
            guard try await ByteText.hex(digest(location, range)) == part.sha256 else { return false }
            start = range.upperBound
        }
        return true
    }

    private func digest(_ location: TargetLocation, _ range: Range<UInt64>) async throws -> [UInt8] {
        var digest = RunningDigest(.sha256)
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(range.upperBound, start + Self.requestBytes)
            let chunk = start..<end
            let buffer = try await context.receiving(Int(end - start)) { () async throws -> ByteBuffer in
                var buffer = ByteBuffer()
                try await context.target.read(location, chunk, into: &buffer)
                return buffer
            }
            digest.update(buffer)
            start = end
        }
        return digest.finish()
    }
}
