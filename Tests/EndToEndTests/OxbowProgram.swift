import Foundation
import TestSupport
import Testing

/// The program under test, run as a user runs it.
struct OxbowProgram {
    /// What a run left behind.
    typealias Outcome = RunningProgram.Outcome

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

extension RunningProgram.Outcome {
    /// Standard output as one JSON object a line.
    func objects() throws -> [[String: Any]] {
        try text.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }
}
