public import Objects

/// Encodes names, versions and the rest as keys whose bytes sort as the things do, and reads them back.
///
/// Text and object keys end with `00 01`, and a zero byte within them is written `00 FF`: so a name that is the beginning
/// of another sorts before it, keys with zero bytes stay apart, and no key is the beginning of another. Times are
/// complemented, so the newest comes first.
public enum CatalogKey {
    /// The name's key in the tables `names` and `evidence`, and the beginning of its keys in the others.
    public static func name(_ name: ObjectName) -> [UInt8] {
        var key: [UInt8] = []
        key.reserveCapacity(name.endpoint.utf8.count + name.bucket.utf8.count + name.key.bytes.count + 24)
        key.append(name.cloud.code)
        key.appendTerminated(name.endpoint.utf8)
        key.appendTerminated(name.bucket.utf8)
        key.appendTerminated(name.key.bytes)
        return key
    }

    /// The beginning of the keys of all names in `scope`.
    public static func prefix(of scope: NameScope) -> [UInt8] {
        var key: [UInt8] = []
        guard let cloud = scope.cloud else { return key }
        key.append(cloud.code)
        guard let endpoint = scope.endpoint else { return key }
        key.appendTerminated(endpoint.utf8)
        guard let bucket = scope.bucket else { return key }
        key.appendTerminated(bucket.utf8)
        key.appendEscaped(scope.keyPrefix)
        return key
    }

    /// The version's key in the table `versions`.
    public static func version(_ id: VersionID) -> [UInt8] { name(id.name) + versionSuffix(time: id.time, tag: id.tag) }

    static func versionSuffix(time: UInt64, tag: VersionTag) -> [UInt8] {
        var key: [UInt8] = []
        key.append(bigEndian: ~time)
        switch tag {
        case .versionID(let text):
            key.append(1)
            key.appendTerminated(text.utf8)
        case .etag(let text):
            key.append(2)
            key.appendTerminated(text.utf8)
        case .tombstone: key.append(3)
        case .none: key.append(4)
        }
        return key
    }

    static func versionSuffix(decoding key: ArraySlice<UInt8>) -> (time: UInt64, tag: VersionTag)? {
        var rest = key
        guard let time = rest.popBigEndian(), let kind = rest.popFirst() else { return nil }
        let tag: VersionTag
        switch kind {
        case 1:
            guard let text = rest.popText() else { return nil }
            tag = .versionID(text)
        case 2:
            guard let text = rest.popText() else { return nil }
            tag = .etag(text)
        case 3: tag = .tombstone
        case 4: tag = .none
        default: return nil
        }
        return rest.isEmpty ? (~time, tag) : nil
    }

    /// The name at the beginning of `key`, which is advanced behind it.
    static func popName(_ key: inout ArraySlice<UInt8>) -> ObjectName? {
        guard let cloud = key.popFirst().flatMap(Cloud.init(code:)), let endpoint = key.popText(),
            let bucket = key.popText(), let bytes = key.popTerminated()
        else { return nil }
        return ObjectName(cloud: cloud, endpoint: endpoint, bucket: bucket, key: ObjectKey(bytes: bytes))
    }

    /// The id of a version by its key.
    public static func versionID(decoding key: [UInt8]) throws(CatalogError) -> VersionID {
        var rest = key[...]
        guard let name = popName(&rest), let (time, tag) = versionSuffix(decoding: rest) else {
            throw .malformed(record: "version key", offset: rest.startIndex, reason: "no name, time and tag")
        }
        return VersionID(name: name, time: time, tag: tag)
    }

    /// The name of a key in the tables `names` and `evidence`.
    public static func name(decoding key: [UInt8]) throws(CatalogError) -> ObjectName {
        var rest = key[...]
        guard let name = popName(&rest), rest.isEmpty else {
            throw .malformed(record: "name key", offset: rest.startIndex, reason: "no name")
        }
        return name
    }

    /// The key in the table `aliases` of a version id of the cloud.
    static func alias(_ name: [UInt8], versionID: String) -> [UInt8] {
        var key = name
        key.appendTerminated(versionID.utf8)
        return key
    }

    /// The key of an upload.
    public static func upload(_ name: ObjectName, uploadID: String) -> [UInt8] {
        var key = self.name(name)
        key.appendTerminated(uploadID.utf8)
        return key
    }

    static func upload(decoding key: [UInt8]) throws(CatalogError) -> (name: ObjectName, uploadID: String) {
        var rest = key[...]
        guard let name = popName(&rest), let uploadID = rest.popText(), rest.isEmpty else {
            throw .malformed(record: "upload key", offset: rest.startIndex, reason: "no name and upload id")
        }
        return (name, uploadID)
    }

    /// The key of an accepted part: within its upload by number, the latest first.
    static func part(upload: [UInt8], number: Int, time: UInt64, etag: String?) -> [UInt8] {
        var key = upload
        // Part numbers end at 10,000; two bytes keep them in order.
        key.append(UInt8(truncatingIfNeeded: number >> 8))
        key.append(UInt8(truncatingIfNeeded: number))
        key.append(bigEndian: ~time)
        if let etag { key.appendTerminated(etag.utf8) }
        return key
    }

    /// The key of a page of extents of a version or a part.
    static func page(_ owner: ManifestOwner, _ page: UInt64) -> [UInt8] {
        var key = pages(owner)
        key.append(bigEndian: page)
        return key
    }

    /// The beginning of the keys of all pages of a version or a part.
    static func pages(_ owner: ManifestOwner) -> [UInt8] {
        var key: [UInt8] = []
        switch owner {
        case .version(let version):
            key.reserveCapacity(version.count + 9)
            key.append(1)
            key.append(contentsOf: version)
        case .part(let part):
            key.reserveCapacity(part.count + 9)
            key.append(2)
            key.append(contentsOf: part)
        }
        return key
    }

    /// The key of an endpoint.
    static func endpoint(_ cloud: Cloud, _ host: String) -> [UInt8] {
        var key = [cloud.code]
        key.appendTerminated(host.utf8)
        return key
    }

    static func endpoint(decoding key: [UInt8]) throws(CatalogError) -> (cloud: Cloud, host: String) {
        var rest = key[...]
        guard let cloud = rest.popFirst().flatMap(Cloud.init(code:)), let host = rest.popText(), rest.isEmpty else {
            throw .malformed(record: "endpoint key", offset: rest.startIndex, reason: "no cloud and host")
        }
        return (cloud, host)
    }
}

/// What extents in pages belong to, by its key in its own table.
enum ManifestOwner {
    case version([UInt8])
    case part([UInt8])
}

/// A part of the tree of names: a cloud, an endpoint in it, a bucket in it, keys that begin alike. Parts behind a nil are
/// not looked at.
public struct NameScope: Hashable, Sendable {
    /// The family of the store.
    public var cloud: Cloud?
    /// The endpoint.
    public var endpoint: String?
    /// The bucket.
    public var bucket: String?
    /// What the keys begin with.
    public var keyPrefix: [UInt8]

    /// A scope of its parts; without any, all names.
    public init(cloud: Cloud? = nil, endpoint: String? = nil, bucket: String? = nil, keyPrefix: [UInt8] = []) {
        self.cloud = cloud
        self.endpoint = endpoint
        self.bucket = bucket
        self.keyPrefix = keyPrefix
    }
}

extension [UInt8] {
    /// Appends bytes so that none of them can be taken for a terminator.
    fileprivate mutating func appendEscaped(_ bytes: some Sequence<UInt8>) {
        // Hardly any name has a zero byte: those without one are copied as a whole.
        let isCopied = bytes.withContiguousStorageIfAvailable { bytes in
            guard unsafe !bytes.contains(0) else { return false }
            unsafe append(contentsOf: bytes)
            return true
        }
        if isCopied ?? false { return }
        for byte in bytes {
            append(byte)
            if byte == 0 { append(0xff) }
        }
    }

    /// Appends bytes and their end.
    fileprivate mutating func appendTerminated(_ bytes: some Sequence<UInt8>) {
        appendEscaped(bytes)
        append(0)
        append(1)
    }
}

extension ArraySlice<UInt8> {
    /// Takes what ``appendTerminated(_:)`` appended.
    fileprivate mutating func popTerminated() -> [UInt8]? {
        var bytes: [UInt8] = []
        while let byte = popFirst() {
            if byte != 0 {
                bytes.append(byte)
                continue
            }
            switch popFirst() {
            case 0xff: bytes.append(0)
            case 1: return bytes
            default: return nil
            }
        }
        return nil
    }

    fileprivate mutating func popText() -> String? {
        guard let bytes = popTerminated() else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    fileprivate mutating func popBigEndian() -> UInt64? {
        guard count >= 8 else { return nil }
        var value: UInt64 = 0
        for byte in prefix(8) { value = value << 8 | UInt64(byte) }
        removeFirst(8)
        return value
    }
}
