import Testing

@testable import Pipeline

@Suite struct TieBreakerTests {
    @Test func `packets of one time keep their order, others keep their time`() {
        var ties = TieBreaker()
        let times = [5, 5, 5, 900, 900, 7].map { ties.time($0) }
        #expect(times == [5, 6, 7, 900, 901, 7])
    }

    @Test func `packets without a time are numbered from 1970`() {
        var ties = TieBreaker()
        #expect([0, 0, 0].map { ties.time($0) } == [0, 1, 2])
    }
}
