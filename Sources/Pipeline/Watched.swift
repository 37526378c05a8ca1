/// Everything that a status of a tap is made of.
struct Watched {
    let began: UInt64
    let front: TapFront
    let ports: [TapPort]
    let store: StoreWatch
    let endpoints: EndpointWatch
    let census: VaultCensus
    let keys: KeyLogTail?
    let export: CleartextExportFiles?
    /// Problems that no status told yet.
    private var problems: [String]
    private var problemCount: UInt64 = 0

    init(
        began: UInt64, front: TapFront, ports: [TapPort], store: StoreWatch, endpoints: EndpointWatch,
        census: VaultCensus, keys: KeyLogTail?, export: CleartextExportFiles?, problems: [String]
    ) {
        self.began = began
        self.front = front
        self.ports = ports
        self.store = store
        self.endpoints = endpoints
        self.census = census
        self.keys = keys
        self.export = export
        self.problems = problems
    }

    /// How the tap is doing. New endpoints, problems and durations are told once.
    mutating func status() -> TapStatus {
        let snapshot = front.snapshot
        let store = store.take()
        let interfaces = InterfaceReport.joining(rings: ports.map(\.report))
        var told = problems + ports.flatMap { $0.takeProblems() }
        told += (keys?.takeProblems() ?? []) + (export?.takeProblems() ?? [])
        problems = []
        problemCount += UInt64(told.count)
        var status = TapStatus(
            seconds: Double(SystemClock.monotonic &- began) / 1e9, packets: snapshot.packets,
            openFlows: snapshot.openFlows, deliveredBytes: snapshot.deliveredBytes, gapBytes: snapshot.gapBytes,
            interfaces: interfaces, report: snapshot.report, store: store, holdings: census.holdings,
            endpoints: endpoints.traffic, problemCount: problemCount, newEndpoints: endpoints.take(),
            leftOut: ports.flatMap { $0.takeLeftOut() }, problems: told)
        status.report.packets = snapshot.packets
        status.report.vault = store.counters
        let own = status
        own.complete(&status.report)
        return status
    }

    /// The last status, which says the same as the report; completes the report.
    mutating func status(ending report: inout ReplayReport) -> TapStatus {
        var last = status()
        last.complete(&report)
        last.openFlows = 0
        last.report = report
        return last
    }
}

extension TapStatus {
    /// What a report has from outside the front end and the writer.
    fileprivate func complete(_ report: inout ReplayReport) {
        report.seconds = seconds
        report.capturedBytes = interfaces.reduce(0) { $0 + $1.capturedBytes }
    }
}
