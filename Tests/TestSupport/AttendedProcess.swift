import Foundation

/// A process that serves a test and tells in its first line that it is ready. It ends when this goes, or when the test
/// process does, however that ends: its standard input then closes, which it has to take for its end.
package final class AttendedProcess: Sendable {
    package let process = Process()
    private let input = Pipe()
    private let folder: TemporaryFolder

    /// Starts a command, found on the path, and waits for its first whole line.
    /// - Throws: `ShellFailure` when it ended before.
    package init(_ command: [String]) throws {
        folder = try TemporaryFolder()
        try Data().write(to: URL(fileURLWithPath: folder / "output"))
        try Data().write(to: URL(fileURLWithPath: folder / "errors"))
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.standardInput = input
        process.standardOutput = FileHandle(forWritingAtPath: folder / "output")
        process.standardError = FileHandle(forWritingAtPath: folder / "errors")
        try process.run()
        while process.isRunning, text("output").utf8.firstIndex(of: UInt8(ascii: "\n")) == nil { usleep(20_000) }
        guard text("output").contains("\n") else {
            throw ShellFailure(description: "\(command.prefix(6)): not ready: \(text("errors").suffix(2000))")
        }
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    private func text(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: folder / name) ?? Data(), as: UTF8.self)
    }

    /// What it printed so far, a line each; the first says that it is ready. The last may be half a line.
    package var lines: [String] { text("output").split(separator: "\n").map(String.init) }

    /// Ends it at once.
    package func kill() {
        if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }
}
