/// How much of an object's version the vault holds, and how well that is known.
public enum ObjectState: String, Sendable, Hashable, CaseIterable {
    /// Some bytes are missing or the length is not known.
    case partial
    /// Every byte is held and the length is the one the cloud stated.
    case complete
    /// Complete, and a digest that the cloud stated was recomputed from the bytes held.
    case verified
    /// Complete by length, but a digest that the cloud stated differs: kept, flagged, never served as good.
    case mismatch

    /// True for the states whose bytes may be served as the object.
    public var isGood: Bool { self == .complete || self == .verified }
}
