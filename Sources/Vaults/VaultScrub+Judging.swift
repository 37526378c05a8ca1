internal import Blocks
internal import Catalog
internal import Glibc
internal import Objects
internal import Storage

// The end of a scrub: what was found is held against the vault as it is by then, and the objects are named that need what
// is damaged.

extension VaultScrub {
    /// Drops findings that a collection has settled meanwhile, and names the objects that are harmed.
    mutating func judge() throws(VaultError) {
        guard !report.findings.isEmpty, catalog != nil else { return }
        let now: RocksCatalog
        do throws(VaultError) {
            now = try VaultRecovery.openForReading(layout, about, keys)
        } catch {
            return
        }
        do throws(CatalogError) {
            try dropSettled(now)
            try nameHarm(now)
        } catch {
            note(ScrubFinding(part: .catalog, path: layout.catalog, reason: error.description))
        }
    }

    private mutating func dropSettled(_ now: RocksCatalog) throws(CatalogError) {
        var kept: [ScrubFinding] = []
        for finding in report.findings {
            let fingerprint = finding.fingerprint.flatMap { Fingerprint(hexadecimal: $0) }
            switch finding.part {
            case .missingBlock:
                if let fingerprint, try now.locate(fingerprint) != nil { continue }
            case .indexEntry:
                if let fingerprint, try !isAt(finding, fingerprint, now) { continue }
            case .header, .frame, .block, .catalogRecord, .padding, .footer, .end, .segment:
                // Its file was collected while it was read.
                if let number = finding.segment, unsafe access(store.directory.path(of: number), F_OK) != 0 { continue }
            case .catalogRow, .catalog: break
            }
            kept.append(finding)
        }
        report.findings = kept
    }

    /// True when the index has the block where the finding is.
    private func isAt(
        _ finding: ScrubFinding, _ fingerprint: Fingerprint, _ catalog: RocksCatalog
    ) throws(CatalogError) -> Bool {
        guard let place = try catalog.locate(fingerprint).map(BlockLocation.init) else { return false }
        return place.segment == finding.segment && place.payloadOffset == finding.offset
    }

    private mutating func nameHarm(_ now: RocksCatalog) throws(CatalogError) {
        var findings: [Fingerprint: [Int]] = [:]
        for (index, finding) in report.findings.enumerated() {
            guard let fingerprint = finding.fingerprint.flatMap({ Fingerprint(hexadecimal: $0) }) else { continue }
            // A damaged copy that the index does not lead to harms nothing.
            if finding.part == .block, try !isAt(finding, fingerprint, now) { continue }
            findings[fingerprint, default: []].append(index)
        }
        // A page that cannot be read keeps all of its segment's blocks from being read.
        try addUnreadable(now, &findings)
        guard !findings.isEmpty else { return }
        var harmed: [Int: [HarmedObject]] = [:]
        try now.visitUses(where: { findings[$0] != nil }) { use in
            for index in findings[use.fingerprint] ?? [] {
                if harmed[index, default: []].count < Self.findingsMax {
                    harmed[index, default: []].append(HarmedObject(use))
                }
            }
            return .next
        }
        for (index, objects) in harmed { report.findings[index].objects = objects }
    }

    private func addUnreadable(
        _ now: RocksCatalog, _ findings: inout [Fingerprint: [Int]]
    ) throws(CatalogError) {
        var unreadable: [UInt64: Int] = [:]
        for (index, finding) in report.findings.enumerated() {
            guard finding.part == .header || finding.part == .segment, let number = finding.segment else { continue }
            unreadable[number] = index
        }
        guard !unreadable.isEmpty else { return }
        var added: [Fingerprint: [Int]] = [:]
        try now.visitEntries { entry in
            if let index = unreadable[BlockLocation(entry.value).segment] {
                added[entry.fingerprint, default: []].append(index)
            }
            return .next
        }
        findings.merge(added) { $0 + $1 }
    }
}

extension HarmedObject {
    init(_ use: BlockUse) {
        name = use.name.url
        offset = use.offset
        length = UInt64(use.length)
        switch use.owner {
        case .version(let version):
            time = version.time
            etag = version.etag
            versionID = version.versionID
        case .part(let upload, let number):
            versionID = upload.uploadID
            part = number
        }
    }
}

extension Fingerprint {
    /// The fingerprint that its description spells; nil for anything else.
    init?(hexadecimal text: String) {
        guard text.utf8.count == 2 * Self.byteCount else { return nil }
        var words: [UInt64] = []
        var rest = text[...]
        while !rest.isEmpty {
            guard let word = UInt64(rest.prefix(16), radix: 16) else { return nil }
            words.append(word)
            rest = rest.dropFirst(16)
        }
        self.init(words[0], words[1], words[2], words[3])
    }
}
