import Blocks
import Capture
import Flows
import Foundation
import Packets
import Testing

@testable import Dialects
@testable import Pipeline

/// A dispatcher and its workers without a vault: what they send is looked at as it comes to the hashers.
@Suite struct `Flow workers of a run` {
    /// Ethernet, IPv4, TCP with a payload.
    private static func frame(
        _ source: (UInt8, UInt16), _ target: (UInt8, UInt16), sequence: UInt32, flags: UInt8 = 0x10,
        _ payload: [UInt8] = []
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 54)
        bytes[12] = 0x08
        bytes[14] = 0x45
        let length = 40 + payload.count
        (bytes[16], bytes[17]) = (UInt8(length >> 8 & 255), UInt8(length & 255))
        (bytes[22], bytes[23]) = (64, 6)
        bytes.replaceSubrange(26..<34, with: [10, 0, 0, source.0, 10, 0, 0, target.0])
        (bytes[34], bytes[35]) = (UInt8(source.1 >> 8), UInt8(source.1 & 255))
        (bytes[36], bytes[37]) = (UInt8(target.1 >> 8), UInt8(target.1 & 255))
        for index in 0..<4 { bytes[38 + index] = UInt8(truncatingIfNeeded: sequence >> UInt32(24 - 8 * index)) }
        (bytes[46], bytes[47]) = (0x50, flags)
        return bytes + payload
    }

    private static func noKeys(share: Int) -> FrontEnd.KeyParts {
        FrontEnd.KeyParts(SessionKeyOptions(), spoolFolder: "", isExpected: false, export: nil, share: share)
    }

    /// What came to the hashers: transfers and events by worker.
    private struct Arrived: Sendable {
        var events: [UInt64: Int] = [:]
        var transfers: [UInt64: Int] = [:]
        var complete: [Int: UInt64] = [:]
        var blocks = 0
    }

    private func run(workers: Int, poolBytes: Int = 4 << 20, _ send: (inout FlowDispatcher) -> Void) throws -> (
        Arrived, FrontReport
    ) {
        let pool = try BlockPool(blockSize: BlockSize(bytes: 4096), budgetBytes: poolBytes)
        let queues = (0..<workers).map { _ in BoundedQueue<IngestBatch>(capacity: 4) }
        let result = ResultSlot<Arrived>()
        let shared = BoundedQueue<IngestBatch>(capacity: 4)
        var forwarders = WorkerThreads()
        for queue in queues {
            forwarders.start(name: "test-forward") {
                while let batch = queue.pop() { shared.push(batch) }
            }
        }
        let sink = WorkerThread(name: "test-sink") {
            var seen = Arrived()
            while let batch = shared.pop() {
                for block in batch.blocks { seen.transfers[block.transfer.number] = batch.source }
                seen.blocks += batch.blocks.count
                for step in batch.steps {
                    if case .event = step.step {
                        seen.events[step.order] = batch.source
                        if step.order < seen.complete[batch.source] ?? 0 { seen.events[.max] = batch.source }
                    }
                }
                seen.complete[batch.source] = batch.complete
                pool.release(batch.blocks)
            }
            result.put(seen)
        }
        var front = FlowDispatcher(
            FrontEnd.Parts(
                pool: pool, hashers: queues, workers: workers, dialects: DialectOptions(dialects: [.s3, .http]),
                tunnels: TunnelOptions(), keys: Self.noKeys(share: workers)))
        send(&front)
        let report = front.finish()
        for queue in queues { queue.close() }
        forwarders.join()
        shared.close()
        sink.join()
        #expect(pool.inUse == 0, "every buffer came back")
        return (try #require(result.take()), report)
    }

    /// One upload of `size` bytes over each of so many connections, segments of all interleaved.
    private func upload(
        _ front: inout FlowDispatcher, connections: Int, size: Int, host: String = "store.example.com"
    ) {
        var number: UInt64 = 0
        func send(_ bytes: [UInt8]) {
            number += 1
            front.frame(
                CapturedFrame(
                    number: number, time: 1_700_000_000_000_000_000 + number * 1000, linkType: .ethernet,
                    capturedLength: UInt32(bytes.count), wireLength: UInt32(bytes.count)), bytes.span.bytes)
        }
        let heads = (0..<connections).map { connection in
            Array(
                "PUT /bucket/key-\(connection) HTTP/1.1\r\nHost: \(host)\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request\r\nContent-Length: \(size)\r\n\r\n"
                    .utf8)
        }
        let body = [UInt8](repeating: 7, count: 1400)
        func port(_ connection: Int) -> UInt16 { UInt16(20_000 + connection) }
        for connection in 0..<connections {
            send(Self.frame((1, port(connection)), (2, 80), sequence: 99, flags: 0x02))
            send(Self.frame((2, 80), (1, port(connection)), sequence: 499, flags: 0x12))
            send(Self.frame((1, port(connection)), (2, 80), sequence: 100, heads[connection]))
        }
        var sent = 0
        while sent < size {
            let count = min(1400, size - sent)
            for connection in 0..<connections {
                let sequence = 100 + UInt32(heads[connection].count + sent)
                send(Self.frame((1, port(connection)), (2, 80), sequence: sequence, Array(body[..<count])))
            }
            sent += count
        }
        let answer = Array("HTTP/1.1 200 OK\r\nx-amz-request-id: 1\r\nContent-Length: 0\r\n\r\n".utf8)
        for connection in 0..<connections {
            send(Self.frame((2, 80), (1, port(connection)), sequence: 500, answer))
        }
    }

    @Test(arguments: [2, 3, 4])
    func `share the connections, and say in order what became of them`(_ workers: Int) throws {
        let (arrived, report) = try run(workers: workers) { upload(&$0, connections: 40, size: 30_000) }
        #expect(report.dialects["exchanges.s3.PutObject"] == 40)
        #expect(report.flows["flowsOpened"] == 40)
        #expect(arrived.transfers.count == 40, "no two transfers have one number")
        #expect(arrived.blocks == 40 * 8)
        #expect(Set(arrived.transfers.values).count == workers, "every worker has some")
        #expect(arrived.events.count == 40)
        #expect(arrived.events[.max] == nil, "an event came after its worker said that it is past it")
        #expect(arrived.complete.values.allSatisfy { $0 == .max })
    }

    @Test func `go on with the fewest buffers that a pool can have`() throws {
        // Each may hold its share and no more: else they would wait for one another for ever.
        for workers in [2, 4] {
            let (arrived, _) = try run(workers: workers, poolBytes: 64 << 10) {
                upload(&$0, connections: 60, size: 20_000)
            }
            #expect(arrived.transfers.count == 60)
        }
    }

    /// Anonymous reads at a host that only signed requests of other connections show to be S3.
    private func mixed(_ front: inout FlowDispatcher) {
        var number: UInt64 = 0
        func send(_ bytes: [UInt8]) {
            number += 1
            front.frame(
                CapturedFrame(
                    number: number, time: 1_700_000_000_000_000_000 + number * 1000, linkType: .ethernet,
                    capturedLength: UInt32(bytes.count), wireLength: UInt32(bytes.count)), bytes.span.bytes)
        }
        for connection in 0..<200 {
            let port = UInt16(20_000 + connection)
            let host = "host-\(connection / 2).example.com"
            let head =
                connection % 2 == 0
                ? "PUT /bucket?x HTTP/1.1\r\nHost: \(host)\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request\r\nContent-Length: 0\r\n\r\n"
                : "GET /bucket/key HTTP/1.1\r\nHost: \(host)\r\n\r\n"
            send(Self.frame((1, port), (2, 80), sequence: 99, flags: 0x02))
            send(Self.frame((2, 80), (1, port), sequence: 499, flags: 0x12))
            send(Self.frame((1, port), (2, 80), sequence: 100, Array(head.utf8)))
            send(
                Self.frame(
                    (2, 80), (1, port), sequence: 500, Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)))
        }
    }

    @Test(arguments: [2, 4])
    func `read a host by what other workers learnt of it one packet before`(_ workers: Int) throws {
        let (_, one) = try run(workers: 1) { mixed(&$0) }
        let (_, several) = try run(workers: workers) { mixed(&$0) }
        #expect(one.dialects["exchanges.s3.GetObject"] == 100)
        #expect(several.dialects == one.dialects)
    }

    @Test func `have room for the largest frame behind a batch full of ticks`() throws {
        let (_, report) = try run(workers: 2) { front in
            var number: UInt64 = 0
            func send(_ bytes: [UInt8], after nanoseconds: UInt64) {
                number += 1
                front.frame(
                    CapturedFrame(
                        number: number, time: 1_700_000_000_000_000_000 + number * nanoseconds, linkType: .ethernet,
                        capturedLength: UInt32(bytes.count), wireLength: UInt32(bytes.count)), bytes.span.bytes)
            }
            for part in 0..<8 {
                let payload = [UInt8](repeating: 0, count: 60_000)
                send(Self.frame((1, 2000), (2, 80), sequence: UInt32(part * 60_000), payload), after: 200_000_000)
            }
            var datagram = Self.frame((1, 53), (2, 53), sequence: 0)
            datagram[23] = 17
            for _ in 0..<4000 { send(datagram, after: 200_000_000) }
            // Its IP length is zero, as an offload leaves it: the frame's length counts.
            let payload = [UInt8](repeating: 0, count: (2 << 20) - 54)
            var largest = Self.frame((1, 2000), (2, 80), sequence: 480_000, payload)
            (largest[16], largest[17]) = (0, 0)
            send(largest, after: 200_000_000)
        }
        #expect(report.flows["segments"] == 9)
        #expect(report.flows["payloadBytes"] == 480_000 + (2 << 20) - 54)
    }

    @Test func `divide what bounds all flows together`() throws {
        let pool = try BlockPool(blockSize: BlockSize(bytes: 4096), budgetBytes: 4 << 20)
        func limits(workers: Int) -> FrontLimits {
            FrontLimits(
                FrontEnd.Parts(
                    pool: pool, hashers: [], workers: workers, dialects: DialectOptions(), tunnels: TunnelOptions(),
                    keys: Self.noKeys(share: workers)), workers: workers)
        }
        let (one, share) = (limits(workers: 1), limits(workers: 4))
        #expect(one.flows == FlowLimits())
        #expect(share.flows.flowsMax * 4 <= one.flows.flowsMax)
        #expect(share.flows.closedFlowsMax * 4 <= one.flows.closedFlowsMax)
        #expect(share.flows.bufferedBytesMax * 4 <= one.flows.bufferedBytesMax)
        #expect(share.cleartext.parkedBytes * 4 <= one.cleartext.parkedBytes)
        #expect(share.exchanges.partialBytesTotal * 4 <= one.exchanges.partialBytesTotal)
        #expect(share.exchanges.headerTableBytesTotal * 4 <= one.exchanges.headerTableBytesTotal)
        #expect(share.dialects.limits.bodyBytesTotal * 4 <= one.dialects.limits.bodyBytesTotal)
        #expect(share.splitter.buffersHeldMax * 4 < pool.capacity)
    }
}

/// What one worker learns, the others know from the next packet on.
@Suite struct `Facts among workers` {
    private let fact = DialectFact(kind: .uploadEnded("upload"))

    @Test func `count only when they are of an earlier packet, and once`() {
        let shares = FlowShare.all(3)
        shares[0].begin(5)
        shares[0].tell(fact)
        shares[1].begin(5)
        #expect(shares[1].news(waits: false).isEmpty, "the fact is of number 5 itself")
        shares[1].begin(6)
        #expect(shares[1].news(waits: false).count == 1)
        #expect(shares[1].news(waits: false).isEmpty)
        shares[2].begin(7)
        #expect(shares[2].news(waits: false).count == 1, "everyone is told")
        shares[0].begin(8)
        #expect(shares[0].news(waits: false).isEmpty, "but not who told it")
    }

    @Test func `are waited for until the others have come as far`() {
        let shares = FlowShare.all(2)
        shares[1].begin(10)
        shares[0].begin(3)
        let fact = fact
        let answer = ResultSlot<Int>()
        let waiter = WorkerThread(name: "test-waiter") { answer.put(shares[1].news(waits: true).count) }
        shares[0].tell(fact)
        #expect(answer.take() == nil, "there can be no answer before the other has moved on")
        shares[0].begin(10)
        waiter.join()
        #expect(answer.take() == 1)
    }
}
