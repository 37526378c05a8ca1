import Objects
import TestSupport
import Testing

@testable import Blocks

/// Blocks of these lengths with random bytes, rubbish behind them.
private func blocks(
    of lengths: [Int], in pool: BlockPool, _ generator: inout SeededGenerator
) -> [BlockDescriptor] {
    lengths.map { length in
        let buffer = pool.acquireWaiting()
        pool.copy(generator.bytes(pool.blockSize.bytes).span.bytes, into: buffer, at: 0)
        return BlockDescriptor(transfer: TransferID(1), offset: 0, length: UInt32(length), buffer: buffer)
    }
}

@Suite struct BlockHasherTests {
    @Test(arguments: HashKernel.supported)
    func `every kernel agrees with OpenSSL on every length from 0 to 4096`(kernel: HashKernel) throws {
        let pool = try BlockPool(blockSize: BlockSize(bytes: 4096), budgetBytes: 4100 * 4096)
        var generator = SeededGenerator(seed: 11)
        var batch = blocks(of: Array(0...4096), in: pool, &generator)
        var expected = batch
        try OpenSSLBlockHasher().hash(&expected, in: pool)
        try BlockHasher(kernel).hash(&batch, in: pool)
        for index in batch.indices where batch[index].fingerprint != expected[index].fingerprint {
            Issue.record("\(kernel) differs at a length of \(batch[index].length)")
        }
    }

    @Test(arguments: HashKernel.supported)
    func `every kernel agrees with OpenSSL on batches of any size and mixture`(kernel: HashKernel) throws {
        let pool = try BlockPool(blockSize: BlockSize(bytes: 4096), budgetBytes: 64 * 4096)
        var generator = SeededGenerator(seed: 12)
        for count in [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40] {
            let uneven = (0..<count).map { _ in Int(generator.next() % 4097) }
            for lengths in [uneven, Array(repeating: 4096, count: count), Array(repeating: 64, count: count)] {
                var batch = blocks(of: lengths, in: pool, &generator)
                var expected = batch
                try OpenSSLBlockHasher().hash(&expected, in: pool)
                try BlockHasher(kernel).hash(&batch, in: pool)
                #expect(batch.map(\.fingerprint) == expected.map(\.fingerprint), "\(kernel), \(lengths)")
                pool.release(batch)
            }
        }
    }

    @Test(arguments: HashKernel.supported)
    func `blocks that lie one behind the other get the same fingerprints`(kernel: HashKernel) throws {
        var generator = SeededGenerator(seed: 14)
        let hasher = try BlockHasher(kernel)
        for lengths in [[], [5], [4096, 4096, 77], (0..<40).map { _ in Int(generator.next() % 5000) }] {
            let bytes = generator.bytes(lengths.reduce(0, +) + 9)
            var start = 0
            let expected = try lengths.map { length in
                defer { start += length }
                return try OpenSSLBlockHasher().fingerprint(of: bytes.span.bytes.extracting(start..<start + length))
            }
            #expect(try hasher.fingerprints(of: bytes.span.bytes, lengths: lengths) == expected)
        }
    }

    @Test func `messages advanced together, in any pieces, have the digests of OpenSSL`() throws {
        var generator = SeededGenerator(seed: 15)
        var messages = (0..<20).map { _ in generator.bytes(Int(generator.next() % 9000)) }
        messages[3] = []
        var digests = messages.map { _ in PairedDigest() }
        var positions = messages.map { _ in 0 }
        var open = Set(messages.indices)
        while !open.isEmpty {
            // Some of them, in another company each time.
            let chosen = open.filter { _ in generator.next() % 3 > 0 }.prefix(PairedDigest.stepsMax)
            var steps: [PairedDigest.Step] = []
            for index in chosen {
                let end = min(messages[index].count, positions[index] + Int(generator.next() % 700))
                let isLast = end == messages[index].count
                // The messages stay where they are: nobody changes them.
                messages[index].withUnsafeBytes { bytes in
                    steps.append(
                        .init(
                            digests[index], UnsafeRawBufferPointer(rebasing: bytes[positions[index]..<end]),
                            isLast: isLast))
                }
                positions[index] = end
                if isLast { open.remove(index) }
            }
            try PairedDigest.advance(&steps)
            for (index, step) in zip(chosen, steps) { digests[index] = step.digest }
        }
        for (message, digest) in zip(messages, digests) {
            var md5 = try StreamDigest(.md5)
            var sha256 = try StreamDigest(.sha256)
            md5.update(message.span.bytes)
            sha256.update(message.span.bytes)
            let expected = (md5.finalize(), sha256.finalize())
            #expect(digest.md5Value == expected.0 && digest.sha256Value == expected.1)
        }
    }

    @Test func `the plan of this machine is a kernel it can run, and the fastest it measured`() throws {
        let plan = HashPlan(choosingFrom: HashKernel.supported)
        #expect(plan.rates.map(\.kernel) == HashKernel.supported)
        #expect(plan.rates.allSatisfy { $0.sha256 > 0 && $0.md5 > 0 })
        #expect(plan.rates.first { $0.kernel == plan.sha256 }?.sha256 == plan.rates.map(\.sha256).max())
        #expect(plan.rates.first { $0.kernel == plan.md5 }?.md5 == plan.rates.map(\.md5).max())
        #expect((1...16).contains(plan.sha256LanesMin) && (1...16).contains(plan.md5LanesMin))
    }

    @Test func `a kernel that is none is refused by name`() {
        let error = BlocksError.hashKernel(name: "quantum", supported: ["avx2", "openssl"])
        #expect("\(error)".contains("OXBOW_HASH_KERNEL=quantum"))
        #expect("\(error)".contains("avx2, openssl"))
    }
}

@Suite struct DigestLanesTests {
    @Test(arguments: HashKernel.supported)
    func `messages in pieces of any length give their digests`(kernel: HashKernel) throws {
        var generator = SeededGenerator(seed: 13)
        for (algorithm, reference) in [(DigestLanes.Algorithm.md5, DigestAlgorithm.md5), (.sha256, .sha256)] {
            for lanesMin in [1, 5, 17] {
                let messages = (0..<23).map { _ in generator.bytes(Int(generator.next() % 1500)) }
                var lanes = DigestLanes(
                    count: messages.count, algorithm: algorithm, kernel: kernel, lanesMin: lanesMin)
                var taken = Array(repeating: 0, count: messages.count)
                while taken.contains(where: { $0 >= 0 }) {
                    for (index, message) in messages.enumerated() where taken[index] >= 0 {
                        let end = min(message.count, taken[index] + Int(generator.next() % 200))
                        let isLast = end == message.count
                        // The arrays stand still until `run`.
                        message.withUnsafeBytes {
                            lanes.add(.init(rebasing: $0[taken[index]..<end]), to: index, isLast: isLast)
                        }
                        taken[index] = isLast ? -1 : end
                    }
                    lanes.run()
                }
                for (index, message) in messages.enumerated() {
                    var digest = try StreamDigest(reference)
                    digest.update(message.span.bytes)
                    let expected = digest.finalize()
                    let value = lanes.value(of: index)
                    #expect(expected.indices.map { value[$0] } == expected, "\(kernel), message \(index)")
                }
            }
        }
    }
    @Test(arguments: HashKernel.supported)
    func `several pieces of a message in one run give its digest`(kernel: HashKernel) throws {
        var generator = SeededGenerator(seed: 16)
        for (algorithm, reference) in [(DigestLanes.Algorithm.md5, DigestAlgorithm.md5), (.sha256, .sha256)] {
            for lanesMin in [1, 5, 17] {
                for count in [1, 2, 15, 16, 17, 40] {
                    let messages = (0..<count).map { _ in generator.bytes(Int(generator.next() % 3000)) }
                    var lanes = DigestLanes(
                        count: count, pieces: 20 * count, algorithm: algorithm, kernel: kernel, lanesMin: lanesMin)
                    // The arrays stand still until `run`.
                    for (index, message) in messages.enumerated() {
                        var cuts = (0..<generator.next() % 19).map { _ in Int(generator.next() & 0xFFF) }
                        cuts = (cuts.map { min($0 & ~63, message.count) } + cuts.map { min($0, message.count) })
                            .sorted()
                        cuts = [0] + cuts.prefix(18) + [message.count]
                        for (start, end) in zip(cuts, cuts.dropFirst()) {
                            message.withUnsafeBytes {
                                lanes.add(.init(rebasing: $0[start..<end]), to: index, isLast: false)
                            }
                        }
                    }
                    lanes.run()
                    for index in messages.indices {
                        lanes.add(UnsafeRawBufferPointer(start: nil, count: 0), to: index, isLast: true)
                    }
                    lanes.run()
                    for (index, message) in messages.enumerated() {
                        var digest = try StreamDigest(reference)
                        digest.update(message.span.bytes)
                        let expected = digest.finalize()
                        let value = lanes.value(of: index)
                        #expect(
                            expected.indices.map { value[$0] } == expected, "\(kernel), message \(index) of \(count)")
                    }
                }
            }
        }
    }
}
