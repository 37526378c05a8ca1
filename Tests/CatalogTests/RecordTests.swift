import Blocks
import Objects
import TestSupport
import Testing

@testable import Catalog

@Suite struct RecordTests {
    private let seen = Observation(time: 500, firstTime: 400, packet: 7, flow: "a > b")

    private func fingerprint(_ random: inout SeededGenerator) -> Fingerprint {
        Fingerprint(random.next(), random.next(), random.next(), random.next())
    }

    private func metadata(_ random: inout SeededGenerator) -> ObjectMetadata {
        var metadata = ObjectMetadata()
        metadata.headers["content-type"] = "text/plain; \(random.next())"
        metadata.user = ["a": "1", "ключ": "", "b": "ü"]
        metadata.tags = ["t": "x"]
        metadata.acl = "private"
        metadata.storageClass = "STANDARD"
        metadata.lastModified = -5
        return metadata
    }

    private func holdings(_ random: inout SeededGenerator) -> Holdings {
        var holdings = Holdings()
        var position: UInt64 = 0
        for _ in 0..<Int.random(in: 0...9, using: &random) {
            position += UInt64.random(in: 0...1 << 40, using: &random)
            let extent = Extent(
                offset: position, length: .random(in: 1...UInt32.max, using: &random), fingerprint: fingerprint(&random)
            )
            holdings.inlineExtents.append(extent)
            holdings.covered.insert(extent.offset..<extent.end)
        }
        for cause in GapCause.allCases {
            let start = UInt64.random(in: 0...1000, using: &random)
            holdings.reported.report(start..<start + 10, cause)
        }
        holdings.reported.report(5000..<UInt64.max, .limit)
        holdings.slices = [BlockSlice(offset: 7, length: 3, skip: 2, fingerprint: fingerprint(&random))]
        holdings.pageSpan = random.next()
        holdings.extentCount = random.next()
        return holdings
    }

    private func version(_ seed: Int) -> VersionRecord {
        var random = SeededGenerator(seed: seed)
        let id = VersionID(name: object("k\(seed)"), time: random.next(), tag: .etag("e"))
        var version = VersionRecord(id: id, kind: seed % 5 == 0 ? .tombstone : .object, origin: .copy, seen: seen)
        version.state = ObjectState.allCases[seed % 4]
        version.size = seed % 3 == 0 ? nil : seed % 3 == 1 ? 0 : .max
        version.etag = seed % 2 == 0 ? "" : "etag"
        version.versionID = seed % 2 == 0 ? nil : "v"
        version.metadata = metadata(&random)
        version.digests = DigestAlgorithm.allCases.enumerated().map { index, algorithm in
            CheckedDigest(
                StatedDigest(
                    algorithm: algorithm, value: [1, 2, 3], scope: index % 2 == 0 ? .whole : .composite(parts: index),
                    source: "s", isAdvisory: index % 3 == 0),
                outcome: DigestOutcome(rawValue: UInt8(index % 4)) ?? .untested)
        }
        version.parts = [
            .init(number: 1, etag: nil, size: nil), .init(number: 10_000, etag: "p", size: 0, isPlaced: true),
        ]
        version.floatingUploadID = "u"
        version.holdings = holdings(&random)
        version.healed = [.init(offset: 0, length: 5, cause: .snapped, time: 9)]
        version.removedAt = seed % 2 == 0 ? nil : 0
        version.owner = "tenant"
        version.offGridCells = 3
        version.revision = 2
        version.isPartListUnknown = true
        version.copySource = .init(name: object("from\0"), versionID: seed % 2 == 0 ? nil : "v")
        return version
    }

    @Test(arguments: 0..<30)
    func `a version decodes to what was encoded, and equal versions have equal bytes`(seed: Int) throws {
        let version = version(seed)
        let decoded = try VersionRecord(id: version.id, decoding: version.encoded)
        #expect(decoded == version)
        #expect(decoded.encoded == version.encoded)
    }

    @Test(arguments: 0..<30)
    func `a glance at a version sees the work that decoding it would find`(seed: Int) throws {
        var version = version(seed)
        version.kind = .object
        func expectAgreement() throws {
            let glance = try VersionGlance(bytes: version.encoded)
            #expect(glance.mayNeedRegrid == version.needsRegrid)
            #expect(glance.isCopy == (version.copySource != nil))
            let isUntested = version.digests.contains { $0.outcome == .untested }
            #expect(glance.mayNeedCheck == (version.state == .complete && isUntested))
            if version.verificationPlan != nil { #expect(glance.mayNeedCheck) }
        }
        try expectAgreement()
        version.copySource = nil
        let slices = version.holdings.slices
        version.holdings.slices = []
        try expectAgreement()
        version.offGridCells = 0
        try expectAgreement()
        version.holdings.slices = slices
        try expectAgreement()
        version.holdings.slices = []
        version.state = .complete
        try expectAgreement()
        for index in version.digests.indices { version.digests[index].outcome = .matched }
        try expectAgreement()
    }

    @Test func `the other records decode to what was encoded`() throws {
        var random = SeededGenerator(seed: 4)
        var upload = UploadRecord(name: object("k"), uploadID: "u\0ä", seen: seen)
        upload.phase = .completed
        upload.metadata = metadata(&random)
        upload.version = VersionID(name: object("k"), time: 77, tag: .versionID("v"))
        let uploadKey = CatalogKey.upload(upload.name, uploadID: upload.uploadID)
        #expect(try UploadRecord(key: uploadKey, decoding: upload.encoded) == upload)

        var part = PartRecord(upload: uploadKey, number: 9, etag: "e", size: 0, seen: seen)
        part.holdings = holdings(&random)
        part.digests = [StatedDigest(algorithm: .sha1, value: [9], source: "x")]
        #expect(try PartRecord(key: part.key, decoding: part.encoded) == part)

        var entry = HistoryRecord(.attempted, seen)
        entry.etag = "e"
        entry.versionID = ""
        entry.status = 404
        entry.detail = "d"
        entry.partNumber = 3
        entry.offset = 0
        entry.byteCount = 12
        entry.gaps = [Gap(offset: 0, length: 0, cause: .limit), Gap(offset: 9, length: nil, cause: .snapped)]
        #expect(try HistoryRecord(decoding: entry.encoded) == entry)

        var evidence = EvidenceRecord(name: object("k"), seenAt: 8)
        evidence.size = 0
        evidence.etag = "e"
        evidence.versionID = "v"
        evidence.lastModified = .min
        evidence.isAbsent = true
        #expect(try EvidenceRecord(name: object("k"), decoding: evidence.encoded) == evidence)

        var endpoint = EndpointRecord(cloud: .gcs, host: "h", seen: seen)
        endpoint.bytesRead = .max
        endpoint.bytesStored = 1
        let endpointKey = CatalogKey.endpoint(.gcs, "h")
        #expect(try EndpointRecord(key: endpointKey, decoding: endpoint.encoded) == endpoint)
    }

    @Test func `a record with fields of a later version decodes without them`() throws {
        let version = version(1)
        var bytes = version.encoded
        // Field 900: a varint; 901: bytes; 902: fixed 64; 903: fixed 32.
        bytes += [0xa0, 0x38, 0x05] + [0xaa, 0x38, 0x02, 0xff, 0xff]
        bytes += [0xb1, 0x38] + [UInt8](repeating: 1, count: 8) + [0xbd, 0x38] + [UInt8](repeating: 1, count: 4)
        #expect(try VersionRecord(id: version.id, decoding: bytes) == version)
    }

    @Test func `any truncation and any flipped byte decodes or throws`() throws {
        let version = version(7)
        let bytes = version.encoded
        func decode(_ bytes: [UInt8]) {
            let decoded = try? VersionRecord(id: version.id, decoding: bytes)
            // What decodes can be asked anything.
            _ = decoded?.gaps
            _ = decoded?.verificationPlan
            _ = decoded?.settledState
            _ = try? ManifestPage.decode(bytes)
            _ = try? UploadRecord(key: bytes, decoding: bytes)
            _ = try? PartRecord(key: bytes, decoding: bytes)
            _ = try? HistoryRecord(decoding: bytes)
            _ = try? EvidenceRecord(name: version.name, decoding: bytes)
            _ = try? EndpointRecord(key: bytes, decoding: bytes)
            _ = try? NameRecord(decoding: bytes)
            _ = try? CatalogKey.versionID(decoding: bytes)
        }
        for length in 0...bytes.count { decode(Array(bytes[..<length])) }
        for index in bytes.indices {
            for value: UInt8 in [0, 1, 0x7f, 0x80, 0xff, bytes[index] ^ 0x10] {
                var flipped = bytes
                flipped[index] = value
                decode(flipped)
            }
        }
        var random = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            decode((0..<Int.random(in: 0...60, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
    }

    @Test func `a varint longer than 64 bits is refused`() {
        var long = RecordDecoder([UInt8](repeating: 0xff, count: 10), record: "test")
        #expect(throws: CatalogError.self) { try long.packed() }
        var full = RecordDecoder([UInt8](repeating: 0xff, count: 9) + [1], record: "test")
        #expect((try? full.packed()) == .max)
    }
}

@Suite struct CatalogKeyTests {
    @Test func `keys sort as names, versions newest first, and decode`() throws {
        var random = SeededGenerator(seed: 5)
        let texts = ["", "a", "a\0", "a\0b", "ab", "b", "\u{1}", "a\u{1}"]
        var ids: [VersionID] = []
        for _ in 0..<300 {
            let name = ObjectName(
                cloud: Cloud.allCases.randomElement(using: &random) ?? .s3,
                endpoint: texts.randomElement(using: &random) ?? "", bucket: texts.randomElement(using: &random) ?? "",
                key: ObjectKey(
                    bytes: (0..<Int.random(in: 0...3, using: &random)).map { _ in
                        [0, 1, 0x61, 0xfe, 0xff].randomElement(using: &random) ?? 0
                    }))
            let tags: [VersionTag] = [.none, .tombstone, .etag("x"), .etag("x\0"), .versionID("v")]
            ids.append(
                VersionID(
                    name: name, time: [0, 1, 255, 256, .max].randomElement(using: &random) ?? 0,
                    tag: tags.randomElement(using: &random) ?? .none))
        }
        for one in ids {
            #expect(try CatalogKey.versionID(decoding: CatalogKey.version(one)) == one)
            #expect(try CatalogKey.name(decoding: CatalogKey.name(one.name)) == one.name)
            for other in ids {
                let isBefore = CatalogKey.version(one).lexicographicallyPrecedes(CatalogKey.version(other))
                if one.name != other.name {
                    #expect(isBefore == (one.name < other.name))
                    #expect(!CatalogKey.version(other).starts(with: CatalogKey.name(one.name)))
                } else if one.time != other.time {
                    #expect(isBefore == (one.time > other.time))
                }
                if one != other { #expect(!CatalogKey.version(other).starts(with: CatalogKey.version(one))) }
            }
        }
    }
}
