import Foundation

/// A program that runs, with its output in files so that no pipe can fill up.
package final class RunningProgram {
    /// What a run left behind.
    package struct Outcome {
        /// The exit status; minus the signal when one ended the program.
        package var status: Int32
        package var output: Data
        package var errors: String

        package init(status: Int32, output: Data, errors: String) {
            (self.status, self.output, self.errors) = (status, output, errors)
        }

        /// Standard output as text.
        package var text: String { String(decoding: output, as: UTF8.self) }
    }

    package let process = Process()
    private let folder: TemporaryFolder

    package init(_ path: String, _ arguments: [String], environment: [String: String] = [:]) throws {
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
    package var outputSoFar: String {
        String(decoding: FileManager.default.contents(atPath: folder / "output") ?? Data(), as: UTF8.self)
    }

    /// What it wrote to standard error so far.
    package var errorsSoFar: String {
        String(decoding: FileManager.default.contents(atPath: folder / "errors") ?? Data(), as: UTF8.self)
    }

    /// Waits for the end.
    package func wait() -> Outcome {
        process.waitUntilExit()
        let status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
        return Outcome(
            status: status, output: FileManager.default.contents(atPath: folder / "output") ?? Data(),
            errors: String(decoding: FileManager.default.contents(atPath: folder / "errors") ?? Data(), as: UTF8.self))
    }
}

/// Runs commands of the system, found on the path.
package enum Shell {
    /// Runs a command that must succeed and gives back its output.
    @discardableResult
    package static func run(_ command: [String], environment: [String: String] = [:]) throws -> String {
        let outcome = try RunningProgram("/usr/bin/env", command, environment: environment).wait()
        guard outcome.status == 0 else {
            throw ShellFailure(description: "\(command.joined(separator: " ")): \(outcome.status): \(outcome.errors)")
        }
        return outcome.text
    }
}

/// A command did not do what a test needs of it.
package struct ShellFailure: Error, CustomStringConvertible {
    package var description: String

    package init(description: String) { self.description = description }
}
