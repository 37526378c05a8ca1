import Foundation
import Yams

/// `oxbow.yaml`. Every key is optional, and an unknown key is an error: a typing mistake must not silently change what
/// is stored.
struct Configuration: Codable {
    var vault: String?
    var blockSize: String?
    var compression: String?
    var keyFile: String?
    var passphraseFile: String?
    var keyCommand: String?
    var dialect: String?
    var keyLogs: [String]?
    var keyWait: String?
    var keyMemory: String?
    var keySpoolLimit: String?
    var keyFlowLimit: String?
    var filter: String?
    var scope: [String]?
    var s3Endpoints: [String]?
    var hashers: Int?
    var workers: Int?
    var memory: String?
    var commitBytes: String?
    var commitMilliseconds: Int?
    var tenants: Bool?
    var vxlanPorts: [UInt16]?
    var genevePorts: [UInt16]?
    var encapsulationDepth: Int?
    var fragmentMemory: String?
    var interfaces: [String]?
    var rings: Int?
    var snaplen: Int?
    var buffer: String?
    var promiscuous: Bool?
    var user: String?
    var queue: String?
    var spoolLimit: String?
    var statistics: String?
    var onNewEndpoint: String?
    var metricsPort: UInt16?
    var metricsAddress: String?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case compression, workers, rings
        case keyFile = "key-file"
        case passphraseFile = "passphrase-file"
        case keyCommand = "key-command"
        case vault, dialect, filter, scope, hashers, memory, tenants, interfaces, snaplen, buffer, promiscuous, user
        case statistics, queue
        case keyLogs = "keys"
        case keyWait = "key-wait"
        case keyMemory = "key-memory"
        case keySpoolLimit = "key-spool-limit"
        case keyFlowLimit = "key-flow-limit"
        case blockSize = "block-size"
        case s3Endpoints = "s3-endpoints"
        case commitBytes = "commit-bytes"
        case commitMilliseconds = "commit-milliseconds"
        case vxlanPorts = "vxlan-ports"
        case genevePorts = "geneve-ports"
        case encapsulationDepth = "encapsulation-depth"
        case fragmentMemory = "fragment-memory"
        case spoolLimit = "spool-limit"
        case onNewEndpoint = "on-new-endpoint"
        case metricsPort = "metrics-port"
        case metricsAddress = "metrics-address"
    }

    /// Nothing configured.
    init() {}

    /// Reads a file.
    init(reading path: String) throws {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw CommandFailure(description: "configuration \(path) cannot be read: \(error.localizedDescription)")
        }
        do {
            if let mapping = try Yams.load(yaml: text) {
                guard let mapping = mapping as? [String: Any] else {
                    throw CommandFailure(description: "configuration \(path) is not a mapping of keys to values")
                }
                let known = CodingKeys.allCases.map(\.rawValue)
                if let unknown = mapping.keys.sorted().first(where: { !known.contains($0) }) {
                    throw CommandFailure(
                        description:
                            "configuration \(path) has an unknown key `\(unknown)`; known are \(known.sorted().joined(separator: ", "))"
                    )
                }
                self = try YAMLDecoder().decode(Configuration.self, from: text)
            }
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(description: "configuration \(path) is not valid: \(error)")
        }
    }
}
