import Foundation
import TestSupport
import Testing

/// Several flow workers must come to the same vault as one: each capture is replayed with 1, 2 and 4.
@Suite struct `Flow workers` {
    @Test(arguments: CaptureCase.all)
    func `make the same vault of a capture whatever their number`(_ capture: CaptureCase) throws {
        let folder = try TemporaryFolder()
        let one = try Self.replay(capture, workers: 1, into: folder / "1")
        for workers in [2, 4] {
            let several = try Self.replay(capture, workers: workers, into: folder / "\(workers)")
            #expect(several.listing == one.listing, "\(workers) workers list something else")
            #expect(several.verified == one.verified, "\(workers) workers hold something else")
            #expect(several.coverage == one.coverage, "\(workers) workers miss something else")
            for (key, value) in one.counters where several.counters[key] != value {
                Issue.record("\(workers) workers: \(key) is \(several.counters[key] ?? "missing"), not \(value)")
            }
        }
    }

    @Test func `are refused in numbers that make no sense`() throws {
        let folder = try TemporaryFolder()
        let capture = try CaptureCase.named("d01-boto3-basic")
        for count in ["0", "17", "many"] {
            let outcome = try OxbowProgram.run(
                ["replay", "--vault", folder / "vault", "--workers", count] + capture.arguments)
            #expect(outcome.status == 64, "\(outcome.errors)")
        }
    }

    /// What must not depend on the number of workers.
    private struct Result {
        var listing: String
        var verified: String
        var coverage: String
        /// The report's counters by `group.name`, but for peaks, which workers have each for themselves.
        var counters: [String: String]
    }

    private static func replay(_ capture: CaptureCase, workers: Int, into vault: String) throws -> Result {
        let outcome = try OxbowProgram.succeed(
            ["replay", "--vault", vault, "--dialect", "all", "--json", "--workers", "\(workers)"] + capture.arguments)
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(outcome.text.utf8)) as? [String: Any])
        var counters: [String: String] = [:]
        for group in ["frameFaults", "encapsulations", "decapsulation", "flows", "cleartext", "exchanges", "dialects"] {
            for (name, value) in report[group] as? [String: Any] ?? [:] where !name.hasSuffix("Peak") {
                counters["\(group).\(name)"] = "\(value)"
            }
        }
        for name in ["packets", "capturedBytes", "filteredPackets"] { counters[name] = "\(report[name] ?? "")" }
        let lines = try JSONSerialization.data(withJSONObject: report["undecryptable"] ?? [], options: .sortedKeys)
        counters["undecryptable"] = String(decoding: lines, as: UTF8.self)
        return Result(
            listing: try OxbowProgram.succeed(["ls", "--vault", vault, "--json"]).text,
            verified: try OxbowProgram.succeed(["verify", "--vault", vault, "--json"]).text,
            coverage: try OxbowProgram.run(["coverage", "--vault", vault, "--json"]).text, counters: counters)
    }
}
