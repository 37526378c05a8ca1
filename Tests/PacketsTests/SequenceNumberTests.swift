import Packets
import Testing

@Suite struct SequenceNumberTests {
    @Test(
        arguments: [
            (UInt32(0), UInt32(1)), (0xFFFF_FFFF, 0), (0xFFFF_FFF0, 0x10), (0x7FFF_FFFF, 0x8000_0000),
            (0x8000_0000, 0xFFFF_FFFF), (1, 0x8000_0000),
        ])
    func `order goes around the circle`(earlier: UInt32, later: UInt32) {
        let (first, second) = (SequenceNumber(earlier), SequenceNumber(later))
        #expect(first.precedes(second))
        #expect(!second.precedes(first))
        #expect(first.distance(to: second) == Int(later &- earlier))
        #expect(second.distance(to: first) == -Int(later &- earlier))
        #expect(first.advanced(by: first.distance(to: second)) == second)
        #expect(second.advanced(by: second.distance(to: first)) == first)
    }

    @Test func `a number does not precede itself, nor the one opposite on the circle`() {
        let number = SequenceNumber(77)
        let opposite = SequenceNumber(77 &+ 0x8000_0000)
        #expect(!number.precedes(number))
        #expect(!number.precedes(opposite))
        #expect(!opposite.precedes(number))
    }

    @Test func `moving on wraps in both directions`() {
        #expect(SequenceNumber(0xFFFF_FFFF).advanced(by: 2) == SequenceNumber(1))
        #expect(SequenceNumber(1).advanced(by: -2) == SequenceNumber(0xFFFF_FFFF))
        #expect(SequenceNumber(5).advanced(by: 1 << 32) == SequenceNumber(5))
    }
}
