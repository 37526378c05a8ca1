import TestSupport
import Testing

@testable import Blocks

@Suite struct TransferTableTests {
    @Test(arguments: 1...8)
    func `finds what a dictionary finds, whatever comes and goes`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var table = TransferTable()
        var model: [UInt64: Int32] = [:]
        var nextNumber: UInt64 = 1
        for _ in 0..<5000 {
            if model.isEmpty || Bool.random(using: &generator) {
                // Mostly consecutive, sometimes far away, as after a restart of the count.
                nextNumber += Int.random(in: 0..<10, using: &generator) == 0 ? generator.next() >> 24 : 1
                model[nextNumber] = table.insert(nextNumber, objectOffset: nextNumber &* 3)
            } else if let (number, slot) = model.randomElement(using: &generator) {
                table.remove(slot)
                model[number] = nil
                #expect(table.find(number) == TransferTable.none)
            }
        }
        #expect(table.count == model.count)
        for (number, slot) in model {
            #expect(table.find(number) == slot)
            #expect(table.slots[Int(slot)].objectOffset == number &* 3)
        }
        #expect(Set(model.values).count == model.count)
    }

    @Test(arguments: 1...8, [Holding.settled, .passing])
    func `the partly filled are listed by the time they last grew`(seed: UInt64, holding: Holding) {
        var generator = SeededGenerator(seed: seed)
        var table = TransferTable()
        let slots = (1...40).map { table.insert(UInt64($0), objectOffset: 0) }
        var order: [Int32] = []
        for _ in 0..<2000 {
            let slot = slots.randomElement(using: &generator) ?? 0
            if let place = order.firstIndex(of: slot) {
                order.remove(at: place)
                if Bool.random(using: &generator) {
                    table.touchPartial(slot)
                    order.append(slot)
                } else {
                    table.unlinkPartial(slot)
                }
            } else {
                table.linkPartial(slot, holding)
                order.append(slot)
            }
            let list = holding == .settled ? table.settled : table.passing
            #expect(list.oldest == order.first ?? TransferTable.none)
            #expect(list.newest == order.last ?? TransferTable.none)
            #expect(table.partialCount == order.count)
        }
    }
}
