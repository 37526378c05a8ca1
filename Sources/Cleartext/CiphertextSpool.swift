/// Room outside of memory for ciphertext that waits for its key, in slots of one size. Several engines, each on a thread
/// of its own, may share one.
///
/// What it is given was encrypted by the peers, and is of no worth to a later run: nothing in it need survive.
public protocol CiphertextSpool: AnyObject, Sendable {
    /// Keeps up to ``slotBytes`` bytes and gives back their slot's number; nil when there is no room or they cannot be
    /// written.
    func write(_ bytes: RawSpan) -> Int?
    /// Fills `bytes` with the first bytes of a slot. False when they cannot be read.
    func read(_ slot: Int, into bytes: inout [UInt8]) -> Bool
    /// The slot is needed no more.
    func free(_ slot: Int)
}

extension CiphertextSpool {
    /// Bytes of a slot.
    public static var slotBytes: Int { ParkedLog.chunkBytes }
}
