import Foundation
import Testing
import Vaults

@testable import Pipeline

@Suite struct `The duty to collect` {
    private func withWriter(
        _ body: (inout VaultWriter, inout CollectionDuty, CollectionMailbox) throws -> Void
    ) throws {
        let folder = NSTemporaryDirectory() + "oxbow-duty-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var writer = try VaultWriter(path: folder)
        var duty = CollectionDuty(writer.layout)
        try body(&writer, &duty, CollectionMailbox(writer.layout))
    }

    @Test func `carries a request out between batches and answers it once`() throws {
        try withWriter { writer, duty, mailbox in
            try duty.step(&writer, isIdle: true)
            #expect(!duty.isCollecting)
            let id = try mailbox.post(CollectionOptions())
            #expect(mailbox.isWaiting(id))
            // A duty of its own, which has not looked yet.
            var other = CollectionDuty(writer.layout)
            var answer: CollectionMailbox.Answer?
            for _ in 0..<100 where answer == nil {
                try other.step(&writer, isIdle: false)
                answer = mailbox.takeAnswer(id)
            }
            guard case .report(let report)? = answer else {
                Issue.record("\(String(describing: answer))")
                return
            }
            #expect(report == CollectionReport())
            #expect(!mailbox.isWaiting(id) && mailbox.takeAnswer(id) == nil)
            #expect(!other.isCollecting && !writer.isCollecting)
        }
    }

    @Test func `leaves a request alone that was taken back, and one that is nobody's`() throws {
        try withWriter { writer, duty, mailbox in
            mailbox.withdraw(try mailbox.post(CollectionOptions()))
            try duty.step(&writer, isIdle: true)
            #expect(!duty.isCollecting)
            try Data("{}".utf8).write(to: URL(fileURLWithPath: writer.layout.collectionRequest))
            var other = CollectionDuty(writer.layout)
            try other.step(&writer, isIdle: true)
            #expect(!other.isCollecting)
        }
    }
}
