internal import Objects
internal import Vaults

// What was stored, and how it goes.
extension TapMetric {
    static let storing: [TapMetric] = [
        TapMetric("blocks_total", .counter, ["state"], "Blocks of objects: new (stored), known (the vault had them).") {
            status in
            let vault = status.report.vault
            return [
                Sample(labels: ["new"], value: .whole(vault.newBlocks)),
                Sample(labels: ["known"], value: .whole(vault.blocks - min(vault.blocks, vault.newBlocks))),
            ]
        },
        TapMetric("block_bytes_total", .counter, ["state"], "Bytes of these blocks.") { status in
            let vault = status.report.vault
            return [
                Sample(labels: ["new"], value: .whole(vault.newBlockBytes)),
                Sample(labels: ["known"], value: .whole(vault.blockBytes - min(vault.blockBytes, vault.newBlockBytes))),
            ]
        },
        number(
            "stored_block_bytes_total", .counter, "Bytes that new blocks take in the segment files, after compression."
        ) { $0.report.vault.storedBlockBytes },
        number("catalog_records_total", .counter, "Catalog records logged.") { $0.report.vault.records },
        number("commits_total", .counter, "Group commits.") { $0.report.vault.commits },
        TapMetric("commit_seconds_total", .counter, [], "Time that commits took.") {
            [Sample(labels: [], value: .real(Double($0.report.vault.commitNanoseconds) / 1e9))]
        },
        TapMetric(
            "commit_duration_seconds", .histogram, [],
            bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
            "How long a commit took until everything was durable."
        ) { status in
            status.store.commitDurations.map { Sample(labels: [], value: .real(Double($0) / 1e9)) }
        },
        number("versions_checked_total", .counter, "Versions whose stated digest was recomputed.") {
            $0.report.vault.versionsChecked
        },
        number(
            "versions_checked_on_arrival_total", .counter,
            "Of these, versions whose bytes were digested as they came, and not read back."
        ) { $0.report.vault.versionsCheckedOnArrival },
        number(
            "check_failures_total", .counter, "Versions that could not be read back for their check; counted up to 100."
        ) { $0.store.checkFailures },
        number("waits_for_room", .gauge, "1 while nothing is stored because disk or quota have no room, else 0.") {
            $0.store.shortage == nil ? 0 : 1
        },
        number("regridded_blocks_total", .counter, "Pieces that were replaced by whole blocks.") {
            $0.report.vault.regriddedBlocks
        },
        number("torn_bytes", .gauge, "Bytes of torn tails that were cut off when the vault was opened.") {
            $0.report.vault.tornBytes
        },
        number("block_buffer_bytes", .gauge, "Memory of block buffers in use.") { $0.store.bufferBytes },
        number("block_buffer_limit_bytes", .gauge, "Memory that block buffers may take.") { $0.store.bufferBytesMax },
        each("objects", .gauge, "state", "Live objects in the vault, as of the last count.") { status in
            Dictionary(uniqueKeysWithValues: status.holdings.objects.map { ($0.key.rawValue, $0.value) })
        },
        each("object_bytes", .gauge, "state", "Bytes of live objects in the vault, as the clouds stated them.") {
            status in
            Dictionary(uniqueKeysWithValues: status.holdings.bytes.map { ($0.key.rawValue, $0.value) })
        },
        number("endpoints", .gauge, "Endpoints that the vault has seen.") { UInt64($0.endpoints.count) },
        TapMetric(
            "endpoint_bytes_total", .counter, ["host", "cloud", "direction"],
            "Bytes of objects that the vault has from an endpoint, by direction: upload, read; hosts beyond the first 100 count as other."
        ) { status in
            status.endpoints.flatMap { endpoint in
                [
                    Sample(labels: [endpoint.host, endpoint.cloud, "upload"], value: .whole(endpoint.uploadedBytes)),
                    Sample(labels: [endpoint.host, endpoint.cloud, "read"], value: .whole(endpoint.readBytes)),
                ]
            }
        },
        number("problems_total", .counter, "Warnings that the tap gave.") { $0.problemCount },
        TapMetric("uptime_seconds", .gauge, [], "Time since the tap began.") {
            [Sample(labels: [], value: .real($0.seconds))]
        },
    ]
}
