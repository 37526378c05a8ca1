import Capture
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Cleartext
@testable import Pipeline

@Suite struct `Key logs` {
    /// A folder with one key log in it.
    private final class Logs {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("keys-\(UUID().uuidString)").path
        var path: String { folder + "/keys.log" }

        init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false) }
        deinit { try? FileManager.default.removeItem(atPath: folder) }

        func write(_ text: String) throws { try text.write(toFile: path, atomically: false, encoding: .utf8) }

        func append(_ text: String, to name: String = "keys.log") throws {
            let file = try #require(FileHandle(forWritingAtPath: "\(folder)/\(name)"))
            try file.seekToEnd()
            try file.write(contentsOf: Data(text.utf8))
            try file.close()
        }

        func move(to name: String) throws {
            try FileManager.default.moveItem(atPath: path, toPath: "\(folder)/\(name)")
        }
    }

    /// What came out of mailboxes, on any thread.
    private final class Found: Sendable {
        private let sets: Mutex<[Set<Int>]>

        init(_ count: Int) { sets = Mutex([Set<Int>](repeating: [], count: count)) }
        func add(_ numbers: [Int], at index: Int) { sets.withLock { $0[index].formUnion(numbers) } }
        func numbers(at index: Int) -> Set<Int> { sets.withLock { $0[index] } }
    }

    private func line(_ number: Int) -> String {
        let random = String(repeating: String(format: "%02x", number), count: 32)
        return "CLIENT_TRAFFIC_SECRET_0 \(random) \(String(repeating: "ab", count: 32))"
    }

    /// The numbers of the lines that events were made of.
    private func numbers(_ events: [SecretEvent]) -> [Int] {
        events.map { event in
            guard case .session(_, let random, _) = event else { return -1 }
            return Int(random.bytes[0])
        }
    }

    @Test func `are read on while they grow, and anew when they were begun anew`() throws {
        let logs = try Logs()
        try logs.write("\(line(1))\n\(line(2).prefix(40))")
        var files = try KeyLogFiles([logs.path])
        var read = [numbers(files.read())]
        read.append(numbers(files.read()))
        try logs.append("\(line(2).dropFirst(40))\nnonsense\n\(line(3))")
        read.append(numbers(files.read()))
        read.append(numbers(files.read(isLast: true)))
        try logs.write("\(line(4))\n")
        read.append(numbers(files.read()))
        #expect(read == [[1], [], [2], [3], [4]])
        let unreadable = files.unreadableLines
        #expect(unreadable == 1)
    }

    @Test func `are read anew when they were written anew and are longer than before`() throws {
        let logs = try Logs()
        try logs.write("\(line(1))\n")
        var files = try KeyLogFiles([logs.path])
        #expect(numbers(files.read()) == [1])
        // As a copying rotation does, with fresh lines before the next look.
        let file = try #require(FileHandle(forWritingAtPath: logs.path))
        try file.truncate(atOffset: 0)
        try file.write(contentsOf: Data("\(line(2))\n\(line(3))\n\(line(4))\n".utf8))
        #expect(numbers(files.read()) == [2, 3, 4])
        try logs.append("\(line(5))\n")
        #expect(numbers(files.read()) == [5])
    }

    @Test func `survive a rotation, with the old file written on and the new one read`() throws {
        let logs = try Logs()
        try logs.write("\(line(1))\n\(line(2).prefix(50))")
        var files = try KeyLogFiles([logs.path])
        #expect(numbers(files.read()) == [1])
        try logs.move(to: "keys.log.1")
        #expect(numbers(files.read()) == [])
        try logs.append("\(line(2).dropFirst(50))\n", to: "keys.log.1")
        try logs.write("\(line(3))\n")
        #expect(Set(numbers(files.read())) == [2, 3])
        // A program that opened the log before still writes to the old file.
        try logs.append("\(line(4))\n", to: "keys.log.1")
        try logs.append("\(line(5))\n")
        #expect(Set(numbers(files.read())) == [4, 5])
        for number in 6...12 {
            try logs.move(to: "keys.log.\(number)")
            try logs.write("\(line(number))\n")
            #expect(numbers(files.read()) == [number])
        }
        let unreadable = files.unreadableLines
        #expect(unreadable == 0)
    }

    @Test func `are read when they appear, and again when they were removed and made again`() throws {
        let logs = try Logs()
        var files = try KeyLogFiles([logs.path], mustExist: false)
        #expect(files.takeProblems().contains { $0.contains("is not there yet") })
        #expect(numbers(files.read()) == [])
        try logs.write("\(line(1))\n")
        #expect(numbers(files.read()) == [1])
        try FileManager.default.removeItem(atPath: logs.path)
        #expect(numbers(files.read()) == [])
        try logs.write("\(line(2))\n")
        #expect(numbers(files.read()) == [2])
        #expect(files.takeProblems().isEmpty)
    }

    @Test func `are opened anew when asked, and others in their place`() throws {
        let (logs, others) = (try Logs(), try Logs())
        try logs.write("\(line(1))\n")
        try others.write("\(line(2))\n")
        var files = try KeyLogFiles([logs.path])
        #expect(numbers(files.read()) == [1])
        #expect(files.reopen(nil) == [])
        #expect(numbers(files.read()) == [1])
        #expect(files.reopen([logs.path, others.path]) == [])
        #expect(numbers(files.read()) == [1, 2])
        #expect(files.reopen([others.path]) == [])
        try logs.append("\(line(3))\n")
        try others.append("\(line(4))\n")
        #expect(numbers(files.read()) == [2, 4])
    }

    @Test func `opened anew behind a rotation still read what is written to the old file`() throws {
        let logs = try Logs()
        try logs.write("\(line(1))\n")
        var files = try KeyLogFiles([logs.path])
        #expect(numbers(files.read()) == [1])
        // As a rotation does that sends SIGHUP: lines that nobody read yet, and programs that have the old file open.
        try logs.append("\(line(2))\n")
        try logs.move(to: "keys.log.1")
        try logs.write("\(line(3))\n")
        #expect(files.reopen(nil) == [])
        #expect(Set(numbers(files.read())) == [2, 3])
        try logs.append("\(line(4))\n", to: "keys.log.1")
        #expect(numbers(files.read()) == [4])
        // Removed, and not there when it is opened anew.
        try FileManager.default.removeItem(atPath: logs.path)
        #expect(files.reopen(nil) == [])
        try logs.append("\(line(5))\n", to: "keys.log.1")
        #expect(numbers(files.read()) == [5])
    }

    @Test func `with garbage of any kind lose only the garbage`() throws {
        let logs = try Logs()
        let garbage = String(repeating: "x", count: 100_000) + "\n\u{0}\u{1}\nCLIENT_RANDOM zz\n\n# comment\n"
        try Data(garbage.utf8 + Data([0xFF, 0xFE, 0x0A])).write(to: URL(fileURLWithPath: logs.path))
        var files = try KeyLogFiles([logs.path])
        #expect(numbers(files.read()) == [])
        try logs.append("\(line(1))\r\n")
        #expect(numbers(files.read()) == [1])
        let unreadable = files.unreadableLines
        #expect(unreadable == 4)
    }

    @Test func `that are not there, or are no files, are refused with a remedy`() throws {
        let logs = try Logs()
        for (path, word) in [(logs.path, "No such file"), (logs.folder, "is no file"), ("/dev/zero", "is no file")] {
            let error = #expect(throws: ReplayError.self) { _ = try KeyLogFiles([path]) }
            #expect(error?.description.contains(word) == true && error?.description.contains("NSS key log") == true)
        }
    }

    @Test func `reach every mailbox, also while nobody looks for a while`() throws {
        let logs = try Logs()
        try logs.write("\(line(1))\n")
        let tail = KeyLogTail(try KeyLogFiles([logs.path]))
        let boxes = [SecretMailbox(), SecretMailbox()]
        for box in boxes { tail.feed(box) }
        let thread = WorkerThread(name: "tail") { tail.run() }
        try logs.append("\(line(2))\n\(line(3))")
        var got: [[Int]] = [[], []]
        let deadline = ContinuousClock.now + .seconds(60)
        while got.contains(where: { $0.count < 2 }), ContinuousClock.now < deadline {
            for index in boxes.indices { got[index] += numbers(boxes[index].take()) }
            usleep(5_000)
        }
        tail.end()
        thread.join()
        tail.readLast()
        for index in boxes.indices { got[index] += numbers(boxes[index].take()) }
        #expect(got == [[1, 2, 3], [1, 2, 3]])
    }

    /// What a tap does at the same time: the tail's thread reads, front ends take, the monitor asks for counts, a signal opens the
    /// logs anew, and the end reads once more. For the thread sanitizer, too.
    @Test func `lose nothing while they are written, rotated, opened anew and taken by others at the same time`() throws
    {
        let logs = try Logs()
        try logs.write("\(line(1))\n")
        let tail = KeyLogTail(try KeyLogFiles([logs.path]))
        let boxes = [SecretMailbox(bell: WakeDescriptor()), SecretMailbox()]
        for box in boxes { tail.feed(box) }
        let found = Found(boxes.count)
        let isOver = StopFlag()
        let thread = WorkerThread(name: "tail") { tail.run() }
        var takers = WorkerThreads()
        for (index, box) in boxes.enumerated() {
            takers.start(name: "front \(index)") {
                while !isOver.isRaised {
                    found.add(numbers(box.take()), at: index)
                    usleep(500)
                }
            }
        }
        for number in 2...90 {
            try logs.append("\(line(number))\n")
            if number % 30 == 0 {
                try logs.move(to: "keys.log.\(number)")
                try logs.write("")
            }
            if number % 20 == 0 { tail.reopen(nil) }
            _ = tail.takeProblems()
            #expect(tail.unreadableLines == 0)
        }
        tail.end()
        thread.join()
        tail.readLast()
        isOver.raise()
        takers.join()
        for (index, box) in boxes.enumerated() {
            found.add(numbers(box.take()), at: index)
            #expect(Set(1...90).subtracting(found.numbers(at: index)) == [])
        }
    }
}
