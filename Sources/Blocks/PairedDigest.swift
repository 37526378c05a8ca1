internal import CDigests

/// MD5 and SHA-256 of one message in progress: what every request to a cloud states of its body.
///
/// A value without references, so that whichever thread has time may advance it, together with those of other messages: in
/// the lanes of wide registers several cost little more than one.
public struct PairedDigest: Sendable {
    private var md5 = oxbow_running_digest()
    private var sha256 = oxbow_running_digest()

    /// A message at its beginning.
    public init() {
        unsafe oxbow_digest_begin(oxbow_md5, &md5)
        unsafe oxbow_digest_begin(oxbow_sha256, &sha256)
    }

    /// The next bytes of a message. They are the caller's, and stay where they are while ``advance(_:)`` runs.
    @unsafe
    public struct Step {
        /// The message.
        public var digest: PairedDigest
        /// Its next bytes.
        public var bytes: UnsafeRawBufferPointer
        /// True when the message ends with them.
        public var isLast: Bool

        /// A step of its parts.
        public init(_ digest: PairedDigest, _ bytes: UnsafeRawBufferPointer, isLast: Bool) {
            unsafe self.digest = digest
            unsafe self.bytes = bytes
            unsafe self.isLast = isLast
        }
    }

    /// The most messages that are worth being advanced together.
    public static let stepsMax = ParallelDigests.messagesMax

    /// True when this machine has a kernel for both digests that beats OpenSSL.
    public static func isFast() throws(BlocksError) -> Bool { try HashPlan.current().sha256 != .openSSL }

    /// Advances each message by its next bytes, side by side.
    @unsafe
    public static func advance(_ steps: inout [Step]) throws(BlocksError) {
        let plan = try HashPlan.current()
        let count = unsafe steps.count
        var md5 = DigestLanes(
            count: count, algorithm: .md5, kernel: plan.md5, lanesMin: plan.md5LanesMin)
        var sha256 = DigestLanes(
            count: count, algorithm: .sha256, kernel: plan.sha256, lanesMin: plan.sha256LanesMin)
        for index in unsafe steps.indices {
            let step = unsafe steps[index]
            unsafe md5.resume(index, from: step.digest.md5)
            unsafe md5.add(step.bytes, to: index, isLast: step.isLast)
            unsafe sha256.resume(index, from: step.digest.sha256)
            unsafe sha256.add(step.bytes, to: index, isLast: step.isLast)
        }
        md5.run()
        sha256.run()
        for index in unsafe steps.indices {
            unsafe steps[index].digest.md5 = md5.state(of: index)
            unsafe steps[index].digest.sha256 = sha256.state(of: index)
        }
    }

    /// The MD5 of a message that has ended: 16 bytes.
    public var md5Value: [UInt8] { Self.value(oxbow_md5, md5, byteCount: 16) }

    /// The SHA-256 of a message that has ended: 32 bytes.
    public var sha256Value: [UInt8] { Self.value(oxbow_sha256, sha256, byteCount: 32) }

    private static func value(
        _ algorithm: oxbow_digest_algorithm, _ digest: oxbow_running_digest, byteCount: Int
    ) -> [UInt8] {
        var digest = digest
        return unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { room, count in
            unsafe oxbow_digest_value(algorithm, &digest, room.baseAddress)
            count = byteCount
        }
    }
}
