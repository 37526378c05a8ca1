/// Where a splitter sends its batches: the queue to the hashers, or the whole rest of the pipeline on one thread.
///
/// The receiver owns the batch's buffers and releases each to the pool once its bytes are written, or known to be stored
/// already, or dropped. It must do so without waiting for another batch: the splitter may be waiting for exactly these
/// buffers. That holds after a failure too: a receiver that can store nothing more goes on releasing.
public protocol BatchOutput: ~Copyable {
    /// Takes the next batch. Batches come in the order of the calls that filled them. May block, as back-pressure.
    mutating func send(_ batch: consuming IngestBatch)

    /// Place of what happens now among what happens in all splitters of the run (``IngestBatch/Step/order``); 0 where there
    /// is but one. Asked for each event.
    var order: UInt64 { get }
}

extension BatchOutput where Self: ~Copyable {
    /// One splitter needs no order but its own.
    public var order: UInt64 { 0 }
}
