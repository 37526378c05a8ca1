import Flows

/// How far a flow was shown to whoever the user wants it to be shown.
struct ExportState {
    enum Place {
        /// Nothing was read yet: the bytes are held.
        case held
        /// Shown, under this number.
        case shown(Int)
        /// Not to be shown.
        case refused
    }

    var place = Place.held
    /// Bytes from before the first secret: the hellos, certificates and tickets.
    var bytes = ParkedLog()
    /// The session whose secrets were shown, and which of them.
    var random: ClientRandom?
    var labels: [SecretLabel] = []

    /// The most bytes that are held of a flow.
    static let heldMax = 256 << 10
}

extension TLSFlow {
    /// Shows bytes that were used, or holds them until the flow's secrets can go before them.
    func show(
        _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext,
        _ desk: inout CleartextDesk
    ) {
        guard let export = desk.export, export.wantsBytes else { return }
        switch shown.place {
        case .refused: break
        case .shown(let number): export.take(number, half, bytes, at: offset, context)
        case .held:
            shown.bytes.append(bytes, half, at: offset, context)
            guard shown.bytes.memoryCharge > ExportState.heldMax else { return }
            desk.counters.exportLimit += 1
            refuseExport()
        }
    }

    /// A record of application data was opened: shows the session's secrets, once, and what was held.
    func showSecrets(_ half: TLSHalf, _ desk: inout CleartextDesk) {
        guard let export = desk.export, let random = session.clientRandom, let keys = half.keys else { return }
        if case .refused = shown.place { return }
        let label: SecretLabel =
            !session.isVersion13 ? .master : isClient(half) ? .clientApplication : .serverApplication
        if shown.random != random {
            shown.random = random
            shown.labels = []
        }
        guard !shown.labels.contains(label) else { return }
        if session.isVersion13, case .held = shown.place {
            // A reader of one pass looks a direction's secret up where its keys change, which is in what is held: the other
            // direction's must be there too by then, and its line of the log may come later.
            let other: SecretLabel = label == .clientApplication ? .serverApplication : .clientApplication
            guard !desk.store.secrets(other, random, transcript: session.transcriptHash).isEmpty else { return }
        }
        var matched: [MatchedSecret] = []
        if session.isVersion13 {
            let labels: [SecretLabel] = [
                .clientEarly, .clientHandshake, .serverHandshake, .clientApplication, .serverApplication,
            ]
            for other in labels where !shown.labels.contains(other) {
                // Of the half at hand the one that opened the record, of all others the newest.
                let newest = desk.store.secrets(other, random, transcript: session.transcriptHash).first
                guard let secret = other == label ? keys.secret ?? newest : newest else { continue }
                matched.append(MatchedSecret(label: other, random: random, secret: secret))
            }
        } else if let master = keys.master {
            matched.append(MatchedSecret(label: .master, random: random, secret: master))
        }
        shown.labels += matched.map(\.label)
        if case .held = shown.place {
            guard let number = export.begin(description, serverName: session.serverName, opening: opening) else {
                return refuseExport()
            }
            shown.place = .shown(number)
            desk.counters.exportedFlows += 1
            export.take(matched)
            while case .entry(let entry) = shown.bytes.next(nil) {
                guard case .bytes(let bytes) = entry.event else { continue }
                export.take(number, entry.half, unsafe bytes.span.bytes, at: entry.offset, entry.context)
            }
        } else {
            export.take(matched)
        }
    }

    /// Shows the end of a half.
    func showEnd(_ half: TLSHalf, _ how: StreamEnd, _ context: SegmentContext, _ desk: inout CleartextDesk) {
        guard case .shown(let number) = shown.place else { return }
        desk.export?.end(number, half.half, how, at: half.next, context)
    }

    /// Nothing more is shown.
    func closeExport(_ desk: inout CleartextDesk) {
        if case .shown(let number) = shown.place { desk.export?.close(number) }
        refuseExport()
    }

    private func refuseExport() {
        shown.place = .refused
        shown.bytes.removeAll(nil)
    }
}
