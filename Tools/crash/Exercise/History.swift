import Blocks
import Catalog
import Foundation
import Objects
import Vaults

/// What is done to a vault, one step after the other: the same for the same seed, so that who looks at the vault after a
/// crash knows every state that it may be in.
struct History {
    enum Step {
        case put(name: Int, content: Int, length: Int)
        case delete(name: Int)
    }

    let seed: UInt64

    static let blockBytes = 4096
    static let names = 12

    /// A number that depends on the seed, the step and what it is for.
    private func draw(_ step: Int, _ purpose: UInt64, below bound: Int) -> Int {
        var state =
            seed &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(step) &* 0xbf58_476d_1ce4_e5b9 ^ purpose &* 0x94d0_49bb_1331_11eb
        state ^= state >> 31
        state = state &* 0xd6e8_feb8_6659_fd93
        state ^= state >> 32
        return Int(state % UInt64(bound))
    }

    func step(_ index: Int) -> Step {
        let name = draw(index, 1, below: Self.names)
        if draw(index, 2, below: 5) == 0 { return .delete(name: name) }
        let lengths = [1, 300, 4096, 9000, 20_000, 50_000]
        // Some contents come again and again, under any name.
        let content = draw(index, 3, below: 3) == 0 ? draw(index, 4, below: 7) : 100 + index
        return .put(name: name, content: content, length: lengths[draw(index, 5, below: lengths.count)])
    }

    /// Whether everything is made durable before this step.
    func commits(before index: Int) -> Bool { draw(index, 6, below: 3) == 0 }
    /// Whether a collection runs before this step.
    func collects(before index: Int) -> Bool { draw(index, 7, below: 25) == 0 }
    /// Whether the vault is closed and opened again before this step.
    func reopens(before index: Int) -> Bool { draw(index, 8, below: 30) == 0 }

    /// The step that made what each name has after the first `count` steps; nil where it has nothing.
    func state(after count: Int) -> [Int?] {
        var state = [Int?](repeating: nil, count: Self.names)
        for index in 0..<count { apply(index, to: &state) }
        return state
    }

    func apply(_ index: Int, to state: inout [Int?]) {
        switch step(index) {
        case .put(let name, _, _): state[name] = index
        case .delete(let name): state[name] = nil
        }
    }

    /// The bytes that a step uploads.
    func bytes(_ index: Int) -> [UInt8] {
        guard case .put(_, let content, let length) = step(index) else { return [] }
        var state = (UInt64(content) &+ seed &* 1_000_003) &* 0x9e37_79b9_7f4a_7c15 | 1
        return (0..<length).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            // Four bits of every byte: half of it can be compressed away.
            return UInt8(truncatingIfNeeded: state >> 32) & 0x0f
        }
    }

    static func name(_ number: Int) -> ObjectName {
        ObjectName(cloud: .s3, endpoint: "s3.example.com", bucket: "bucket", key: ObjectKey("canary-name-\(number)"))
    }

    static func etag(_ index: Int) -> String { "step-\(index)" }

    private static func seen(_ index: Int) -> Observation {
        let time = UInt64(1_700_000_000 + index) * 1_000_000_000
        return Observation(time: time, firstTime: time, packet: UInt64(index + 1), flow: "10.0.0.1:40000 > 10.0.0.2:80")
    }

    /// The batch that the pipeline would make of a step's traffic.
    func perform(_ index: Int, on writer: inout VaultWriter) throws {
        var batch = IngestBatch()
        guard case .put(let name, _, _) = step(index) else {
            if case .delete(let name) = step(index) {
                let event = DeletedEvent(name: Self.name(name), seen: Self.seen(index))
                batch.steps.append(.init(blocksBefore: 0, step: .event(.deleted(event))))
            }
            return try writer.append(batch)
        }
        let bytes = bytes(index)
        let transfer = TransferID(UInt64(index + 1))
        let pool = writer.pool
        defer { pool.release(batch.blocks) }
        batch.steps.append(
            .init(blocksBefore: 0, step: .open(transfer, TransferPlan(expectedLength: UInt64(bytes.count)))))
        for start in stride(from: 0, to: bytes.count, by: Self.blockBytes) {
            let end = min(bytes.count, start + Self.blockBytes)
            guard let buffer = pool.acquire() else { throw Failure("no buffer is free") }
            pool.copy(bytes[start..<end].span.bytes, into: buffer, at: 0)
            batch.blocks.append(
                BlockDescriptor(
                    transfer: transfer, offset: UInt64(start), length: UInt32(end - start), buffer: buffer))
        }
        try OpenSSLBlockHasher().hash(&batch.blocks, in: pool)
        let stored = StoredEvent(
            name: Self.name(name), transfer: transfer, size: UInt64(bytes.count), etag: Self.etag(index),
            seen: Self.seen(index))
        for step in [.close(transfer, TransferEnd(length: UInt64(bytes.count))), IngestStep.event(.stored(stored))] {
            batch.steps.append(.init(blocksBefore: batch.blocks.count, step: step))
        }
        try writer.append(batch)
    }
}

/// Something that must not be, in words.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
