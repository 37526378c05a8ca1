public import Objects

/// An endpoint that nodes talked to. A new one may be the owner's change of cloud.
public struct EndpointRecord: Sendable, Hashable {
    /// The family of the store.
    public internal(set) var cloud: Cloud
    /// The host as names state it.
    public internal(set) var host: String
    /// Capture time of the first event, nanoseconds since 1970 UTC.
    public internal(set) var firstSeen: UInt64
    /// Capture time of the last event.
    public internal(set) var lastSeen: UInt64
    /// Object bytes that uploads to it brought into the vault. Each byte counts once: a replay adds nothing.
    public internal(set) var bytesStored: UInt64 = 0
    /// Object bytes that reads from it brought into the vault and no upload had.
    public internal(set) var bytesRead: UInt64 = 0

    init(cloud: Cloud, host: String, seen: Observation) {
        self.cloud = cloud
        self.host = host
        firstSeen = seen.time
        lastSeen = seen.time
    }

    var encoded: [UInt8] {
        var encoder = RecordEncoder(capacity: 48)
        encoder.number(1, firstSeen)
        encoder.number(2, lastSeen)
        encoder.number(3, bytesStored)
        encoder.number(4, bytesRead)
        return encoder.bytes
    }

    init(key: [UInt8], decoding bytes: [UInt8]) throws(CatalogError) {
        let (cloud, host) = try CatalogKey.endpoint(decoding: key)
        self.init(cloud: cloud, host: host, seen: Observation(time: 0, firstTime: 0, packet: 0, flow: ""))
        var decoder = RecordDecoder(bytes, record: "endpoint")
        while let field = try decoder.next() {
            switch field.number {
            case 1: firstSeen = try decoder.number(field)
            case 2: lastSeen = try decoder.number(field)
            case 3: bytesStored = try decoder.number(field)
            case 4: bytesRead = try decoder.number(field)
            default: break
            }
        }
    }
}
