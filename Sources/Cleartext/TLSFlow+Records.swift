import Flows
import Objects

/// What a record is, and what opens it.
extension TLSFlow {
    /// Reads a whole record whose last byte came with `last` and first with `first`. False when it has to wait: then it
    /// must be kept as it is.
    func read<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ record: RawSpan, endsAt end: UInt64, _ first: SegmentContext, _ last: SegmentContext,
        _ sink: inout Sink, _ desk: inout CleartextDesk
    ) -> Bool {
        let type = record.octet(0)
        guard half.epoch != .plain else { return readPlain(half, record, endsAt: end, last, &sink, &desk) }
        if session.isVersion13, type != RecordHeader.Kind.applicationData {
            // RFC 8446 §5: a ChangeCipherSpec for middleboxes, or an alert of a party that has no keys yet.
            return true
        }
        settleLoss(self.half(half.half.opposite), acknowledgedBy: first, &sink, &desk)
        switch open(half, record, &desk) {
        case .opened(let opened): take(half, opened, endsAt: end, first, last, &sink, &desk)
        case .blocked(let block):
            half.block = block
            return false
        case .passedOver: desk.counters.skippedHandshakeRecords += 1
        case .failed:
            // Damaged, or behind bytes that were lost unnoticed.
            desk.counters.failedRecords += 1
            beginSearch(half, from: end &- UInt64(record.byteCount), .framingLost)
            half.failedLength = UInt64(record.byteCount)
        }
        return true
    }

    /// Does what an opened record says; its content lies in the desk's room.
    func take<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ opened: OpenedRecord, endsAt end: UInt64, _ first: SegmentContext, _ last: SegmentContext,
        _ sink: inout Sink, _ desk: inout CleartextDesk
    ) {
        desk.counters.records += 1
        if half.epoch == .application, desk.export != nil { showSecrets(half, &desk) }
        if opened.padding > 0 { half.pads = true }
        switch opened.type {
        case RecordHeader.Kind.applicationData:
            deliver(half, opened.count, first, last, &sink, &desk)
            half.mark(end)
        case RecordHeader.Kind.handshake:
            // Copied: what the messages say may open further records. A few per connection.
            let copy = unsafe [UInt8](UnsafeBufferPointer(start: desk.room.start, count: opened.count))
            readMessages(half, unsafe copy.span.bytes, last, &sink, &desk)
        case RecordHeader.Kind.changeCipherSpec where !session.isVersion13: changeKeys(half)
        case RecordHeader.Kind.alert:
            guard opened.count == 2, unsafe desk.room.start[1] == 0 else { break }
            // close_notify: the sender's own word that nothing was cut (RFC 8446 §6.1).
            if !half.isClosed { sink.end(handle, half.half, .finished, translated(last, half)) }
            half.isClosed = true
        default: break
        }
    }

    private func readPlain<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ record: RawSpan, endsAt end: UInt64, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout CleartextDesk
    ) -> Bool {
        switch record.octet(0) {
        case RecordHeader.Kind.handshake:
            readMessages(half, record.extracting(5..<record.byteCount), context, &sink, &desk)
        case RecordHeader.Kind.changeCipherSpec where session.suite != nil && !session.isVersion13: changeKeys(half)
        case RecordHeader.Kind.applicationData:
            if isClient(half), session.offersEarlyData {
                // What the server thinks of it is not known yet, or it has asked for another hello.
                if session.acceptsEarlyData != nil { return true }
                half.epoch = .early
                half.block = .server
                return false
            }
            if session.suite != nil, !session.isVersion13 {
                // The ChangeCipherSpec and the Finished behind it were lost.
                changeKeys(half)
                half.sequence = 1
                return read(half, record, endsAt: end, context, context, &sink, &desk)
            }
            return identify(half, record, endsAt: end, context, &sink, &desk)
        default: break
        }
        return true
    }

    /// TLS 1.2: from here on the half uses the keys of the latest handshake.
    private func changeKeys(_ half: TLSHalf) {
        half.epoch = .application
        half.keys = nil
        half.sequence = 0
        half.messages.reset()
    }

    // MARK: Opening

    /// What came of opening a record.
    private enum Opening {
        case opened(OpenedRecord)
        /// It has to wait.
        case blocked(TLSHalf.Block)
        /// It is of the handshake, or of 0-RTT data that the server refused, and no loss.
        case passedOver
        /// No key opens it where it stands.
        case failed
    }

    /// Opens a record under the half's keys, finding these first if need be.
    private func open(_ half: TLSHalf, _ record: RawSpan, _ desk: inout CleartextDesk) -> Opening {
        if let keys = half.keys {
            if let opened = unsafe keys.protection.open(record, sequence: half.sequence, into: desk.room.start) {
                half.sequence += 1
                return .opened(opened)
            }
            if half.epoch == .early { return openBehindEarlyData(half, record, &desk) }
            // The message that changes the keys may have been lost.
            let passed = half.sequence
            half.sequence = 0
            guard half.epoch == .handshake, let opened = openFirst(half, record, applicationKeys(half, &desk), &desk)
            else {
                half.sequence = passed
                return .failed
            }
            half.epoch = .application
            return .opened(opened)
        }
        switch half.epoch {
        case .plain: return .failed
        case .early:
            guard let accepted = session.acceptsEarlyData else { return .blocked(.server) }
            guard accepted else { return openBehindEarlyData(half, record, &desk) }
            let found = hasAllSecrets(desk.store) ? keys13(.clientEarly, &desk) : []
            guard let opened = openFirst(half, record, found, &desk) else {
                return found.isEmpty ? .blocked(.key) : openBehindEarlyData(half, record, &desk)
            }
            desk.counters.earlyDataFlows += 1
            return .opened(opened)
        case .handshake: return openHandshake(half, record, &desk)
        case .application:
            guard let opened = openFirst(half, record, applicationKeys(half, &desk), &desk) else {
                // A wrong secret may be followed by the right one.
                return .blocked(.key)
            }
            return .opened(opened)
        }
    }

    private func openHandshake(_ half: TLSHalf, _ record: RawSpan, _ desk: inout CleartextDesk) -> Opening {
        let found = handshakeKeys(half, &desk)
        if let opened = openFirst(half, record, found, &desk) { return .opened(opened) }
        let further = applicationKeys(half, &desk)
        let passed = half.sequence
        half.sequence = 0
        if let opened = openFirst(half, record, further, &desk) {
            half.epoch = .application
            return .opened(opened)
        }
        half.sequence = passed
        return further.isEmpty ? .blocked(.key) : .passedOver
    }

    /// The record behind the 0-RTT data, or one of them that the server refused.
    private func openBehindEarlyData(_ half: TLSHalf, _ record: RawSpan, _ desk: inout CleartextDesk) -> Opening {
        half.keys = nil
        half.sequence = 0
        switch openHandshake(half, record, &desk) {
        case .opened(let opened):
            if half.epoch == .early { half.epoch = .handshake }
            return .opened(opened)
        case let other: return other
        }
    }

    /// Tries keys on a record, and keeps those that open it.
    private func openFirst(
        _ half: TLSHalf, _ record: RawSpan, _ found: [RecordKeys], _ desk: inout CleartextDesk
    ) -> OpenedRecord? {
        for keys in found {
            if let opened = unsafe keys.protection.open(record, sequence: half.sequence, into: desk.room.start) {
                half.keys = keys
                half.sequence += 1
                return opened
            }
        }
        return nil
    }

    /// Keys of TLS 1.3 for a purpose, the newest secret first.
    private func keys13(_ label: SecretLabel, _ desk: inout CleartextDesk) -> [RecordKeys] {
        guard let suite = session.suite, let random = session.clientRandom else { return [] }
        return desk.store.secrets(label, random, transcript: session.transcriptHash)
            .compactMap { RecordKeys.version13(suite, $0) }
    }

    /// Keys for handshake messages of TLS 1.3, the newest secret first.
    func handshakeKeys(_ half: TLSHalf, _ desk: inout CleartextDesk) -> [RecordKeys] {
        keys13(isClient(half) ? .clientHandshake : .serverHandshake, &desk)
    }

    /// Keys for application data, the newest secret first; none before both directions' secrets are known, or a connection
    /// that ends between two lines of a key log could neither be read on nor be begun anew.
    func applicationKeys(_ half: TLSHalf, _ desk: inout CleartextDesk) -> [RecordKeys] {
        let isClient = isClient(half)
        if let identified {
            let secret = isClient ? identified.client : identified.server
            return session.suite.flatMap { RecordKeys.version13($0, secret) }.map { [$0] } ?? []
        }
        if session.isVersion13 {
            guard hasAllSecrets(desk.store) else { return [] }
            return keys13(isClient ? .clientApplication : .serverApplication, &desk)
        }
        guard let suite = session.suite, let random = session.clientRandom, let serverRandom = session.serverRandom
        else { return [] }
        var found: [RecordKeys] = []
        for master in desk.store.secrets(.master, random, transcript: nil) {
            guard
                let protection = RecordProtection.version12(
                    suite, master: master, clientRandom: random.bytes, serverRandom: serverRandom, isClient: isClient,
                    encryptsThenMACs: session.encryptsThenMACs)
            else { continue }
            found.append(RecordKeys(protection, secret: nil, master: master))
        }
        return found
    }
}
