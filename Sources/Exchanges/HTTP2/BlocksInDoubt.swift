/// The header blocks that may have been among what a half-connection lost.
///
/// As long as one may, the dynamic table is not known to be the encoder's (RFC 7541 §2.3.2). What comes later can prove
/// that none was: streams of a client ascend by two, so the next one tells that none was opened unseen; a stream whose
/// head comes had not had it before; a stream that goes on had no trailers yet.
struct BlocksInDoubt {
    /// What a frame of the half-connection says about what was lost before it.
    enum Verdict {
        /// Nothing new, or a doubt less.
        case open
        /// No block was lost.
        case noneLost
        /// A block was lost, or nothing can prove the contrary.
        case lost
    }

    /// Streams of which a block may have been lost.
    var streams: Set<UInt32> = []
    /// The stream that the client opens next if it opened none unseen; 0 when that is not in doubt.
    var nextStream: UInt32 = 0
    /// True while it is in doubt which streams the client opened, and so which answers there are.
    var awaitsClient = false
    /// True while anything is in doubt.
    var isActive = false

    /// Forgets all doubts.
    mutating func settle() { self = BlocksInDoubt() }

    /// A stream is out of doubt.
    mutating func clear(_ stream: UInt32) -> Verdict {
        streams.remove(stream)
        return verdict
    }

    /// The client opens a stream.
    mutating func open(_ stream: UInt32) -> Verdict {
        guard nextStream != 0 else { return verdict }
        guard stream == nextStream else { return .lost }
        nextStream = 0
        return verdict
    }

    /// What is known so far.
    var verdict: Verdict { streams.isEmpty && nextStream == 0 && !awaitsClient ? .noneLost : .open }
}
