import Packets
import TestSupport
import Testing

@testable import Flows

@Suite struct FlowTableTests {
    @Test(arguments: [0xFFFF_FFFF, 0xF, 0x3, 0] as [UInt32])
    func `what was inserted is found until it is removed`(hashMask: UInt32) {
        // With few different hashes every search runs through long chains.
        var table = FlowTable(capacityLog2: 4)
        var random = SeededGenerator(seed: 3)
        var model: [Int32: UInt32] = [:]
        for step in 0..<3_000 as Range<Int32> {
            if model.count < 200, Bool.random(using: &random) || model.isEmpty {
                let hash = UInt32.random(in: 0 ... .max, using: &random) & hashMask
                table.insert(hash: hash, FlowReference(flow: step))
                model[step] = hash
            } else if let (slot, hash) = model.min(by: { $0.key &* 31 % 97 < $1.key &* 31 % 97 }) {
                table.remove(hash: hash, FlowReference(flow: slot))
                model[slot] = nil
            }
            #expect(table.count == model.count)
        }
        for (slot, hash) in model {
            let isFound = contains(table, slot, hash)
            #expect(isFound)
        }
        let entries = (0..<UInt32(table.capacity)).count { table[$0].reference != .none }
        #expect(entries == model.count)
        #expect(table.count * 4 <= table.capacity * 3)
    }

    private func contains(_ table: borrowing FlowTable, _ slot: Int32, _ hash: UInt32) -> Bool {
        var position = table.position(of: hash)
        while table[position].reference != .none {
            if table[position].reference == FlowReference(flow: slot) { return true }
            position = table.position(after: position)
        }
        return false
    }

    @Test func `both directions have one key, and every part of it counts`() {
        var sourceIsFirst = false
        let base = Talk().data(.client, 0, [1])
        let back = Talk().data(.server, 0, [1])
        let key = FlowKey(base.header, tenant: 0, sourceIsFirst: &sourceIsFirst)
        #expect(sourceIsFirst)
        #expect(FlowKey(back.header, tenant: 0, sourceIsFirst: &sourceIsFirst) == key)
        #expect(!sourceIsFirst)
        #expect(FlowKey(base.header, tenant: 1, sourceIsFirst: &sourceIsFirst) != key)
        var header = base.header
        header.sourcePort += 1
        #expect(FlowKey(header, tenant: 0, sourceIsFirst: &sourceIsFirst) != key)
        header = base.header
        header.destination = IPAddress(ipv4: 5)
        #expect(FlowKey(header, tenant: 0, sourceIsFirst: &sourceIsFirst) != key)
        // ::10.0.0.7 is no IPv4 address.
        header = base.header
        header.source = IPAddress(ipv6High: 0, low: header.source.low)
        header.destination = IPAddress(ipv6High: 0, low: header.destination.low)
        #expect(FlowKey(header, tenant: 0, sourceIsFirst: &sourceIsFirst) != key)
        header.source = IPAddress(ipv6High: .max, low: 1)
        #expect(FlowKey(header, tenant: 0, sourceIsFirst: &sourceIsFirst) == nil)
    }

    @Test func `hashes spread over the table`() {
        let seed = FlowHashSeed(first: 11, second: 22, third: 33)
        var sourceIsFirst = false
        var buckets = [Int](repeating: 0, count: 256)
        for port in 1...25_600 as ClosedRange<UInt16> {
            var segment = Talk(clientPort: port).data(.client, 0, [1])
            segment.clientPort = port
            guard let key = FlowKey(segment.header, tenant: 0, sourceIsFirst: &sourceIsFirst) else { continue }
            buckets[Int(seed.hash(key) & 255)] += 1
        }
        // 100 expected, standard deviation 10.
        #expect(buckets.allSatisfy { (40...160).contains($0) })
    }
}
