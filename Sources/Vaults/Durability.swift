/// When a vault forces what it wrote to the medium. Until then nothing is acknowledged: a crash loses at most this much,
/// and replaying the traffic brings it back.
public struct Durability: Sendable, Hashable {
    /// A commit is due when this many bytes were written since the last one.
    public var commitBytes: UInt64
    /// A commit is due when this many nanoseconds passed since the last one, if anything was written.
    public var commitNanoseconds: UInt64

    /// Group commit by bytes or time, whichever comes first.
    public init(commitBytes: UInt64 = 64 << 20, commitNanoseconds: UInt64 = 1_000_000_000) {
        self.commitBytes = commitBytes
        self.commitNanoseconds = commitNanoseconds
    }
}
