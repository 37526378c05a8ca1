import Foundation
import Testing

/// The program under test, run as a user runs it.
struct OxbowProgram {
    /// What a run left behind.
    struct Outcome {
        var status: Int32
        var output: Data
        var errors: String

        /// Standard output as text.
        var text: String { String(decoding: output, as: UTF8.self) }

        /// Standard output as one JSON object a line.
        func objects() throws -> [[String: Any]] {
            try text.split(separator: "\n").map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            }
        }
    }

    /// The executable that this build made, beside the test bundle.
    static let path: String = {
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        return bundle.appendingPathComponent("oxbow").path
    }()

    /// Runs `oxbow` with arguments and waits for its end.
    @discardableResult
    static func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
        let process = try start(arguments, environment: environment)
        return process.wait()
    }

    /// Runs `oxbow`, which must succeed.
    @discardableResult
    static func succeed(
        _ arguments: [String], environment: [String: String] = [:],
        _ location: SourceLocation = #_sourceLocation
    ) throws -> Outcome {
        let outcome = try run(arguments, environment: environment)
        try #require(
            outcome.status == 0, "oxbow \(arguments.joined(separator: " ")): \(outcome.errors)",
            sourceLocation: location)
        return outcome
    }

    /// Starts `oxbow` with arguments.
    static func start(_ arguments: [String], environment: [String: String] = [:]) throws -> RunningProgram {
        try RunningProgram(path, arguments, environment: environment)
    }
}

/// A program that runs, with its output in files so that no pipe can fill up.
final class RunningProgram {
    let process = Process()
    private let folder: TemporaryFolder

    init(_ path: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        folder = try TemporaryFolder()
        let output = folder / "output"
        let errors = folder / "errors"
        for file in [output, errors] { try Data().write(to: URL(fileURLWithPath: file)) }
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: errors)
        try process.run()
    }

    /// What it wrote to standard output so far.
    var outputSoFar: String {
        String(decoding: FileManager.default.contents(atPath: folder / "output") ?? Data(), as: UTF8.self)
    }

    /// What it wrote to standard error so far.
    var errorsSoFar: String {
        String(decoding: FileManager.default.contents(atPath: folder / "errors") ?? Data(), as: UTF8.self)
    }

    /// Waits for the end.
    func wait() -> OxbowProgram.Outcome {
        process.waitUntilExit()
        let status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
        return OxbowProgram.Outcome(
            status: status, output: FileManager.default.contents(atPath: folder / "output") ?? Data(),
            errors: String(decoding: FileManager.default.contents(atPath: folder / "errors") ?? Data(), as: UTF8.self))
    }
}

/// A folder that is removed when the value goes.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("oxbow-test-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    static func / (folder: TemporaryFolder, name: String) -> String { "\(folder.path)/\(name)" }
}
