import Foundation
import Testing

/// The programs in `Tests/Live`.
enum LiveProgram {
    /// Where one of them is.
    static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Live/\(name)").path
    }

    /// The command that runs one of them. Python's own files stay out of the checkout.
    static func command(_ name: String, _ arguments: [String]) -> [String] {
        ["python3", "-B", path(name)] + arguments
    }
}

/// A program that serves a test: it says so in its first line, and ends with its standard input.
final class HelperProgram {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    /// Its first line; nil when it ended without one.
    let firstLine: String?

    init(_ command: [String]) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        var line = Data()
        while let byte = try output.fileHandleForReading.read(upToCount: 1), byte != Data("\n".utf8) { line += byte }
        firstLine = line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }

    deinit { end() }

    /// Ends it, and gives back what it said after its first line.
    @discardableResult
    func end() -> String {
        guard process.isRunning else { return "" }
        try? input.fileHandleForWriting.close()
        let rest = (try? output.fileHandleForReading.readToEnd()) ?? Data()
        process.waitUntilExit()
        return String(decoding: rest, as: UTF8.self)
    }
}
