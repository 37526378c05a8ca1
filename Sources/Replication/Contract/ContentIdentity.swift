/// A value that is equal for two versions only when their bytes are equal, so that equal content is uploaded once.
///
/// A vault derives it from the sorted fingerprints of a version's blocks; it need not be a digest of the bytes.
public struct ContentIdentity: Hashable, Sendable {
    /// The identity's bytes; 16 or more, uniformly distributed.
    public let bytes: [UInt8]

    /// An identity of the given bytes.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }
}
