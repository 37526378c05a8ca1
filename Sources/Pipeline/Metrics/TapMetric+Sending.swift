internal import Vaults

// How segments get to the backend of a vault that has one; without one none of these has a series.
extension TapMetric {
    static let sending: [TapMetric] = [
        upload("backend_stored_segments_total", .counter, "Segments that the vault's backend took.") {
            $0.segmentsStored
        },
        upload("backend_stored_bytes_total", .counter, "Bytes of segments that the vault's backend took.") {
            $0.bytesStored
        },
        upload("backend_waiting_segments", .gauge, "Sealed segments that the vault's backend does not have yet.") {
            $0.segmentsWaiting
        },
        upload("backend_spool_bytes", .gauge, "Disk that these take.") { $0.bytesWaiting },
        upload(
            "backend_spool_limit_bytes", .gauge,
            "Disk that they may take with the open segment; then nothing more is acknowledged until there is room."
        ) { $0.bytesWaitingMax },
        TapMetric(
            "backend_requests_total", .counter, ["operation"],
            "Calls that the vault's backend answered, by operation: put, read, other."
        ) { status in
            guard let calls = status.store.upload?.calls else { return [] }
            return [("put", calls.puts), ("read", calls.reads), ("other", calls.others)].map {
                Sample(labels: [$0.0], value: .whole($0.1))
            }
        },
        upload("backend_read_bytes_total", .counter, "Bytes that were read from the vault's backend.") {
            $0.calls.bytesRead
        },
        upload(
            "backend_failed_calls_total", .counter, "Calls that the vault's backend failed; segments are sent again."
        ) { $0.calls.failures },
        upload(
            "backend_retries_total", .counter, "Requests that were repeated within these calls, before they returned."
        ) { $0.calls.repeatedRequests },
        TapMetric(
            "backend_seconds_total", .counter, [], "Time that calls of the vault's backend took, of all threads."
        ) { status in
            guard let calls = status.store.upload?.calls else { return [] }
            return [Sample(labels: [], value: .real(Double(calls.nanoseconds) / 1e9))]
        },
    ]

    private static func upload(
        _ name: String, _ kind: Kind, _ help: String, _ read: @escaping @Sendable (UploadStatus) -> UInt64
    ) -> TapMetric {
        TapMetric(name, kind, [], help) { status in
            status.store.upload.map { [Sample(labels: [], value: .whole(read($0)))] } ?? []
        }
    }
}
