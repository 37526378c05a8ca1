import Blocks
import Catalog
import Objects
import Testing

@Suite struct LedgerVerificationTests {
    let name = object("checked")
    let md5 = String(repeating: "ab", count: 16)

    private func crc(_ byte: UInt8, advisory: Bool = false) -> StatedDigest {
        StatedDigest(
            algorithm: .crc32c, value: [byte, 0, 0, 0], source: "x-amz-checksum-crc32c", isAdvisory: advisory)
    }

    /// Reports the outcome of the first steps of the version's plan.
    private func report(_ bench: LedgerBench, _ outcomes: DigestOutcome...) throws -> ObjectState? {
        let version = try #require(try bench.ledger.current(name))
        let plan = try #require(version.verificationPlan)
        let findings = zip(plan.steps, outcomes).map { CheckedDigest($0.digest, outcome: $1) }
        return try bench.ledger.record(
            VerificationResult(version: plan.version, revision: plan.revision, findings: findings))
    }

    @Test func `a version with a digest is queued once when it becomes complete`() throws {
        let bench = LedgerBench()
        let bytes = content(1, 50)
        try bench.put(name, bytes, 10, etag: md5, missing: [(3..<5, .snapped)])
        #expect(bench.ledger.takeVerificationWork(max: 10) == [])
        try bench.read(name, bytes, 20, etag: md5)
        let id = try #require(try bench.ledger.current(name)?.id)
        #expect(bench.ledger.takeVerificationWork(max: 10) == [id])
        #expect(bench.ledger.takeVerificationWork(max: 10) == [])
        #expect(try bench.ledger.pendingVerification(max: 10) == [id])
        #expect(try bench.ledger.pendingVerification(after: id, max: 10) == [])
    }

    @Test func `a digest that matches verifies`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 50), 10, etag: md5)
        #expect(try report(bench, .matched) == .verified)
        #expect(try bench.ledger.current(name)?.verificationPlan == nil)
        #expect(try bench.ledger.pendingVerification(max: 10) == [])
        // The replay keeps it verified.
        try bench.put(name, content(1, 50), 10, etag: md5)
        #expect(try bench.ledger.current(name)?.state == .verified)
    }

    /// A bench whose hasher computes the MD5 that the tests state.
    private func hashingBench() -> LedgerBench {
        let bench = LedgerBench()
        bench.md5 = MD5Value([UInt8](repeating: 0xab, count: 16))
        return bench
    }

    @Test(arguments: [12, 16, 50, 16 * 600])
    func `an object whose MD5 was computed as it came is verified at once`(size: Int) throws {
        let bench = hashingBench()
        #expect(try bench.put(name, content(1, size), 10, etag: md5)?.state == .verified)
        #expect(bench.ledger.takeVerificationWork(max: 10) == [])
        #expect(bench.ledger.counters.checkedOnArrival == 1)
        try bench.read(object("read"), content(2, size), 10, etag: md5)
        #expect(try bench.ledger.current(object("read"))?.state == .verified)
        // The replay changes nothing.
        try bench.put(name, content(1, size), 10, etag: md5)
        #expect(try bench.ledger.current(name)?.state == .verified)
        #expect(bench.ledger.counters.checkedOnArrival == 2)
    }

    @Test func `an MD5 that was computed on arrival and differs is left to the verifier`() throws {
        let bench = hashingBench()
        let version = try bench.put(name, content(1, 50), 10, etag: String(repeating: "cd", count: 16))
        #expect(version?.state == .complete)
        #expect(bench.ledger.takeVerificationWork(max: 10) == [version?.id])
        #expect(bench.ledger.counters.checkedOnArrival == 0)
    }

    @Test func `an MD5 of a transfer says nothing of an object that is not exactly its bytes`() throws {
        let bench = hashingBench()
        // A gap; the range that heals it has an MD5 of its own bytes only.
        let partial = try bench.put(object("gap"), content(1, 50), 10, etag: md5, missing: [(16..<32, .snapped)])
        #expect(partial?.state == .partial)
        try bench.read(object("gap"), content(1, 50), 20, range: 16..<32, etag: md5)
        #expect(try bench.ledger.current(object("gap"))?.state == .complete)
        // Two ranges, one from the beginning.
        try bench.read(object("ranges"), content(1, 50), 10, range: 0..<16, etag: md5)
        try bench.read(object("ranges"), content(1, 50), 20, range: 16..<50, etag: md5)
        #expect(try bench.ledger.current(object("ranges"))?.state == .complete)
        // The whole again over one range that was held.
        try bench.read(object("joined"), content(1, 50), 10, range: 16..<32, etag: md5)
        try bench.read(object("joined"), content(1, 50), 20, etag: md5)
        #expect(try bench.ledger.current(object("joined"))?.state == .complete)
        // More bytes came than the object has, or fewer.
        #expect(try bench.put(object("long"), content(1, 50), 10, etag: md5, size: 48)?.state != .verified)
        #expect(try bench.put(object("short"), content(1, 50), 10, etag: md5, size: 51)?.state == .partial)
        #expect(try bench.put(object("unknown"), content(1, 50), 10, etag: md5, size: .some(nil))?.state == .partial)
        #expect(bench.ledger.counters.checkedOnArrival == 0)
    }

    @Test func `a digest of other bytes than the transfer left in the ledger proves nothing`() throws {
        // Digests of a byte less and of one more; blocks that lie over one another.
        let cases: [(extents: [(UInt64, UInt32)], size: UInt64, digested: UInt64)] = [
            ([(0, 16), (16, 16)], 32, 31), ([(0, 16), (16, 16)], 32, 33), ([(0, 16), (8, 16)], 24, 24),
        ]
        for (extents, size, digested) in cases {
            let bench = hashingBench()
            let id = TransferID(1_000)
            bench.ledger.open(id, TransferPlan())
            for (offset, length) in extents {
                let block = bench.store(content(1, Int(length)))
                bench.ledger.add(Extent(offset: offset, length: length, fingerprint: block), to: id)
            }
            let value = try #require(bench.md5)
            bench.ledger.close(
                id, TransferEnd(length: size), digest: TransferDigest(md5: value, byteCount: digested))
            try bench.ledger.apply(
                .stored(StoredEvent(name: name, transfer: id, size: size, etag: md5, seen: at(10))))
            #expect(try bench.ledger.current(name)?.state == .complete)
            #expect(bench.ledger.counters.checkedOnArrival == 0)
        }
    }

    @Test func `bytes that take the place of wrong ones are verified by their own MD5`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 50), 10, etag: md5)
        #expect(try report(bench, .mismatched) == .mismatch)
        let revision = try bench.ledger.current(name)?.revision
        bench.md5 = MD5Value([UInt8](repeating: 0xab, count: 16))
        // Another version of the same name was stored in between, and is not the one that is proven.
        try bench.put(name, content(3, 50), 15, etag: String(repeating: "cd", count: 16))
        #expect(try bench.ledger.current(name)?.state == .complete)
        bench.md5 = MD5Value([UInt8](repeating: 0xab, count: 16))
        try bench.put(name, content(2, 50), 10, etag: md5)
        var states: [UInt64: ObjectState] = [:]
        try bench.ledger.visitVersions(of: name) { version in
            states[version.time] = version.state
            if version.time == seconds(10) { #expect(version.revision == (revision ?? 0) + 1) }
            return .next
        }
        #expect(states == [seconds(10): .verified, seconds(15): .complete])
    }

    @Test func `the MD5 of a read says nothing of bytes that were held before`() throws {
        let bench = hashingBench()
        bench.md5 = nil
        try bench.put(name, content(1, 12), 10, etag: md5, missing: [(9..<12, .snapped)])
        bench.md5 = MD5Value([UInt8](repeating: 0xab, count: 16))
        try bench.read(name, content(1, 12), 20, etag: md5)
        #expect(try bench.ledger.current(name)?.state == .complete)
    }

    @Test func `a digest of the upload that differs is a mismatch, never good`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 50), 10, digests: [crc(1)])
        #expect(try report(bench, .mismatched) == .mismatch)
        #expect(try bench.ledger.current(name)?.state.isGood == false)
    }

    @Test func `an ETag that differs is a mismatch when nothing explains it`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 50), 10, etag: md5)
        #expect(try report(bench, .mismatched) == .mismatch)
    }

    @Test func `an ETag that differs says nothing when another digest matched`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 50), 10, etag: md5, digests: [crc(1)])
        #expect(try report(bench, .matched, .mismatched) == .verified)
    }

    @Test func `while another digest is left an ETag that differs decides nothing`() throws {
        let bench = LedgerBench()
        let sha = StatedDigest(algorithm: .sha256, value: [UInt8](repeating: 1, count: 32), source: "x")
        try bench.put(name, content(1, 50), 10, etag: md5, digests: [sha])
        #expect(try report(bench, .mismatched) == .complete)
        #expect(try bench.ledger.current(name)?.verificationPlan?.steps.map(\.digest) == [sha])
        #expect(try report(bench, .matched) == .verified)
    }

    @Test func `the ETag of an object encrypted with a managed key is not checked`() throws {
        let bench = LedgerBench()
        var metadata = ObjectMetadata()
        metadata.headers["x-amz-server-side-encryption"] = "aws:kms"
        let version = try bench.put(name, content(1, 50), 10, etag: md5, metadata: metadata)
        #expect(version?.state == .complete)
        #expect(version?.verificationPlan == nil)
        let hashing = hashingBench()
        #expect(try hashing.put(name, content(1, 50), 10, etag: md5, metadata: metadata)?.state == .complete)
    }

    @Test func `the cheapest sufficient digest comes first`() throws {
        let bench = LedgerBench()
        let sha = StatedDigest(algorithm: .sha256, value: [UInt8](repeating: 1, count: 32), source: "x")
        let plan = try #require(
            try bench.put(name, content(1, 50), 10, etag: md5, digests: [sha, crc(1)])?.verificationPlan)
        #expect(plan.steps.map(\.digest.algorithm) == [.crc32c, .md5, .sha256])
        #expect(plan.size == 50)
    }

    @Test func `a digest of a wrong length is not planned`() throws {
        let bench = LedgerBench()
        let broken = StatedDigest(algorithm: .crc32c, value: [1], source: "x")
        #expect(try bench.put(name, content(1, 50), 10, digests: [broken])?.verificationPlan == nil)
    }

    @Test func `a multipart ETag is planned with the part sizes that were seen`() throws {
        let bench = LedgerBench()
        try bench.part(name, "u1", 1, content(1, 40), 1)
        try bench.part(name, "u1", 2, content(2, 30), 2)
        try bench.complete(name, "u1", [1, 2], 3, etag: md5 + "-2")
        let plan = try #require(try bench.ledger.current(name)?.verificationPlan)
        #expect(plan.steps.map(\.layout) == [.parts([40, 30])])
    }

    @Test func `a multipart ETag of an object that was only read is tried with likely part sizes`() throws {
        let bench = LedgerBench(blockSize: 1 << 20)
        let size = 20 << 20
        try bench.read(name, [UInt8](repeating: 7, count: size), 10, etag: md5 + "-3")
        let plan = try #require(try bench.ledger.current(name)?.verificationPlan)
        guard case .candidates(let sizes) = try #require(plan.steps.first).layout else {
            Issue.record("not a guess")
            return
        }
        #expect(sizes.first == 8 << 20)
        #expect(sizes.contains(7 << 20))
        #expect(sizes.allSatisfy { (UInt64(size) + $0 - 1) / $0 == 3 })
        #expect(Set(sizes).count == sizes.count)
        // Without a match nothing is proven.
        #expect(try report(bench, .inconclusive) == .complete)
        #expect(try bench.ledger.current(name)?.verificationPlan == nil)
    }

    @Test func `a part size that proved right is kept`() throws {
        let bench = LedgerBench(blockSize: 1 << 20)
        try bench.read(name, [UInt8](repeating: 7, count: 20 << 20), 10, etag: md5 + "-3")
        let plan = try #require(try bench.ledger.current(name)?.verificationPlan)
        let state = try bench.ledger.record(
            VerificationResult(
                version: plan.version, revision: plan.revision,
                findings: [CheckedDigest(plan.steps[0].digest, outcome: .matched)], partSize: 8 << 20))
        #expect(state == .verified)
        #expect(try bench.ledger.current(name)?.partSizes == [8 << 20, 8 << 20, 4 << 20])
    }

    @Test func `a whole read replaces bytes that are proven wrong, and old results are void`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 16 * 30), 10, etag: md5)
        let plan = try #require(try bench.ledger.current(name)?.verificationPlan)
        #expect(try report(bench, .mismatched) == .mismatch)
        try bench.read(name, content(2, 16 * 30), 20, range: 0..<100, etag: md5)
        #expect(try bench.ledger.current(name)?.state == .mismatch)
        try bench.read(name, content(2, 16 * 30), 20, etag: md5)
        let version = try #require(try bench.ledger.current(name))
        #expect(version.state == .complete)
        #expect(try bench.bytes(of: version) == content(2, 16 * 30))
        let late = VerificationResult(
            version: plan.version, revision: plan.revision,
            findings: [CheckedDigest(plan.steps[0].digest, outcome: .mismatched)])
        #expect(try bench.ledger.record(late) == nil)
        #expect(try report(bench, .matched) == .verified)
    }

    @Test func `a digest learned later is checked, also against an ETag that condemned the bytes`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 50), 10, etag: md5)
        #expect(try report(bench, .mismatched) == .mismatch)
        try bench.ledger.apply(
            .described(DescribedEvent(name: name, size: 50, etag: md5, digests: [crc(1)], seen: at(20))))
        #expect(try bench.ledger.current(name)?.state == .complete)
        #expect(try report(bench, .matched) == .verified)
    }

    @Test func `a digest stated twice is kept once in its stricter form`() throws {
        let bench = LedgerBench()
        let value = [UInt8](repeating: 0xab, count: 16)
        let strict = StatedDigest(algorithm: .md5, value: value, source: "content-md5")
        let version = try #require(try bench.put(name, content(1, 50), 10, etag: md5, digests: [strict]))
        #expect(version.digests == [CheckedDigest(strict)])
    }

    @Test func `only S3 defines its ETag as a digest`() throws {
        let bench = LedgerBench()
        let page = ObjectName(cloud: .http, endpoint: "www", bucket: "www", key: ObjectKey("p"))
        #expect(try bench.put(page, content(1, 50), 10, etag: md5)?.digests == [])
    }
}

@Suite struct ETagTests {
    @Test(arguments: [
        "", "abc", String(repeating: "g", count: 32), String(repeating: "a", count: 31),
        String(repeating: "a", count: 33), String(repeating: "a", count: 32) + "-",
        String(repeating: "a", count: 32) + "-0", String(repeating: "a", count: 32) + "-10001",
        String(repeating: "a", count: 32) + "-1x", String(repeating: "a", count: 32) + "x12",
        String(repeating: "a", count: 32) + "-999999",
    ])
    func `text of another form is no digest`(etag: String) throws {
        let bench = LedgerBench()
        #expect(try bench.put(object("a"), content(1, 9), 1, etag: etag)?.digests == [])
    }

    @Test func `an ETag in either case of letters is the MD5 of the bytes or of the parts`() throws {
        let bench = LedgerBench()
        let value = [UInt8](repeating: 0xaf, count: 16)
        for (etag, scope) in [("aF", DigestScope.whole), ("Af", .composite(parts: 10_000))] {
            let text = String(repeating: etag, count: 16) + (scope == .whole ? "" : "-10000")
            let digest = try #require(try bench.put(object(text), content(1, 9), 1, etag: text)?.digests.first).digest
            #expect(digest.value == value)
            #expect(digest.scope == scope)
            #expect(digest.isAdvisory)
        }
    }
}
