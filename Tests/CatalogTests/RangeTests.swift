import Objects
import TestSupport
import Testing

@testable import Catalog

@Suite struct RangeSetTests {
    @Test func `a set of ranges holds exactly what was inserted`() {
        for seed in 0..<60 {
            var random = SeededGenerator(seed: seed)
            var set = RangeSet()
            var model = [Bool](repeating: false, count: 120)
            for _ in 0..<30 {
                let start = UInt64.random(in: 0..<110, using: &random)
                let range = start..<start + UInt64.random(in: 0...10, using: &random)
                let touched = set.ranges.contains {
                    $0.lowerBound <= range.upperBound && $0.upperBound >= range.lowerBound
                }
                #expect(set.touches(range) == touched)
                set.insert(range)
                for index in range { model[Int(index)] = true }
                #expect(set.ranges.flatMap { $0 }.map { Int($0) } == model.indices.filter { model[$0] })
                for (one, next) in zip(set.ranges, set.ranges.dropFirst()) { #expect(one.upperBound < next.lowerBound) }
                let from = UInt64.random(in: 0..<110, using: &random)
                let asked = from..<from + UInt64.random(in: 0...9, using: &random)
                let missing = asked.filter { !model[Int($0)] }
                #expect(set.missing(within: asked).flatMap { $0 } == missing)
                #expect(set.contains(asked) == missing.isEmpty)
                #expect(set.total == UInt64(model.count { $0 }))
            }
        }
    }

    @Test func `the ends of the number range are positions like others`() {
        var set = RangeSet()
        set.insert(UInt64.max - 1..<UInt64.max)
        set.insert(0..<1)
        #expect(set.missing(within: 0..<UInt64.max) == [1..<UInt64.max - 1])
        set.insert(1..<UInt64.max)
        #expect(set.ranges == [0..<UInt64.max])
    }
}

@Suite struct ReportedGapsTests {
    @Test func `causes are kept by position, the one that says most, in any order of reports`() {
        for seed in 0..<60 {
            var random = SeededGenerator(seed: seed)
            var model = [GapCause?](repeating: nil, count: 120)
            var reports: [(Range<UInt64>, GapCause)] = []
            for _ in 0..<20 {
                let start = UInt64.random(in: 0..<110, using: &random)
                let range = start..<start + UInt64.random(in: 0...10, using: &random)
                reports.append((range, GapCause.allCases.randomElement(using: &random) ?? .snapped))
            }
            var gaps = ReportedGaps()
            for (range, cause) in reports {
                gaps.report(range, cause)
                for index in range {
                    let known = model[Int(index)]
                    if known.map({ ReportedGaps.rank(of: $0) < ReportedGaps.rank(of: cause) }) ?? true {
                        model[Int(index)] = cause
                    }
                }
            }
            func spread(_ gaps: ReportedGaps) -> [GapCause?] {
                var spread = [GapCause?](repeating: nil, count: 120)
                for entry in gaps.entries { for index in entry.range { spread[Int(index)] = entry.cause } }
                return spread
            }
            #expect(spread(gaps) == model)
            var other = ReportedGaps()
            for (range, cause) in reports.shuffled(using: &random) { other.report(range, cause) }
            #expect(other == gaps)

            let asked: Range<UInt64> = 20..<80
            #expect(
                gaps.pieces(of: asked).flatMap { entry in entry.range.map { _ in entry.cause } }
                    == asked.map { model[Int($0)] ?? .neverSeen })
            let withdrawn = gaps.withdraw(asked)
            #expect(withdrawn.flatMap { $0.range.map { $0 } } == asked.filter { model[Int($0)] != nil })
            #expect(spread(gaps).enumerated().allSatisfy { asked.contains(UInt64($0)) ? $1 == nil : $1 == model[$0] })
        }
    }

    @Test func `reports beyond the limit make the limit the cause of what has none`() {
        var gaps = ReportedGaps()
        gaps.report(0..<1, .snapped, max: 1)
        gaps.report(5..<6, .snapped, max: 1)
        #expect(gaps.isOverflown)
        #expect(gaps.pieces(of: 0..<9).map(\.cause) == [.snapped, .limit])
    }
}
