import Flows
import Objects

/// A sink that writes down what it is told and checks what the contract promises of every call.
struct Recorder: StreamSink {
    struct Stream: Equatable {
        /// What was delivered; zeros where a gap was told.
        var bytes: [UInt8] = []
        var gaps: [Gap] = []
        var end: StreamEnd?
        /// Offsets at which a delivery began with a segment's first byte.
        var starts: [UInt64] = []
        var acknowledged: [UInt64?] = []

        /// Offset of what comes next.
        var next: UInt64 { base + UInt64(bytes.count) }
        /// Bytes left out of `bytes` at the front, for streams too long to keep.
        var base: UInt64 = 0
    }

    struct Gap: Equatable {
        var offset: UInt64
        var length: UInt64
        var cause: GapCause

        init(_ offset: UInt64, _ length: UInt64, _ cause: GapCause = .notCaptured) {
            self.offset = offset
            self.length = length
            self.cause = cause
        }
    }

    struct Flow: Equatable {
        var description: FlowDescription
        var initiator = Stream()
        var responder = Stream()
        var isClosed = false

        subscript(half: HalfConnection) -> Stream {
            get { half == .fromInitiator ? initiator : responder }
            set { if half == .fromInitiator { initiator = newValue } else { responder = newValue } }
            _modify { if half == .fromInitiator { yield &initiator } else { yield &responder } }
        }
    }

    /// Flows by number, from 1.
    var flows: [Flow] = []
    /// Slots in use, by slot: the number of the flow.
    var slots: [Int32: UInt64] = [:]
    /// Breaches of the contract.
    var violations: [String] = []
    /// Calls in words, for tests of the order of calls.
    var log: [String] = []
    var keepsLog = false
    /// Drops bytes after checking them, for long streams.
    var keepsBytes = true

    mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext) {
        if slots[flow.slot] != nil { violations.append("slot \(flow.slot) opened twice") }
        if flow.number != UInt64(flows.count) + 1 { violations.append("flow number \(flow.number) out of turn") }
        slots[flow.slot] = flow.number
        flows.append(Flow(description: description))
        note("open \(flow.number)")
    }

    mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) {
        guard let index = check(flow, half, at: offset, context) else { return }
        if bytes.byteCount == 0 { violations.append("empty delivery at \(offset)") }
        note("\(half == .fromInitiator ? ">" : "<") \(offset)+\(bytes.byteCount)")
        if keepsBytes {
            let copy = bytes.withUnsafeBytes { Array($0) }
            flows[index][half].bytes += copy
            if isSegmentStart { flows[index][half].starts.append(offset) }
            flows[index][half].acknowledged.append(context.acknowledged)
        } else {
            flows[index][half].base += UInt64(bytes.byteCount)
        }
    }

    mutating func gap(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) {
        guard let index = check(flow, half, at: offset, context) else { return }
        if length == 0 { violations.append("empty gap at \(offset)") }
        note("\(half == .fromInitiator ? ">" : "<") gap \(offset)+\(length) \(cause.rawValue)")
        flows[index][half].gaps.append(Gap(offset, length, cause))
        if keepsBytes {
            flows[index][half].bytes += [UInt8](repeating: 0, count: Int(length))
        } else {
            flows[index][half].base += length
        }
    }

    mutating func end(_ flow: FlowHandle, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext) {
        guard let index = index(flow) else { return }
        if flows[index][half].end != nil { violations.append("flow \(flow.number) ended twice") }
        flows[index][half].end = reason
        note("\(half == .fromInitiator ? ">" : "<") end \(reason)")
    }

    mutating func close(_ flow: FlowHandle, _ context: SegmentContext) {
        guard let index = index(flow) else { return }
        if flows[index].initiator.end == nil || flows[index].responder.end == nil {
            violations.append("flow \(flow.number) closed before both ends")
        }
        flows[index].isClosed = true
        slots[flow.slot] = nil
        note("close \(flow.number)")
    }

    private mutating func note(_ line: String) {
        if keepsLog { log.append(line) }
    }

    private mutating func index(_ flow: FlowHandle) -> Int? {
        guard slots[flow.slot] == flow.number else {
            violations.append("call for flow \(flow.number), which is not open")
            return nil
        }
        return Int(flow.number) - 1
    }

    /// What holds for bytes and gaps: the flow is open, the half has not ended, the offset is next; and for bytes that
    /// what their segment acknowledged has passed.
    private mutating func check(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, _ context: SegmentContext
    ) -> Int? {
        guard let index = index(flow) else { return nil }
        let next = flows[index][half].next
        if flows[index][half].end != nil { violations.append("bytes after the end of flow \(flow.number)") }
        if offset != next { violations.append("offset \(offset) where \(next) is next") }
        let passed = flows[index][half.opposite].next
        if let acknowledged = context.acknowledged, acknowledged > passed {
            violations.append("\(offset): acknowledges \(acknowledged) of which \(passed) has passed")
        }
        return index
    }
}
