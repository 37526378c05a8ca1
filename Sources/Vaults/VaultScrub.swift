internal import Blocks
internal import CLinux
internal import Catalog
public import Encryption
internal import Glibc
internal import Storage

/// Reads everything that a vault has and proves it: what `oxbow scrub` does.
///
/// First the catalog: RocksDB's files by their checksums, its rows and index by what the segments say, every reference of
/// an object by the index. Then the segment files, byte by byte, each block by checksum, tag, expansion and fingerprint.
/// Nothing is written but a mark of how far it is, and no lock is taken: it sees the vault as it was committed when it began,
/// so a writer may go on beside it. What a collection removes meanwhile is no damage.
public struct VaultScrub {
    let layout: VaultLayout
    let about: VaultDescription
    let keys: VaultKeys?
    let store: FileBlockStore
    /// As it was when the scrub began; nil when it cannot be opened.
    let catalog: RocksCatalog?
    let checkpoint: CatalogCheckpoint?
    let fingerprints: VaultFingerprints
    /// Plain digests, for marks in memory.
    let digests: VaultFingerprints
    var report = ScrubReport()
    private var pace: ScrubPace
    private var room = [UInt8](repeating: 0, count: BlockSize.range.upperBound)

    /// Findings that are listed; more are counted.
    static var findingsMax: Int { 100_000 }

    /// Scrubs the vault in the folder `path`. `progress` is called with bytes of segments done and of all, and says whether
    /// to go on; an interrupted scrub goes on from where it was when it is run again.
    public static func run(
        at path: String, secret: VaultSecret? = nil, options: ScrubOptions = ScrubOptions(),
        progress: (_ done: UInt64, _ total: UInt64) -> Bool = { _, _ in true }
    ) throws(VaultError) -> ScrubReport {
        var scrub = try VaultScrub(opening: path, secret: secret, options: options)
        let mark = options.restarts ? nil : ScrubMark.read(scrub.layout)
        try scrub.examineCatalog()
        if let mark { scrub.take(mark) }
        try scrub.examineSegments(after: mark?.segment ?? 0, progress)
        try scrub.judge()
        // Harm is named for what the index leads to only: other copies need not be forgotten.
        let harmful = scrub.report.findings.filter { $0.part == .block || $0.part == .indexEntry }
        DamagedBlocks(fingerprints: harmful.filter { !$0.objects.isEmpty }.compactMap(\.fingerprint)).leave(
            scrub.layout)
        return scrub.report
    }

    private init(opening path: String, secret: VaultSecret?, options: ScrubOptions) throws(VaultError) {
        layout = VaultLayout(root: path)
        about = try VaultDescription(reading: layout)
        keys = try VaultKeyring.unlock(layout, about, secret)
        store = try VaultRecovery.store(layout, about, keys)
        fingerprints = try VaultFingerprints(keys: keys)
        digests = try VaultFingerprints(keys: nil)
        pace = ScrubPace(bytesPerSecondMax: options.bytesPerSecondMax)
        do throws(VaultError) {
            let opened = try VaultRecovery.openForReading(layout, about, keys)
            checkpoint = try asVaultError { () throws(CatalogError) in try opened.checkpoint() }
            catalog = opened
        } catch {
            guard case .catalog(let reason) = error else { throw error }
            catalog = nil
            checkpoint = nil
            note(ScrubFinding(part: .catalog, path: layout.catalog, reason: reason))
        }
    }

    /// Adds what the mark's scrub had found of segments.
    private mutating func take(_ mark: ScrubMark) {
        report.isResumed = true
        report.segments = mark.report.segments
        report.bytes = mark.report.bytes
        report.blocks = mark.report.blocks
        report.findingsLeftOut += mark.report.findingsLeftOut
        for finding in mark.report.findings where finding.isOfSegment { note(finding) }
    }

    mutating func note(_ finding: ScrubFinding) {
        if report.findings.count < Self.findingsMax {
            report.findings.append(finding)
        } else {
            report.findingsLeftOut += 1
        }
    }

    // MARK: Segments

    /// Segments that the catalog's state of the beginning stands on, ascending.
    func segmentNumbers() throws(VaultError) -> [UInt64] {
        let store = store
        let numbers = try asVaultError { () throws(StorageError) in try store.segmentNumbers() }
        guard let checkpoint else { return numbers }
        return numbers.filter { $0 <= checkpoint.segment }
    }

    /// Up to where a segment is looked at: nil for the whole of it.
    func limit(of number: UInt64, _ reader: SegmentReader) throws(StorageError) -> UInt64? {
        if let checkpoint { return number < checkpoint.segment ? nil : checkpoint.offset }
        // Without a catalog, the last one may be open: it counts as far as its frames are whole.
        guard try store.segmentNumbers().last == number, try reader.footer() == nil else { return nil }
        var replay = try reader.replay()
        while try replay.next() != nil {}
        if case .damaged = replay.end { return try reader.size() }
        return replay.offset
    }

    private mutating func examineSegments(
        after last: UInt64, _ progress: (UInt64, UInt64) -> Bool
    ) throws(VaultError) {
        let numbers = try segmentNumbers()
        var total: UInt64 = 0
        for number in numbers { total += fileSize(store.directory.path(of: number)) }
        for number in numbers where number > last {
            try examineSegment(number) { (done) in progress(done, total) }
            if number != numbers.last { ScrubMark(segment: number, report: segmentReport).leave(layout) }
            guard progress(report.bytes, max(total, report.bytes)) else { throw .interrupted }
        }
        ScrubMark.remove(layout)
    }

    /// What is left in the mark.
    private var segmentReport: ScrubReport {
        var part = report
        part.findings.removeAll { !$0.isOfSegment }
        return part
    }

    private mutating func examineSegment(_ number: UInt64, _ progress: (UInt64) -> Bool) throws(VaultError) {
        report.segments += 1
        let path = store.directory.path(of: number)
        do throws(StorageError) {
            let reader = try store.directory.openSegment(number)
            var examination = try SegmentExamination(reader, durableTo: try limit(of: number, reader))
            report.bytes += UInt64(SegmentHeader.byteCount)
            while let step = try examination.next() {
                for damage in step.damage { note(ScrubFinding(damage)) }
                for block in step.blocks { try prove(block, reader) }
                report.records += UInt64(step.records.count)
                report.bytes += step.byteCount
                pace.spend(step.byteCount)
                _ = progress(report.bytes)
            }
        } catch {
            switch error {
            case .noSuchSegment:
                // Collected meanwhile; an index that still leads there was found before.
                return
            case .damaged(_, _, let reason), .notASegment(_, let reason):
                let page = 0..<UInt64(SegmentHeader.byteCount)
                note(
                    ScrubFinding(
                        SegmentDamage(segment: number, path: path, range: page, part: .header, reason: reason)))
            case .io, .encryption, .poisoned, .alreadySealed, .medium, .taken: throw .storage(error.description)
            case .unsupportedVersion, .otherVault, .otherNumber, .otherProtection, .tooLarge, .unknownCodec:
                var finding = ScrubFinding(part: .segment, path: path, reason: error.description)
                finding.segment = number
                note(finding)
            }
        }
    }

    /// Reads a block once, and proves it.
    private mutating func prove(_ block: DescribedBlock, _ reader: SegmentReader) throws(StorageError) {
        report.blocks += 1
        guard let reason = try damage(of: block, reader) else { return }
        let place = block.location
        var finding = ScrubFinding(
            SegmentDamage(
                segment: place.segment, path: reader.path,
                range: place.payloadOffset..<place.payloadOffset &+ UInt64(place.storedLength), part: .block,
                reason: reason))
        finding.fingerprint = "\(block.fingerprint)"
        note(finding)
    }

    /// What is wrong with a block; nil for one that is what it was.
    mutating func damage(of block: DescribedBlock, _ reader: SegmentReader) throws(StorageError) -> String? {
        let length = Int(block.location.rawLength)
        guard length <= room.count else { return "it is longer than any block" }
        do throws(StorageError) {
            var span = room.mutableSpan
            var bytes = unsafe span.mutableBytes
            try reader.read(block.location, of: block.fingerprint, into: &bytes)
        } catch {
            switch error {
            case .damaged(_, _, let reason): return reason
            case .unknownCodec: return error.description
            default: throw error
            }
        }
        do throws(VaultError) {
            let found = try fingerprints.fingerprint(of: unsafe room.span.bytes.extracting(0..<length))
            return found == block.fingerprint ? nil : "its bytes have another fingerprint"
        } catch {
            throw .encryption(path: reader.path, reason: error.description)
        }
    }
}

/// Keeps reading within a rate, by sleeping when it is ahead.
struct ScrubPace {
    private let bytesPerSecondMax: UInt64?
    private var start = monotonicClock()
    private var bytes: UInt64 = 0

    init(bytesPerSecondMax: UInt64?) { self.bytesPerSecondMax = bytesPerSecondMax }

    mutating func spend(_ count: UInt64) {
        guard let rate = bytesPerSecondMax, rate > 0 else { return }
        bytes += count
        let due = start + UInt64(Double(bytes) / Double(rate) * 1e9)
        let now = monotonicClock()
        if due > now {
            usleep(UInt32(clamping: (due - now) / 1000))
        } else if now - due > 1_000_000_000 {
            // What was not used is not saved up.
            start = now
            bytes = 0
        }
    }
}

extension ScrubFinding {
    init(_ damage: SegmentDamage) {
        self.init(part: Part(rawValue: damage.part.rawValue) ?? .segment, path: damage.path, reason: damage.reason)
        segment = damage.segment
        offset = damage.range.lowerBound
        length = UInt64(damage.range.count)
    }

    /// True for what reading a segment's bytes shows, false for what comparing shows.
    var isOfSegment: Bool {
        switch part {
        case .header, .frame, .block, .catalogRecord, .padding, .footer, .end, .segment: true
        case .missingBlock, .indexEntry, .catalogRow, .catalog: false
        }
    }
}

/// A file's length in bytes; 0 when it is not there.
func fileSize(_ path: String) -> UInt64 {
    var status = stat()
    return unsafe stat(path, &status) == 0 ? UInt64(clamping: status.st_size) : 0
}
