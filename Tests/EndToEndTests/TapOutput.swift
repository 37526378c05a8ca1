import Foundation
import TestSupport
import Testing

/// What a tap with `--json` says of itself: the one place where tests read its output.
struct TapOutput {
    /// One interface, in a line of statistics or in the report.
    struct Interface: Decodable {
        var name: String
        var received: UInt64
        var processed: UInt64
        var capturedBytes: UInt64
        var droppedByKernel: UInt64
        var droppedByOverload: UInt64
        var overloadFlows: UInt64
        var unread: UInt64
        var loopbackCopies: UInt64
        var ringReceived: [UInt64]
        var lostTimes: UInt64
        var spooledBytes: UInt64
        var spoolPeakBytes: UInt64
        var queuePeakBytes: UInt64
        var isShedding: Bool

        /// True when every packet received is accounted for.
        var isReconciled: Bool { received == processed + droppedByKernel + droppedByOverload + unread }
        /// True when nothing was lost on the way, whatever the cause.
        var isWhole: Bool { isReconciled && unread == 0 && droppedByKernel == 0 && droppedByOverload == 0 }
    }

    /// What the vault's writer did.
    struct Vault: Decodable {
        var blocks: UInt64
        var newBlocks: UInt64
        var newBlockBytes: UInt64
    }

    /// A line of kind `statistics`, or the last one, of kind `report`.
    struct Status: Decodable {
        var kind: String
        var packets: UInt64
        /// Not in a report.
        var deliveredBytes: UInt64?
        var flows: [String: UInt64]
        var exchanges: [String: UInt64]
        var dialects: [String: UInt64]
        var encapsulations: [String: UInt64]
        var decapsulation: [String: UInt64]
        var vault: Vault
        var interfaces: [Interface]

        /// True while any interface leaves flows out.
        var isShedding: Bool { interfaces.contains { $0.isShedding } }
    }

    /// A line of kind `left-out`.
    struct LeftOut: Decodable {
        var flow: String

        /// The ports of both ends.
        var ports: [Int] {
            flow.split(separator: " > ").compactMap { $0.split(separator: ":").last.flatMap { Int($0) } }
        }
    }

    /// A line of kind `endpoint`.
    struct Endpoint: Decodable {
        var cloud: String
        var host: String
    }

    private struct Kind: Decodable { var kind: String }

    private(set) var statistics: [Status] = []
    private(set) var leftOut: [LeftOut] = []
    private(set) var endpoints: [Endpoint] = []
    /// The last line; nil while the tap runs.
    private(set) var report: Status?

    /// Reads what a tap printed. A line that was not written to its end is left for the next time.
    init(_ text: String) throws {
        let decoder = JSONDecoder()
        let end = text.lastIndex(of: "\n") ?? text.startIndex
        for line in text[..<end].split(separator: "\n") {
            let data = Data(line.utf8)
            switch try decoder.decode(Kind.self, from: data).kind {
            case "statistics": statistics.append(try decoder.decode(Status.self, from: data))
            case "left-out": leftOut.append(try decoder.decode(LeftOut.self, from: data))
            case "endpoint": endpoints.append(try decoder.decode(Endpoint.self, from: data))
            case "report": report = try decoder.decode(Status.self, from: data)
            case let kind: Issue.record("a line of kind \(kind), which docs/commands.md does not know")
            }
        }
    }
}

extension RunningProgram {
    /// What a tap said so far.
    var tapOutput: TapOutput {
        get throws { try TapOutput(outputSoFar) }
    }

    /// The last statistics of a tap; nil before there are any.
    var tapStatistics: TapOutput.Status? {
        get throws { try tapOutput.statistics.last }
    }

    /// Ends a tap by SIGTERM, which must go well, and reads all that it said.
    func endTap() throws -> TapOutput {
        process.terminate()
        let outcome = wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let output = try TapOutput(outcome.text)
        try #require(output.report != nil, "no report: \(outcome.errors)")
        return output
    }

    /// Ends a tap by SIGTERM, and gives back its report.
    func endTapWithReport() throws -> TapOutput.Status { try #require(try endTap().report) }

    /// Where a tap serves its metrics, as it says on standard error.
    func metricsAddress() throws -> String {
        let line = try #require(errorsSoFar.split(separator: "\n").first { $0.contains("metrics at ") })
        return String(line.split(separator: " ").last ?? "")
    }
}
