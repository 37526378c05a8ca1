import Foundation
import TestSupport
import Testing

@testable import Pipeline

@Suite struct `Key logs` {
    private func line(_ number: Int) -> String {
        let random = String(repeating: String(format: "%02x", number), count: 32)
        return "CLIENT_TRAFFIC_SECRET_0 \(random) \(String(repeating: "ab", count: 32))"
    }

    @Test func `are read on while they grow, and anew when they were begun anew`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "keys"
        try "\(line(1))\n\(line(2).prefix(40))".write(toFile: path, atomically: false, encoding: .utf8)
        var logs = try KeyLogFiles([path])
        var counts = [logs.read().count]
        counts.append(logs.read().count)
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data("\(line(2).dropFirst(40))\nnonsense\n\(line(3))".utf8))
        counts.append(logs.read().count)
        counts.append(logs.read(isLast: true).count)
        try file.truncate(atOffset: 0)
        try file.seek(toOffset: 0)
        try file.write(contentsOf: Data("\(line(4))\n".utf8))
        counts.append(logs.read().count)
        #expect(counts == [1, 0, 1, 1, 1])
        let unreadable = logs.unreadableLines
        #expect(unreadable == 1)
    }
}
