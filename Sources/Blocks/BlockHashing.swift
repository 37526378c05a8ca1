/// Computes the fingerprints of a batch of blocks. Batches are the unit so that an implementation may hash several
/// equal-size blocks side by side.
public protocol BlockHashing: Sendable {
    /// Fills in the fingerprint of every descriptor whose buffer lies in `pool`.
    func hash(_ blocks: inout [BlockDescriptor], in pool: BlockPool)
}
