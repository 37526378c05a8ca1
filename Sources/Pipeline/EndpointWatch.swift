internal import Capture
internal import Catalog
internal import Objects
internal import Synchronization
internal import Vaults

/// Looks now and then which endpoints the catalog knows, and reports those it did not know before.
///
/// It reads what is committed, so a new endpoint is reported once something of it is durable: within a second or two.
final class EndpointWatch: Sendable {
    private let reader: VaultReader
    private let found = Mutex<[EndpointSighting]>([])
    private let known = Mutex<[EndpointTraffic]>([])
    private let isEnded = Atomic<Bool>(false)
    private let wake = WakeDescriptor()

    private static var intervalMilliseconds: Int { 500 }

    init(reader: VaultReader) { self.reader = reader }

    /// The body of its thread.
    func run() {
        var known = Set(look().map(Self.identity))
        while true {
            let isLast = isEnded.load(ordering: .acquiring)
            if !isLast { wake.wait(milliseconds: Self.intervalMilliseconds) }
            for endpoint in look() where known.insert(Self.identity(endpoint)).inserted {
                let sighting = EndpointSighting(
                    cloud: endpoint.cloud.rawValue, host: endpoint.host, firstSeen: endpoint.firstSeen)
                found.withLock { $0.append(sighting) }
            }
            if isLast { return }
        }
    }

    /// What was found since the last call.
    func take() -> [EndpointSighting] {
        found.withLock { found in
            defer { found = [] }
            return found
        }
    }

    /// All endpoints, as of the last look.
    var traffic: [EndpointTraffic] { known.withLock { $0 } }

    /// Looks once more and ends the thread.
    func end() {
        isEnded.store(true, ordering: .releasing)
        wake.wake()
    }

    /// A catalog that cannot be read is the writer's to report; here it only means that nothing new is seen.
    private func look() -> [EndpointRecord] {
        let endpoints: [EndpointRecord]
        do throws(CatalogError) { endpoints = try reader.catalog.endpoints() } catch { return [] }
        let traffic = endpoints.map {
            EndpointTraffic(
                cloud: $0.cloud.rawValue, host: $0.host, uploadedBytes: $0.bytesStored, readBytes: $0.bytesRead)
        }
        known.withLock { $0 = traffic }
        return endpoints
    }

    private static func identity(_ endpoint: EndpointRecord) -> String { "\(endpoint.cloud.rawValue) \(endpoint.host)" }
}
