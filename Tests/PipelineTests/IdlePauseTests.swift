import Testing

@testable import Pipeline

@Suite struct `The pause of a thread with nothing to do` {
    @Test func `doubles up to its longest, and is short again when something came`() {
        var pause = IdlePause(first: 20)
        var pauses: [Int] = []
        for _ in 0..<5 {
            pauses.append(pause.milliseconds)
            pause.lengthen()
        }
        #expect(pauses == [20, 40, 80, 100, 100])
        pause.reset()
        #expect(pause.milliseconds == 20)
    }

    @Test func `is never shorter than the first, even if that is longer than the longest`() {
        var pause = IdlePause(first: 400)
        pause.lengthen()
        #expect(pause.milliseconds == 400)
    }
}
