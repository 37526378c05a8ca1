import TestSupport
import Testing

@testable import Flows

@Suite struct ReorderBufferTests {
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `pieces stay in order whatever order they come and go in`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var buffer = ReorderBuffer()
        var root: Int32 = -1
        var model: [UInt64: Int32] = [:]
        for _ in 0..<600 {
            let offset = UInt64.random(in: 0..<400, using: &random) * 10
            if let node = model[offset] {
                buffer.detach(node, from: &root)
                buffer.discard(node)
                model[offset] = nil
            } else {
                let piece = Piece(
                    kind: .clean, offset: offset, length: 10, time: 0, packet: 0, acknowledged: nil,
                    isSegmentStart: true, mustWait: false)
                model[offset] = buffer.insert(piece, frameStart: nil, into: &root)
            }
            #expect(buffer.first(root) == model.min { $0.key < $1.key }?.value ?? -1)
            #expect(buffer.last(root) == model.max { $0.key < $1.key }?.value ?? -1)
            let place = UInt64.random(in: 0..<4_100, using: &random)
            let expected = model.filter { $0.key + 10 > place }.min { $0.key < $1.key }?.value ?? -1
            #expect(buffer.first(root, endingAfter: place) == expected)
        }
        #expect(buffer.count == model.count)
        #expect(buffer.charge == model.count * ReorderBuffer.overhead)
    }

    @Test func `ten thousand pieces in descending order are no burden`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        for index in (1...10_000 as ClosedRange<UInt64>).reversed() {
            tap.send(talk.data(.client, index * 4, pattern(2, from: index * 4)))
        }
        tap.send(talk.data(.client, 0, pattern(2)))
        tap.finish()
        #expect(tap.counters.gaps == 10_000)
        #expect(tap.counters.deliveredBytes == 20_002)
        #expect(tap.violations == [])
    }
}
