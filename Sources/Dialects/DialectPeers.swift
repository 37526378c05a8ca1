internal import Objects

/// Something that an exchange taught an engine and that others need: how a host is read, how large an upload's parts are.
public struct DialectFact: Sendable {
    enum Kind: Sendable {
        case speaksS3(Authority)
        case style(AddressingStyle, Authority)
        case part(number: Int, size: UInt64, upload: String)
        case uploadEnded(String)
    }

    let kind: Kind
}

/// The other engines of a run in which each takes a share of the connections.
///
/// An engine alone has seen all that came before the packet at hand. Engines that share a capture must come to the same
/// conclusions: whatever another one learnt from earlier packets counts, whatever it learnt from later ones does not.
/// Asked once for an exchange with a host that is not fully known, and for a part of an upload.
public protocol DialectPeers: AnyObject, Sendable {
    /// Tells the others of a fact of the packet at hand.
    func tell(_ fact: DialectFact)

    /// What the others learnt from packets before the one at hand and was not handed out yet, in the order of packets. With
    /// `waits`, all of it: waits until they have come so far.
    func news(waits: Bool) -> [DialectFact]
}
