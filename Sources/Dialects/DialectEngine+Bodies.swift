internal import Exchanges
internal import HTTPTypes
internal import Objects

/// The way of body bytes: one lane each, no allocation per slice.
extension DialectEngine where Sink: ~Copyable {
    /// A body begins that is used like this.
    mutating func begin(_ lane: Int, _ use: BodyUse) {
        switch use {
        case .ignored: lanes[lane].route = .ignored
        case .payload(let plan):
            beginPayload(lane, plan)
            lanes[lane].route = .payload
        case .awsChunked(let plan):
            beginPayload(lane, plan)
            lanes[lane].route = .awsChunked
            let decoder = AwsChunkedDecoder(
                announced: plan.expectedLength, lineLimit: options.limits.chunkLineBytes,
                trailerLimit: options.limits.chunkTrailers)
            lanes[lane].place = Int32(truncatingIfNeeded: chunked.insert(decoder))
        case .captured(let limit):
            lanes[lane].route = .captured
            lanes[lane].place = Int32(truncatingIfNeeded: captures.insert(BodyCapture(limit: limit)))
        case .byteRanges(let boundary):
            lanes[lane].route = .byteRanges
            let decoder = ByteRangesDecoder(
                boundary: boundary, partLimit: options.limits.byteRangeParts,
                headLimit: options.limits.byteRangeHeadBytes)
            lanes[lane].place = Int32(truncatingIfNeeded: byteRanges.insert(decoder))
        }
    }

    private mutating func beginPayload(_ lane: Int, _ plan: TransferPlan) {
        let transfer = openTransfer(plan)
        lanes[lane].transfer = transfer.number
        if let length = plan.expectedLength {
            lanes[lane].announced = length
            lanes[lane].isLengthAnnounced = true
        }
        withBody(lane) { $0.transfer = transfer }
    }

    /// A slice of a body.
    mutating func deliver(_ lane: Int, _ slice: RawSpan, at offset: UInt64) {
        var bytes = slice
        let position = lanes[lane].position
        if offset != position {
            // The layer below reports every hole; these two lines keep a breach of that from misplacing a byte.
            if offset > position { miss(lane, at: position, length: offset - position, cause: .framingLost) }
            let overlap = position > offset ? min(position - offset, UInt64(slice.byteCount)) : 0
            bytes = slice.extracting(Int(overlap)..<slice.byteCount)
        }
        let count = UInt64(bytes.byteCount)
        guard count > 0 else { return }
        let (route, start) = lanes[lane].take(count)
        switch route {
        case .ignored: break
        case .payload:
            guard !lanes[lane].hasLostTail else { return }
            counters.payloadBytes &+= count
            sink.payload(TransferID(lanes[lane].transfer), bytes, at: start)
        case .awsChunked: deliverChunked(lane, bytes)
        case .captured:
            let place = Int(lanes[lane].place)
            let budget = options.limits.bodyBytesTotal - capturedBytes
            capturedBytes += captures.places[place]?.append(bytes, budget: budget) ?? 0
        case .byteRanges: deliverRanges(lane, bytes)
        }
    }

    private mutating func deliverChunked(_ lane: Int, _ bytes: RawSpan) {
        let place = Int(lanes[lane].place)
        var position = 0
        while position < bytes.byteCount,
            case .payload(let range, let offset)? = chunked.places[place]?.next(bytes, &position)
        {
            let count = UInt64(range.count)
            lanes[lane].payloadBytes += count
            counters.payloadBytes += count
            sink.payload(TransferID(lanes[lane].transfer), bytes.extracting(range), at: offset)
        }
        loseChunkedTail(lane)
    }

    /// Reports the rest of an aws-chunked payload missing when its framing was lost, once.
    private mutating func loseChunkedTail(_ lane: Int, cause: GapCause = .framingLost) {
        let place = Int(lanes[lane].place)
        guard !lanes[lane].hasLostTail, case .failed(let failure)? = chunked.places[place]?.status else { return }
        counters.framingLosses += 1
        if failure == .lineTooLong { counters.chunkLineLimit += 1 }
        loseTail(lane, from: chunked.places[place]?.decoded ?? 0, cause: cause)
    }

    /// Everything of the payload from this offset on is missing.
    private mutating func loseTail(_ lane: Int, from offset: UInt64, cause: GapCause) {
        lanes[lane].hasLostTail = true
        let rest = lanes[lane].expected.map { $0 > offset ? $0 - offset : 0 }
        guard rest != 0 else { return }
        counters.gaps += 1
        sink.gap(TransferID(lanes[lane].transfer), at: offset, length: rest, cause: cause)
    }

    private mutating func deliverRanges(_ lane: Int, _ bytes: RawSpan) {
        let place = Int(lanes[lane].place)
        var position = 0
        while let step = byteRanges.places[place]?.next(bytes, &position), step != .needsMore {
            switch step {
            case .part(let range):
                let transfer = openTransfer(
                    TransferPlan(objectOffset: range.first, expectedLength: range.length, mayHaveMD5: false))
                lanes[lane].transfer = transfer.number
                lanes[lane].announced = range.length
                withBody(lane) { $0.ranges.append((transfer, range)) }
            case .payload(let range, let offset):
                let count = UInt64(range.count)
                lanes[lane].payloadBytes += count
                counters.payloadBytes += count
                sink.payload(TransferID(lanes[lane].transfer), bytes.extracting(range), at: offset)
            case .partEnd: closePart(lane, cause: nil)
            case .needsMore: break
            }
        }
    }

    private mutating func closePart(_ lane: Int, cause: GapCause?) {
        guard lanes[lane].transfer != 0 else { return }
        sink.close(TransferID(lanes[lane].transfer), TransferEnd(length: lanes[lane].announced, cause: cause))
        lanes[lane].transfer = 0
    }

    /// Bytes of a body are missing.
    mutating func miss(_ lane: Int, at offset: UInt64, length: UInt64?, cause: GapCause) {
        let position = lanes[lane].position
        // A gap that begins later hides one before it; one that begins earlier was seen in part.
        let end = length.map { offset &+ $0 }
        if let end, end <= position { return }
        let missing = end.map { $0 - position }
        lanes[lane].position = end ?? position
        switch lanes[lane].route {
        case .ignored: break
        case .payload:
            guard !lanes[lane].hasLostTail else { return }
            if let missing {
                counters.gaps += 1
                sink.gap(TransferID(lanes[lane].transfer), at: position, length: missing, cause: cause)
            } else {
                loseTail(lane, from: position, cause: cause)
            }
        case .captured: captures.places[Int(lanes[lane].place)]?.cut()
        case .awsChunked:
            switch chunked.places[Int(lanes[lane].place)]?.skip(missing) {
            case .payload(let offset, let length):
                guard length > 0 else { return }
                counters.gaps += 1
                sink.gap(TransferID(lanes[lane].transfer), at: offset, length: length, cause: cause)
            case .framing:
                // A gap without end loses bytes, not their place.
                loseChunkedTail(lane, cause: missing == nil ? cause : .framingLost)
            case .some(.none), nil: break
            }
        case .byteRanges:
            switch byteRanges.places[Int(lanes[lane].place)]?.skip(missing) {
            case .payload(let offset, let length):
                counters.gaps += 1
                sink.gap(TransferID(lanes[lane].transfer), at: offset, length: length, cause: cause)
            case .framing:
                closePart(lane, cause: missing == nil ? cause : .framingLost)
            case .some(.none), nil: break
            }
        }
    }

    /// A body ended.
    mutating func end(_ lane: Int, _ end: BodyEnd, _ trailers: HTTPFields?) {
        guard let slot = records.places.indices.contains(lane / 2) ? lane / 2 : nil, records.places[slot] != nil else {
            return
        }
        var kept = trailers.map { HeadFields($0) } ?? HeadFields()
        var length: UInt64?
        switch lanes[lane].route {
        case .ignored: break
        case .payload: length = endPayload(lane, end)
        case .awsChunked:
            length = endChunked(lane, end)
            if let decoder = chunked.remove(Int(lanes[lane].place)) {
                for (name, value) in decoder.trailers { kept.append(name, value) }
                counters.chunkTrailerLimit += UInt64(decoder.droppedTrailers)
            }
        case .captured: endCapture(lane, end)
        case .byteRanges: endRanges(lane, end)
        }
        let received = lanes[lane].payloadBytes
        let reached = lanes[lane].position
        lanes[lane].route = .ignored
        withBody(lane) {
            $0.end = end
            $0.length = length
            $0.received = received
            $0.reached = reached
            $0.trailers = kept
        }
    }

    private mutating func endPayload(_ lane: Int, _ end: BodyEnd) -> UInt64? {
        let position = lanes[lane].position
        // A body that is longer than its Content-Range said has no announced length; the dialect discards it.
        let expected = lanes[lane].expected.flatMap { $0 < position ? nil : $0 }
        let close: TransferEnd
        switch end {
        // Framed to its end, it is as long as it is, whatever a Content-Range said: the dialect compares the two.
        case .framed where !lanes[lane].hasLostTail: close = TransferEnd(length: position)
        case .framed: close = TransferEnd(length: expected, cause: .framingLost)
        case .cut(let cause): close = TransferEnd(length: expected, cause: cause)
        }
        return closePayload(lane, close, accounted: lanes[lane].hasLostTail ? expected : position)
    }

    private mutating func endChunked(_ lane: Int, _ end: BodyEnd) -> UInt64? {
        let place = Int(lanes[lane].place)
        if end == .framed {
            chunked.places[place]?.finish()
            loseChunkedTail(lane)
        }
        guard let decoder = chunked.places[place] else { return nil }
        if decoder.status == .ended {
            return closePayload(lane, TransferEnd(length: decoder.decoded), accounted: decoder.decoded)
        }
        var cause = GapCause.framingLost
        if case .cut(let cut) = end, !lanes[lane].hasLostTail { cause = cut }
        let accounted = lanes[lane].hasLostTail ? decoder.announced : decoder.decoded
        return closePayload(lane, TransferEnd(length: decoder.announced, cause: cause), accounted: accounted)
    }

    /// Closes a lane's transfer. When everything to the announced end was handed on or reported missing, no cause is
    /// left to name.
    private mutating func closePayload(_ lane: Int, _ end: TransferEnd, accounted: UInt64?) -> UInt64? {
        var end = end
        if let length = end.length, accounted == length { end.cause = nil }
        sink.close(TransferID(lanes[lane].transfer), end)
        lanes[lane].transfer = 0
        return end.length
    }

    private mutating func endCapture(_ lane: Int, _ end: BodyEnd) {
        guard var capture = captures.remove(Int(lanes[lane].place)) else { return }
        if end != .framed { capture.cut() }
        if capture.hitLimit {
            let hitTotal = capturedBytes >= options.limits.bodyBytesTotal
            if hitTotal { counters.bodyByteTotalLimit += 1 } else { counters.bodyByteLimit += 1 }
        }
        withBody(lane) { $0.capture = capture }
    }

    private mutating func endRanges(_ lane: Int, _ end: BodyEnd) {
        guard var decoder = byteRanges.remove(Int(lanes[lane].place)) else { return }
        let isLost = end == .framed ? !decoder.finish() : decoder.hasFailed
        if isLost { counters.framingLosses += 1 }
        if decoder.hitLimit { counters.byteRangeLimit += 1 }
        if case .cut(let cause) = end {
            closePart(lane, cause: decoder.isPartWhole ? nil : cause)
        } else {
            closePart(lane, cause: decoder.isPartWhole ? nil : .framingLost)
        }
    }

    private mutating func withBody(_ lane: Int, _ change: (inout BodyRecord) -> Void) {
        if lane.isMultiple(of: 2) {
            records.places[lane / 2]?.requestBody.apply(change)
        } else {
            records.places[lane / 2]?.responseBody.apply(change)
        }
    }
}
