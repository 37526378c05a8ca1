// What happens between the wire and the front end.
extension TapMetric {
    static let capture: [TapMetric] = [
        interface(
            "received_packets_total", .counter,
            "Packets that passed the filter, those that the kernel then dropped among them."
        ) { $0.received },
        interface("processed_packets_total", .counter, "Packets that were taken in.") { $0.processed },
        interface("captured_bytes_total", .counter, "Bytes of packets as captured.") { $0.capturedBytes },
        TapMetric(
            "dropped_packets_total", .counter, ["interface", "cause"],
            "Packets that were lost: kernel (its ring was full), interface (as its driver says; not among the received), shed (left out by the policy shed-flow-classes), overrun (no memory was free)."
        ) { status in
            status.interfaces.flatMap { interface in
                [
                    Sample(labels: [interface.name, "kernel"], value: .whole(interface.droppedByKernel)),
                    Sample(labels: [interface.name, "interface"], value: .whole(interface.droppedByInterface)),
                    Sample(
                        labels: [interface.name, "shed"],
                        value: .whole(
                            interface.droppedByOverload - min(interface.droppedByOverrun, interface.droppedByOverload))),
                    Sample(labels: [interface.name, "overrun"], value: .whole(interface.droppedByOverrun)),
                ]
            }
        },
        interface(
            "overload_dropped_bytes_total", .counter,
            "Bytes on the wire of packets that were shed or overran the memory."
        ) { $0.overloadBytes },
        interface(
            "shed_flows_total", .counter, "Connections that the policy shed-flow-classes left out, counted up to 65536."
        ) { $0.overloadFlows },
        interface("shedding", .gauge, "1 while connections are left out, since storage cannot keep up.") {
            $0.isShedding ? 1 : 0
        },
        interface("unread_packets", .gauge, "Packets that the kernel has and the tap has not read yet.") { $0.unread },
        interface(
            "loopback_copies_total", .counter,
            "Packets of loopback: the kernel shows each twice, and the copy is left out before it is received."
        ) { $0.loopbackCopies },
        interface("snapped_packets_total", .counter, "Packets cut at the snapshot length.") { $0.snapped },
        interface("interface_up", .gauge, "1 while the interface is captured, 0 while it is away.") { $0.isUp ? 1 : 0 },
        interface("interface_losses_total", .counter, "Times that the interface went away.") { $0.lostTimes },
        TapMetric(
            "interface_outage_seconds_total", .counter, ["interface"],
            "Time for which the interface was away; counted when it is back."
        ) { status in
            status.interfaces.map { Sample(labels: [$0.name], value: .real($0.outageSeconds)) }
        },
        interface("queue_bytes", .gauge, "Memory that waiting packets take.") { $0.queueBytes },
        interface("queue_limit_bytes", .gauge, "Memory that waiting packets may take.") { $0.queueBytesMax },
        interface("queue_peak_bytes", .gauge, "The most memory that waiting packets took.") { $0.queuePeakBytes },
        interface("spool_bytes", .gauge, "Disk that waiting packets take.") { $0.spoolBytes },
        interface("spool_limit_bytes", .gauge, "Disk that waiting packets may take.") { $0.spoolBytesMax },
        interface("spool_peak_bytes", .gauge, "The most disk that waiting packets took.") { $0.spoolPeakBytes },
        interface("spooled_bytes_total", .counter, "Bytes that went through the spool.") { $0.spooledBytes },
        interface("spool_read_errors_total", .counter, "Pieces of the spool, 1 MiB each, that could not be read again.")
        { $0.spoolReadErrors },
        interface("spool_faulty", .gauge, "1 while the spool cannot be written.") { $0.isSpoolFaulty ? 1 : 0 },
    ]
}
