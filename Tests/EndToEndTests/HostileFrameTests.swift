import Capture
import Foundation
import Packets
import TestSupport
import Testing

/// 100,000 frames that no honest network sends, through the whole program: every capture and every encapsulation that the
/// project has, changed by a seed, and random bytes between them. Frames that stay as they were keep the conversations
/// going, so that the changed ones meet every state.
@Suite(.enabled(if: DerivedCaptures.script != nil, "python3 is needed to derive the captures"))
struct `100,000 random and changed frames` {
    private static let count = 100_000

    @Test func `are replayed without a crash, every one accounted for, and the vault is sound`() throws {
        let folder = try TemporaryFolder()
        let hostile = try HostileFrames(seed: 20_261_121, in: folder, count: Self.count)
        #expect(hostile.linkTypes.count >= 6, "\(hostile.linkTypes)")
        var listings: [String] = []
        for workers in [1, 3] {
            let vault = folder / "vault\(workers)"
            let outcome = try OxbowProgram.run(
                ["replay", "--vault", vault, "--dialect", "all", "--json", "--workers", "\(workers)"]
                    + CaptureCase.all.compactMap(\.keyLog).flatMap { ["--keys", $0] } + hostile.files)
            #expect(outcome.status == 0, "\(outcome.status): \(outcome.errors.suffix(2000))")
            let report = try #require(try outcome.objects().last)
            #expect(report["packets"] as? Int == Self.count)
            let faults = (report["frameFaults"] as? [String: Int]) ?? [:]
            let flows = (report["flows"] as? [String: Int]) ?? [:]
            let decapsulation = (report["decapsulation"] as? [String: Int]) ?? [:]
            if workers == 1 {
                print(
                    "of \(Self.count) frames \(hostile.changed) changed and \(hostile.random) random, of \(hostile.linkTypes.count) link types: \(flows["segments"] ?? 0) TCP segments, \(faults.values.reduce(0, +)) faults of \(faults.count) kinds"
                )
            }
            // Of fragments that were put together, all but the last were held; all else is a segment or has a reason.
            let segments = flows["segments", default: 0]
            let held =
                decapsulation["reassembledFragments", default: 0] - decapsulation["reassembledDatagrams", default: 0]
            #expect(segments + faults.values.reduce(0, +) + held == Self.count, "\(decapsulation), \(faults)")
            #expect(segments > Self.count / 4 && faults.count > 10, "\(faults)")
            // No damage: whatever is called whole has the bytes that it says.
            listings.append(try OxbowProgram.succeed(["verify", "--vault", vault, "--json", "--versions"]).text)
        }
        #expect(listings[0] == listings[1], "the result depends on the number of workers")
        #expect(listings[0].split(separator: "\n").count > 5)
    }
}

/// Makes the frames, in a file for each link type.
private struct HostileFrames {
    private(set) var files: [String] = []
    private(set) var linkTypes: Set<UInt16> = []
    private(set) var changed = 0
    private(set) var random = 0

    private struct Frame {
        var linkType: UInt16
        var time: UInt64
        var wireLength: UInt32
        var bytes: [UInt8]
    }

    /// Keeps the frames of a capture.
    private struct Collector: FrameSink {
        var frames: [Frame] = []

        mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) {
            // What an offload made large says nothing more than its beginning, and only makes the files big.
            let count = min(bytes.byteCount, 800)
            frames.append(
                Frame(
                    linkType: frame.linkType.rawValue, time: frame.time, wireLength: frame.wireLength,
                    bytes: (0..<count).map { bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }))
        }
    }

    init(seed: Int, in folder: TemporaryFolder, count: Int) throws {
        var generator = SeededGenerator(seed: seed)
        let derived = try DerivedCaptures.names.map { try DerivedCaptures.make($0, in: folder) }
        let seeds = try (CaptureCase.all.map(\.path) + derived).map { path in
            var stream = try CaptureStream(paths: [path])
            var collector = Collector()
            while stream.run(into: &collector, atMost: 4096) {}
            return collector.frames
        }
        var output: [UInt16: Data] = [:]
        var made = 0
        while made < count {
            for frames in seeds {
                for index in frames.indices where made < count {
                    var frame = frames[index]
                    switch generator.next() % 16 {
                    case 0...6: break
                    case 7:
                        frame.bytes = generator.bytes(Int(generator.next() % 1600))
                        // Some of a link type that nobody knows.
                        if generator.next() % 32 == 0 { frame.linkType = 147 }
                        frame.wireLength = UInt32(frame.bytes.count)
                        random += 1
                    default:
                        let other = frames[Int(generator.next() % UInt64(frames.count))]
                        for _ in 0...generator.next() % 3 { Self.change(&frame, other, &generator) }
                        changed += 1
                    }
                    Self.append(frame, to: &output)
                    made += 1
                }
            }
        }
        for (linkType, records) in output.sorted(by: { $0.key < $1.key }) {
            let file = folder / "hostile-\(linkType).pcap"
            try (Self.header(linkType) + records).write(to: URL(fileURLWithPath: file))
            files.append(file)
            linkTypes.insert(linkType)
        }
    }

    /// One change, mostly in the headers.
    private static func change(_ frame: inout Frame, _ other: Frame, _ generator: inout SeededGenerator) {
        guard !frame.bytes.isEmpty else { return }
        let near = Int(generator.next() % UInt64(min(frame.bytes.count, 120)))
        switch generator.next() % 9 {
        case 0: frame.bytes[near] ^= 1 << UInt8(generator.next() % 8)
        case 1: frame.bytes[near] = UInt8(truncatingIfNeeded: generator.next())
        // Lengths and offsets of two bytes, at their ends.
        case 2:
            let value: [UInt8] = [[0, 0], [0xff, 0xff], [0, 1], [0x7f, 0xff]][Int(generator.next() % 4)]
            for (offset, byte) in value.enumerated() where near + offset < frame.bytes.count {
                frame.bytes[near + offset] = byte
            }
        case 3: frame.bytes.removeLast(frame.bytes.count - near)
        case 4: frame.bytes += generator.bytes(Int(generator.next() % 64))
        // The head of one and the rest of another.
        case 5: frame.bytes = Array(frame.bytes.prefix(near) + other.bytes.dropFirst(near))
        case 6: frame.bytes.insert(contentsOf: frame.bytes.prefix(near), at: near)
        case 7: frame.wireLength = UInt32(truncatingIfNeeded: generator.next() % 70_000)
        default:
            let far = Int(generator.next() % UInt64(frame.bytes.count))
            frame.bytes[far] = UInt8(truncatingIfNeeded: generator.next())
        }
    }

    /// The header of a pcap file of nanoseconds (draft-ietf-opsawg-pcap, section 4).
    private static func header(_ linkType: UInt16) -> Data {
        words([0xa1b2_3c4d, 2 | 4 << 16, 0, 0, 262_144, UInt32(linkType)])
    }

    private static func append(_ frame: Frame, to output: inout [UInt16: Data]) {
        let count = UInt32(frame.bytes.count)
        let record = words([
            UInt32(truncatingIfNeeded: frame.time / 1_000_000_000), UInt32(frame.time % 1_000_000_000), count,
            max(count, frame.wireLength),
        ])
        output[frame.linkType, default: Data()] += record + frame.bytes
    }

    private static func words(_ words: [UInt32]) -> Data {
        Data(words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } })
    }
}
