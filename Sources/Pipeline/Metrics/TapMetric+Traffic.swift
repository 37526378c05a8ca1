// What the front end made of the packets: frames, TCP, TLS, HTTP, objects.
extension TapMetric {
    static let traffic: [TapMetric] = [
        number("frames_total", .counter, "Packets that reached the front end.") { $0.packets },
        each("frame_faults_total", .counter, "reason", "Packets that led to no TCP segment, by reason.") {
            $0.report.frameFaults
        },
        each(
            "encapsulations_total", .counter, "kind",
            "Headers of tags, labels and tunnels that were taken off, by kind."
        ) { $0.report.encapsulations },
        each(
            "decapsulation_events_total", .counter, "event",
            "Fragmented datagrams that were put together, the fragments in them, and tenants told apart."
        ) { $0.report.decapsulation },

        number("flows_open", .gauge, "TCP connections that are followed now.") { UInt64($0.openFlows) },
        number("flows_opened_total", .counter, "TCP connections that were followed.") { $0.flow("flowsOpened") },
        TapMetric(
            "flows_ended_early_total", .counter, ["cause"],
            "TCP connections that were no longer followed before they closed."
        ) { status in
            [("evicted", "flowsEvicted"), ("idle", "flowsIdle"), ("replaced", "flowsReplaced")].map {
                Sample(labels: [$0.0], value: .whole(status.flow($0.1)))
            }
        },
        number("tcp_payload_bytes_total", .counter, "Payload of TCP segments, as sent.") { $0.flow("payloadBytes") },
        number("tcp_delivered_bytes_total", .counter, "Payload of TCP put in order and handed on.") {
            $0.flow("deliveredBytes")
        },
        number("tcp_gaps_total", .counter, "Holes in TCP streams.") { $0.flow("gaps") },
        TapMetric(
            "tcp_gap_bytes_total", .counter, ["cause"],
            "Bytes missing in TCP streams, by cause; not-captured where none is known."
        ) { status in
            [
                ("not-captured", "gapBytesNotCaptured"), ("kernel-drop", "gapBytesKernelDrop"),
                ("overload", "gapBytesOverload"),
                ("outage", "gapBytesOutage"), ("snapped", "gapBytesSnapped"),
            ].map { Sample(labels: [$0.0], value: .whole(status.flow($0.1))) }
        },
        each(
            "tcp_events_total", .counter, "event", "Everything else that the reassembly counts, as named in the report."
        ) { status in
            status.report.flows.filter { !flowKeys.contains($0.key) }
        },
        number("tcp_buffered_peak_bytes", .gauge, "The most bytes that waited for others in TCP streams.") {
            $0.flow("bufferedBytesPeak")
        },

        TapMetric(
            "undecryptable_bytes_total", .counter, ["host", "reason"],
            "Bytes of TLS that could not be read, by host and reason; hosts beyond the first 100 count as other."
        ) { status in
            status.report.undecryptable.map { Sample(labels: [$0.host, $0.reason], value: .whole($0.bytes)) }
        },
        TapMetric(
            "undecryptable_flows_total", .counter, ["host", "reason"],
            "TLS connections that could not be read, by host and reason; hosts beyond the first 100 count as other."
        ) { status in
            status.report.undecryptable.map { Sample(labels: [$0.host, $0.reason], value: .whole($0.flows)) }
        },
        number("tls_flows_total", .counter, "Connections that carry TLS.") { $0.report.cleartext["flows"] ?? 0 },
        number("tls_cleartext_bytes_total", .counter, "Bytes of TLS that were decrypted.") {
            $0.report.cleartext["cleartextBytes"] ?? 0
        },
        each(
            "tls_events_total", .counter, "event", "Everything else that the TLS layer counts, as named in the report."
        ) { status in
            status.report.cleartext.filter { !["flows", "cleartextBytes"].contains($0.key) }
        },

        number("http_requests_total", .counter, "Requests of HTTP.") { $0.report.exchanges["requests"] ?? 0 },
        number("http_responses_total", .counter, "Responses of HTTP, each paired with its request.") {
            $0.report.exchanges["responses"] ?? 0
        },
        each("opaque_flows_total", .counter, "kind", "Connections that carry nothing readable, by kind.") {
            $0.part("opaqueFlows.", of: $0.report.exchanges)
        },
        each("opaque_bytes_total", .counter, "kind", "Bytes of connections that carry nothing readable, by kind.") {
            $0.part("opaqueBytes.", of: $0.report.exchanges)
        },
        each(
            "http_events_total", .counter, "event",
            "Everything else that the HTTP layer counts, as named in the report."
        ) { status in
            status.report.exchanges.filter {
                !["requests", "responses"].contains($0.key) && !$0.key.hasPrefix("opaque")
            }
        },

        each(
            "exchanges_total", .counter, "operation", "Finished exchanges by dialect and operation, as in s3.PutObject."
        ) { $0.part("exchanges.", of: $0.report.dialects) },
        number("payload_bytes_total", .counter, "Bytes of objects that were handed on for storing.") {
            $0.report.dialects["payload-bytes"] ?? 0
        },
        number("out_of_scope_bytes_total", .counter, "Bytes that the scope leaves out: seen and dropped.") {
            $0.report.dialects["out-of-scope-bytes"] ?? 0
        },
        each(
            "dialect_events_total", .counter, "event",
            "Everything else that the dialects count, as named in the report."
        ) { status in
            status.report.dialects.filter {
                !["payload-bytes", "out-of-scope-bytes"].contains($0.key) && !$0.key.hasPrefix("exchanges.")
            }
        },
    ]

    /// Counters of the reassembly with a metric of their own.
    static let flowKeys: Set = [
        "flowsOpened", "flowsEvicted", "flowsIdle", "flowsReplaced", "payloadBytes", "deliveredBytes", "gaps",
        "gapBytesNotCaptured", "gapBytesKernelDrop", "gapBytesOverload", "gapBytesOutage", "gapBytesSnapped",
        "bufferedBytesPeak",
    ]
}

extension TapStatus {
    fileprivate func flow(_ key: String) -> UInt64 { report.flows[key] ?? 0 }

    /// The entries whose key begins so, without that.
    fileprivate func part(_ prefix: String, of counters: [String: UInt64]) -> [String: UInt64] {
        var part: [String: UInt64] = [:]
        for (key, value) in counters where key.hasPrefix(prefix) { part[String(key.dropFirst(prefix.count))] = value }
        return part
    }
}
