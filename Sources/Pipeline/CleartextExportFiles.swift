internal import Cleartext
internal import Dialects
internal import Flows
internal import Packets
internal import Synchronization

/// What `--export-keys` and `--export-cleartext` write: the secrets of the flows that were read, and the flows themselves as
/// packets behind their secrets. Shared by all front ends; a lock is taken for each segment, but only when it was asked for.
final class CleartextExportFiles: CleartextExport {
    private struct State: ~Copyable {
        var keys: ExportFile?
        var packets: PacketExport?
        var lastFlow = 0
        var flows: [Int: ExportedFlow] = [:]
        var isTold = false
    }

    private let state: Mutex<State>
    private let scope: Scope
    let wantsBytes: Bool

    /// Makes the files; nil when none is asked for.
    init?(_ options: SessionKeyOptions, scope: Scope) throws(ReplayError) {
        guard options.exportKeys != nil || options.exportCleartext != nil else { return nil }
        var state = State()
        if let path = options.exportKeys { state.keys = try ExportFile(path, option: "--export-keys") }
        if let path = options.exportCleartext {
            state.packets = PacketExport(try ExportFile(path, option: "--export-cleartext"))
        }
        wantsBytes = options.exportCleartext != nil
        self.state = Mutex(state)
        self.scope = scope
    }

    /// What the user should know of; told once.
    func takeProblems() -> [String] {
        state.withLock { state in
            let faults = [state.keys?.fault, state.packets?.fault].compactMap { $0 }
            guard !faults.isEmpty, !state.isTold else { return [] }
            state.isTold = true
            return faults
        }
    }

    func begin(_ description: FlowDescription, serverName: String?, opening: SegmentContext) -> Int? {
        guard
            scope.mayKeep(
                host: serverName, initiator: description.initiatorAddress, responder: description.responderAddress)
        else { return nil }
        return state.withLock { state in
            state.lastFlow += 1
            guard wantsBytes, let flow = ExportedFlow(description) else { return state.lastFlow }
            state.flows[state.lastFlow] = flow
            if !description.startedMidStream { state.packets?.writeOpening(flow, opening.time) }
            return state.lastFlow
        }
    }

    func take(_ secrets: [MatchedSecret]) {
        var lines: [UInt8] = []
        // Room at once, so that no copy of a secret stays behind in a buffer that was outgrown.
        lines.reserveCapacity(secrets.count * 256)
        defer { SecretBytes.wipe(&lines) }
        for secret in secrets { secret.append(to: &lines) }
        state.withLock { state in
            state.keys?.write(lines)
            state.packets?.write(secrets: lines)
        }
    }

    func take(_ flow: Int, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext) {
        state.withLock { state in
            guard var place = state.flows[flow] else { return }
            state.packets?.write(&place, half, bytes, at: offset, context)
            state.flows[flow] = place
        }
    }

    func end(_ flow: Int, _ half: HalfConnection, _ how: StreamEnd, at offset: UInt64, _ context: SegmentContext) {
        guard how == .finished || how == .reset else { return }
        state.withLock { state in
            guard var place = state.flows[flow] else { return }
            state.packets?.write(&place, half, RawSpan(), at: offset, context, flags: how == .finished ? .fin : .rst)
            state.flows[flow] = place
        }
    }

    func close(_ flow: Int) { state.withLock { $0.flows[flow] = nil } }
}

/// A flow among the exported packets.
struct ExportedFlow {
    let initiator: IPAddress
    let responder: IPAddress
    let initiatorPort: UInt16
    let responderPort: UInt16
    /// Offset behind what was written of each half: what the other one acknowledges when nothing else is known.
    var written: [2 of UInt64] = [0, 0]

    /// Nil when the addresses are none.
    init?(_ description: FlowDescription) {
        guard let initiator = IPAddress(description.initiatorAddress),
            let responder = IPAddress(description.responderAddress)
        else { return nil }
        self.initiator = initiator
        self.responder = responder
        initiatorPort = description.initiatorPort
        responderPort = description.responderPort
    }
}
