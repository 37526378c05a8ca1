internal import Objects

// Numbers that stand for the vocabulary's cases in records. They are part of the format: never reused, only added.

extension GapCause {
    var code: UInt64 {
        switch self {
        case .notCaptured: 1
        case .kernelDrop: 2
        case .snapped: 3
        case .captureStartedLate: 4
        case .captureEnded: 5
        case .connectionEnded: 6
        case .keyMissing: 7
        case .flowEvicted: 8
        case .limit: 9
        case .framingLost: 10
        case .neverSeen: 11
        case .overload: 12
        case .outage: 13
        }
    }

    init(decoding field: RecordDecoder.Field, of decoder: RecordDecoder) throws(CatalogError) {
        let code = try decoder.number(field)
        guard let cause = GapCause.allCases.first(where: { $0.code == code }) else {
            throw decoder.malformed("gap cause \(code)")
        }
        self = cause
    }
}

extension ObjectState {
    var code: UInt64 {
        switch self {
        case .partial: 1
        case .complete: 2
        case .verified: 3
        case .mismatch: 4
        }
    }

    init(decoding field: RecordDecoder.Field, of decoder: RecordDecoder) throws(CatalogError) {
        let code = try decoder.number(field)
        guard let state = ObjectState.allCases.first(where: { $0.code == code }) else {
            throw decoder.malformed("object state \(code)")
        }
        self = state
    }
}

extension DigestAlgorithm {
    var code: UInt64 {
        switch self {
        case .md5: 1
        case .sha1: 2
        case .sha256: 3
        case .crc32: 4
        case .crc32c: 5
        case .crc64nvme: 6
        }
    }

    init(decoding field: RecordDecoder.Field, of decoder: RecordDecoder) throws(CatalogError) {
        let code = try decoder.number(field)
        guard let algorithm = DigestAlgorithm.allCases.first(where: { $0.code == code }) else {
            throw decoder.malformed("digest algorithm \(code)")
        }
        self = algorithm
    }
}

extension Cloud {
    /// Ascending in the order of the clouds' names, so that keys sort like names.
    var code: UInt8 {
        switch self {
        case .azure: 1
        case .gcs: 2
        case .http: 3
        case .s3: 4
        case .swift: 5
        }
    }

    init?(code: UInt8) {
        guard let cloud = Cloud.allCases.first(where: { $0.code == code }) else { return nil }
        self = cloud
    }
}
