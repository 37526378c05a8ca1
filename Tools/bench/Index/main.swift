// Times a vault's block index; see Tools/bench/index. Not part of Oxbow.
//
// usage: IndexBench fill VAULT BLOCKS    makes a vault whose index has so many made-up blocks, as commits of ingest do
//        IndexBench look VAULT BLOCKS    opens it, and looks blocks up that are there and that are not
// Each prints lines `NAME VALUE`.

import Blocks
import Catalog
import Foundation
import Vaults

/// A fingerprint that depends on nothing but its number: as evenly spread as digests are.
func fingerprint(_ number: UInt64) -> Fingerprint {
    func mix(_ part: UInt64) -> UInt64 {
        var state = number &* 4 &+ part &+ 0x9e37_79b9_7f4a_7c15
        state = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
        state = (state ^ state >> 27) &* 0x94d0_49bb_1331_11eb
        return state ^ state >> 31
    }
    return Fingerprint(mix(0), mix(1), mix(2), mix(3))
}

func seconds(_ body: () throws -> Void) rethrows -> Double {
    let duration = try ContinuousClock().measure(body)
    return Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
}

func say(_ name: String, _ value: Double) { print("\(name) \(value)") }

/// Resident bytes of this process, those of files among them.
func residentBytes() -> Double {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    return Double(line?.split(separator: " ").dropLast().last ?? "0").map { $0 * 1024 } ?? 0
}

func bytes(below folder: String) throws -> Double {
    try FileManager.default.subpathsOfDirectory(atPath: folder).reduce(0) { sum, name in
        let size = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")[.size] as? Double
        return sum + (size ?? 0)
    }
}

/// Blocks that a commit publishes: those of 32 MiB.
let commitBlocks: UInt64 = 512
/// Blocks that ingest looks up together.
let batchBlocks: UInt64 = 64

func fill(_ path: String, _ count: UInt64) throws {
    var writer = try VaultWriter(path: path)
    try writer.close()
    let layout = writer.layout
    _ = consume writer
    let time = try seconds {
        let catalog = try RocksCatalog(path: layout.catalog, mode: .readWrite)
        for start in stride(from: 0, to: count, by: Int(commitBlocks)) {
            try catalog.publish(
                (start..<min(count, start + commitBlocks)).map { number in
                    BlockIndexEntry(
                        fingerprint(number),
                        BlockIndexValue(1 + number >> 12, (number & 4095) << 16, 1 << 48 | 1 << 16, number))
                })
        }
        try catalog.synchronize()
    }
    say("fill_per_second", Double(count) / time)
    say("bytes_per_entry", try bytes(below: layout.catalog) / Double(count))
}

func look(_ path: String, _ count: UInt64) throws {
    let rest = residentBytes()
    var opened: VaultWriter?
    say("start_seconds", try seconds { opened = try VaultWriter(path: path) })
    guard let writer = opened.take() else { return }
    _ = consume writer
    let catalog = try RocksCatalog(path: VaultLayout(root: path).catalog, mode: .readWrite)
    say("resident_bytes_at_start", residentBytes() - rest)
    var random = SystemRandomNumberGenerator()
    // Numbers beyond the last are of blocks that are not there.
    for (name, first) in [("absent", count), ("present", 0)] {
        let rounds = min(count, 1 << 18) / batchBlocks
        var known: UInt64 = 0
        let time = try seconds {
            for _ in 0..<rounds {
                let asked = (0..<batchBlocks).map { _ in
                    fingerprint(first + UInt64.random(in: 0..<count, using: &random))
                }
                known += batchBlocks - UInt64(try catalog.missing(of: asked).count)
            }
        }
        guard known == (first == 0 ? rounds * batchBlocks : 0) else {
            fatalError("\(known) of \(name) blocks are known")
        }
        say("\(name)_per_second", Double(rounds * batchBlocks) / time)
    }
    say("resident_bytes", residentBytes() - rest)
}

let arguments = CommandLine.arguments
guard arguments.count == 4, let count = UInt64(arguments[3]), count >= batchBlocks else {
    fatalError("usage: IndexBench fill|look VAULT BLOCKS")
}
if arguments[1] == "fill" { try fill(arguments[2], count) } else { try look(arguments[2], count) }
