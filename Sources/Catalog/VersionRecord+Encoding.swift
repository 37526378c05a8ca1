internal import Objects

extension VersionRecord {
    /// The row's value; the id is the row's key.
    var encoded: [UInt8] {
        var encoder = RecordEncoder(capacity: 384)
        encoder.number(1, UInt64(kind.rawValue))
        encoder.number(2, state.code)
        encoder.number(3, UInt64(origin.rawValue))
        encoder.optional(4, size)
        encoder.string(5, etag)
        encoder.string(6, versionID)
        encoder.number(7, firstSeen)
        encoder.number(8, lastSeen)
        metadata.encode(as: 9, into: &encoder)
        for digest in digests { digest.encode(as: 10, into: &encoder) }
        for part in parts {
            encoder.message(11) { encoder in
                encoder.integer(1, part.number)
                encoder.string(2, part.etag)
                encoder.optional(3, part.size)
                encoder.flag(4, part.isPlaced)
            }
        }
        encoder.string(12, floatingUploadID)
        holdings.encode(as: 13, into: &encoder)
        for gap in healed {
            encoder.message(14) { encoder in
                encoder.number(1, gap.offset)
                encoder.number(2, gap.length)
                encoder.number(3, gap.cause.code)
                encoder.number(4, gap.time)
            }
        }
        encoder.optional(15, removedAt)
        if !owner.isEmpty { encoder.string(16, owner) }
        encoder.number(17, offGridCells)
        encoder.number(18, revision)
        encoder.flag(19, isPartListUnknown)
        if let copySource {
            encoder.message(20) { encoder in
                encoder.bytes(1, CatalogKey.name(copySource.name))
                encoder.string(2, copySource.versionID)
            }
        }
        return encoder.bytes
    }

    init(id: VersionID, decoding bytes: [UInt8]) throws(CatalogError) {
        var decoder = RecordDecoder(bytes, record: "version")
        let nowhere = Observation(time: 0, firstTime: 0, packet: 0, flow: "")
        self.init(id: id, kind: .object, origin: .put, seen: nowhere)
        while let field = try decoder.next() {
            switch field.number {
            case 1: kind = try decoder.known(field, Kind.init(rawValue:))
            case 2: state = try ObjectState(decoding: field, of: decoder)
            case 3: origin = try decoder.known(field, Origin.init(rawValue:))
            case 4: size = try decoder.number(field)
            case 5: etag = try decoder.string(field)
            case 6: versionID = try decoder.string(field)
            case 7: firstSeen = try decoder.number(field)
            case 8: lastSeen = try decoder.number(field)
            case 9: metadata = try ObjectMetadata(decoding: try decoder.message(field))
            case 10: digests.append(try CheckedDigest(decoding: try decoder.message(field)))
            case 11: parts.append(try Part(decoding: try decoder.message(field)))
            case 12: floatingUploadID = try decoder.string(field)
            case 13: holdings = try Holdings(decoding: try decoder.message(field))
            case 14: healed.append(try HealedGap(decoding: try decoder.message(field)))
            case 15: removedAt = try decoder.number(field)
            case 16: owner = try decoder.string(field)
            case 17: offGridCells = try decoder.number(field)
            case 18: revision = try decoder.number(field)
            case 19: isPartListUnknown = try decoder.flag(field)
            case 20: copySource = try CopySource(decoding: try decoder.message(field))
            default: break
            }
        }
    }
}

extension VersionRecord.Part {
    init(decoding decoder: RecordDecoder) throws(CatalogError) {
        var decoder = decoder
        self.init(number: 0, etag: nil, size: nil)
        while let field = try decoder.next() {
            switch field.number {
            case 1: number = try decoder.integer(field)
            case 2: etag = try decoder.string(field)
            case 3: size = try decoder.number(field)
            case 4: isPlaced = try decoder.flag(field)
            default: break
            }
        }
    }
}

extension VersionRecord.CopySource {
    init(decoding decoder: RecordDecoder) throws(CatalogError) {
        var decoder = decoder
        var key: [UInt8] = []
        var versionID: String?
        while let field = try decoder.next() {
            switch field.number {
            case 1: key = try decoder.bytes(field)
            case 2: versionID = try decoder.string(field)
            default: break
            }
        }
        self.init(name: try CatalogKey.name(decoding: key), versionID: versionID)
    }
}

extension VersionRecord.HealedGap {
    init(decoding decoder: RecordDecoder) throws(CatalogError) {
        var decoder = decoder
        self.init(offset: 0, length: 0, cause: .neverSeen, time: 0)
        while let field = try decoder.next() {
            switch field.number {
            case 1: offset = try decoder.number(field)
            case 2: length = try decoder.number(field)
            case 3: cause = try GapCause(decoding: field, of: decoder)
            case 4: time = try decoder.number(field)
            default: break
            }
        }
    }
}

extension RecordDecoder {
    /// A case of an enumeration whose raw values are part of the format.
    func known<T>(_ field: Field, _ make: (UInt8) -> T?) throws(CatalogError) -> T {
        let raw = try number(field)
        guard let value = UInt8(exactly: raw).flatMap(make) else {
            throw malformed("field \(field.number) has a value that is not known, \(raw)")
        }
        return value
    }
}

extension ObjectMetadata {
    func encode(as field: Int, into encoder: inout RecordEncoder) {
        guard !isEmpty else { return }
        encoder.message(field) { encoder in
            Self.encode(headers, as: 1, into: &encoder)
            Self.encode(user, as: 2, into: &encoder)
            Self.encode(tags, as: 3, into: &encoder)
            encoder.string(4, acl)
            encoder.string(5, storageClass)
            encoder.signed(6, lastModified)
        }
    }

    /// A dictionary as pairs, sorted by name so that equal metadata has equal bytes.
    private static func encode(_ pairs: [String: String], as field: Int, into encoder: inout RecordEncoder) {
        for (name, value) in pairs.sorted(by: { $0.key < $1.key }) {
            encoder.message(field) { encoder in
                encoder.string(1, name)
                encoder.string(2, value)
            }
        }
    }

    init(decoding decoder: RecordDecoder) throws(CatalogError) {
        var decoder = decoder
        self.init()
        while let field = try decoder.next() {
            switch field.number {
            case 1: try Self.decode(try decoder.message(field), into: &headers)
            case 2: try Self.decode(try decoder.message(field), into: &user)
            case 3: try Self.decode(try decoder.message(field), into: &tags)
            case 4: acl = try decoder.string(field)
            case 5: storageClass = try decoder.string(field)
            case 6: lastModified = try decoder.signed(field)
            default: break
            }
        }
    }

    private static func decode(
        _ decoder: RecordDecoder, into pairs: inout [String: String]
    ) throws(CatalogError) {
        var decoder = decoder
        var name = ""
        var value = ""
        while let field = try decoder.next() {
            switch field.number {
            case 1: name = try decoder.string(field)
            case 2: value = try decoder.string(field)
            default: break
            }
        }
        pairs[name] = value
    }
}
