import Objects

@testable import Dialects

/// Keeps everything that an engine hands on, and every breach of the order that ``ObjectSink`` promises.
struct RecordingSink: ObjectSink {
    struct Transfer {
        var plan: TransferPlan
        var pieces: [(offset: UInt64, bytes: [UInt8])] = []
        var gaps: [Gap] = []
        var end: TransferEnd?

        /// The payload, with zeros where bytes are missing.
        var bytes: [UInt8] {
            let length = pieces.map { $0.offset + UInt64($0.bytes.count) }.max() ?? 0
            var joined = [UInt8](repeating: 0, count: Int(length))
            for piece in pieces {
                joined.replaceSubrange(Int(piece.offset)..<Int(piece.offset) + piece.bytes.count, with: piece.bytes)
            }
            return joined
        }
        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    var transfers: [TransferID: Transfer] = [:]
    var events: [ObjectEvent] = []
    var breaches: [String] = []
    private var reached: [TransferID: UInt64?] = [:]

    mutating func open(_ transfer: TransferID, plan: TransferPlan) {
        if transfers[transfer] != nil { breaches.append("\(transfer) opened twice") }
        if transfer.number != UInt64(transfers.count) + 1 { breaches.append("\(transfer) out of turn") }
        transfers[transfer] = Transfer(plan: plan)
        reached[transfer] = .some(0)
    }

    mutating func payload(_ transfer: TransferID, _ bytes: RawSpan, at offset: UInt64) {
        advance(transfer, offset, UInt64(bytes.byteCount))
        let copy = bytes.withUnsafeBytes { [UInt8]($0) }
        if copy.isEmpty { breaches.append("\(transfer) got an empty slice") }
        transfers[transfer]?.pieces.append((offset, copy))
    }

    mutating func gap(_ transfer: TransferID, at offset: UInt64, length: UInt64?, cause: GapCause) {
        if length == 0 { breaches.append("\(transfer) got an empty gap") }
        advance(transfer, offset, length)
        transfers[transfer]?.gaps.append(Gap(offset: offset, length: length, cause: cause))
    }

    private mutating func advance(_ transfer: TransferID, _ offset: UInt64, _ length: UInt64?) {
        guard let at = reached[transfer], transfers[transfer]?.end == nil else {
            breaches.append("\(transfer) is not open")
            return
        }
        guard let at else {
            breaches.append("\(transfer) goes on after a gap to its end")
            return
        }
        if offset != at { breaches.append("\(transfer) at \(offset), expected \(at)") }
        reached[transfer] = .some(length.map { offset + $0 })
    }

    mutating func close(_ transfer: TransferID, _ end: TransferEnd) {
        if transfers[transfer] == nil || transfers[transfer]?.end != nil {
            breaches.append("\(transfer) closed wrongly")
        }
        if end.cause == nil, let length = end.length, reached[transfer] != .some(.some(length)) {
            breaches.append("\(transfer) closed at \(length) without a cause")
        }
        transfers[transfer]?.end = end
    }

    mutating func event(_ event: ObjectEvent) {
        let used: TransferID? =
            switch event {
            case .stored(let event): event.transfer
            case .read(let event): event.transfer
            case .partStored(let event): event.transfer
            case .discarded(let transfer, _): transfer
            default: nil
            }
        if let used, transfers[used]?.end == nil { breaches.append("\(used) used before it was closed") }
        events.append(event)
    }
}

extension RecordingSink {
    var stored: [StoredEvent] { events.compactMap { if case .stored(let event) = $0 { event } else { nil } } }
    var reads: [ReadEvent] { events.compactMap { if case .read(let event) = $0 { event } else { nil } } }
    var described: [DescribedEvent] { events.compactMap { if case .described(let event) = $0 { event } else { nil } } }
    var copied: [CopiedEvent] { events.compactMap { if case .copied(let event) = $0 { event } else { nil } } }
    var deleted: [DeletedEvent] { events.compactMap { if case .deleted(let event) = $0 { event } else { nil } } }
    var created: [UploadEvent] { events.compactMap { if case .uploadCreated(let event) = $0 { event } else { nil } } }
    var aborted: [UploadEvent] { events.compactMap { if case .uploadAborted(let event) = $0 { event } else { nil } } }
    var parts: [PartStoredEvent] { events.compactMap { if case .partStored(let event) = $0 { event } else { nil } } }
    var copiedParts: [PartCopiedEvent] {
        events.compactMap { if case .partCopied(let event) = $0 { event } else { nil } }
    }
    var completed: [UploadCompletedEvent] {
        events.compactMap { if case .uploadCompleted(let event) = $0 { event } else { nil } }
    }
    var listed: [ListedEvent] { events.compactMap { if case .listed(let event) = $0 { event } else { nil } } }
    var attempts: [AttemptedEvent] { events.compactMap { if case .attempted(let event) = $0 { event } else { nil } } }
    var discarded: [TransferID] {
        events.compactMap { if case .discarded(let transfer, _) = $0 { transfer } else { nil } }
    }
    /// The transfer that an event names.
    func transfer(_ id: TransferID?) -> Transfer? { id.flatMap { transfers[$0] } }
}
