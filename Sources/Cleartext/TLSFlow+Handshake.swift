import Flows
import Objects

/// What the handshake says.
extension TLSFlow {
    /// Reads the handshake messages in a record's content.
    func readMessages<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ content: RawSpan, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout CleartextDesk
    ) {
        var position = 0
        while reason == nil, let message = half.messages.next(content, &position, limit: desk.limits.helloBytes) {
            switch message.type {
            case HandshakeType.clientHello: greet(half, client: message, context, &sink, &desk)
            case HandshakeType.serverHello: greet(half, server: message, context, &sink, &desk)
            case HandshakeType.encryptedExtensions where session.isVersion13:
                guard let extensions = EncryptedExtensions(message.body) else { break }
                session.acceptsEarlyData = session.offersEarlyData && extensions.acceptsEarlyData
                note(extensions.applicationProtocol, &desk)
            case HandshakeType.finished where session.isVersion13 && half.epoch != .application:
                enter(.application, half)
                if !isClient(half), session.offersEarlyData, session.acceptsEarlyData == nil {
                    session.acceptsEarlyData = false
                }
            case HandshakeType.endOfEarlyData where session.isVersion13 && half.epoch == .early:
                enter(.handshake, half)
            case HandshakeType.keyUpdate where session.isVersion13 && half.epoch == .application:
                // RFC 8446 §7.2: only this direction's keys change.
                desk.counters.keyUpdates += 1
                half.keys = half.keys?.next()
                half.sequence = 0
            default: break
            }
        }
        if half.messages.isOverLimit, reason == nil {
            desk.counters.helloLimit += 1
            giveUp(.malformed, context, &sink, &desk)
        }
    }

    private func enter(_ epoch: TLSHalf.Epoch, _ half: TLSHalf) {
        half.epoch = epoch
        half.keys = nil
        half.sequence = 0
    }

    private func note(_ applicationProtocol: String?, _ desk: inout CleartextDesk) {
        guard let applicationProtocol else { return }
        session.applicationProtocol = applicationProtocol
        if applicationProtocol == "h2" { desk.counters.http2Sessions += 1 }
    }

    private func greet<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, client message: HandshakeReader.Message, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout CleartextDesk
    ) {
        guard let hello = ClientHello(message.body) else { return giveUp(.malformed, context, &sink, &desk) }
        let isRetried = session.isRetried && half.epoch == .plain
        if half.epoch == .plain {
            clientHalf = half.half
        } else {
            // RFC 5246 §7.4.1.1: a new handshake under the protection of the old one.
            desk.counters.renegotiations += 1
        }
        let name = session.serverName
        var next = TLSSession()
        next.transcript = isRetried ? session.transcript + message.bytes : message.bytes
        next.isRetried = isRetried
        next.clientRandom = hello.random
        next.serverName = hello.serverName ?? name
        // RFC 8446 §4.1.2: there is no 0-RTT data behind the second hello, but there may be some before it.
        next.offersEarlyData = hello.offersEarlyData || (isRetried && session.offersEarlyData)
        next.acceptsEarlyData = isRetried ? session.acceptsEarlyData : nil
        session = next
    }

    private func greet<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, server message: HandshakeReader.Message, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout CleartextDesk
    ) {
        guard let hello = ServerHello(message.body) else { return giveUp(.malformed, context, &sink, &desk) }
        let client = self.half(half.half.opposite)
        if half.epoch == .plain, session.clientRandom == nil { clientHalf = client.half }
        guard hello.version == 0x0303 || hello.version == 0x0304, hello.compression == 0,
            let suite = CipherSuite(hello.suite), suite.algorithm.isAEAD || hello.version == 0x0303
        else { return giveUp(.unsupported, context, &sink, &desk) }
        if hello.isRetry {
            desk.counters.retries += 1
            // RFC 8446 §4.4.1: the first hello counts as its hash.
            let digest = suite.hash.digest(session.transcript)
            session.transcript = [254, 0, 0, UInt8(digest.count)] + digest + message.bytes
            session.isRetried = true
            if session.offersEarlyData { session.acceptsEarlyData = false }
            client.epoch = .plain
            return
        }
        guard session.clientRandom != nil else {
            // The client's hello is missing: of TLS 1.3 the session may yet be found by trial, of TLS 1.2 not.
            if hello.version == 0x0303 { giveUp(.startedLate, context, &sink, &desk) }
            return
        }
        session.transcriptHash = suite.hash.digest(session.transcript + message.bytes)
        session.transcript = []
        session.suite = suite
        session.serverRandom = hello.random
        session.isVersion13 = hello.version == 0x0304
        session.encryptsThenMACs = hello.encryptsThenMACs && !suite.algorithm.isAEAD
        note(hello.applicationProtocol, &desk)
        if session.isVersion13 {
            desk.counters.version13 += 1
            enter(.handshake, half)
            if session.offersEarlyData, session.acceptsEarlyData == nil {
                client.epoch = .early
            } else if client.epoch == .plain {
                enter(.handshake, client)
            }
        } else {
            desk.counters.version12 += 1
            if hello.extendsMasterSecret { desk.counters.extendedMasterSecrets += 1 }
            // A server of TLS 1.2 knows no 0-RTT data (RFC 8446 §D.3): it fails.
            if session.offersEarlyData { session.acceptsEarlyData = false }
        }
    }
}
