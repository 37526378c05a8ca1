import Foundation
import TestSupport
import Testing

/// A capture with its truth, from `Captures/`.
struct CaptureCase: CustomTestStringConvertible, Sendable {
    /// A line of `expect.jsonl`.
    struct Truth: Decodable, Sendable {
        var kind: String
        var op: String?
        var dialect: String?
        var bucket: String?
        var key: String?
        var size: UInt64?
        var sha256: String?
        var md5: String?
        var complete: Bool?
        var parts: [UInt64]?
        var missing_bytes: UInt64?
        var client_port: UInt16?
        var version_id: String?
        var note: String?

        /// What `ls --json` calls the object.
        var identity: Identity? {
            guard let dialect, let bucket, let key else { return nil }
            return Identity(cloud: dialect, bucket: bucket, key: key)
        }
    }

    /// Names an object as truth and listing both do.
    struct Identity: Hashable, Sendable {
        var cloud: String
        var bucket: String
        var key: String
    }

    let name: String
    var testDescription: String { name }

    static let folder = URL(fileURLWithPath: ProjectFolder.captures)

    /// Every case.
    static let all: [CaptureCase] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { FileManager.default.fileExists(atPath: folder.path + "/\($0)/expect.jsonl") }
            .sorted().map(CaptureCase.init)
    }()

    /// The case of this name.
    static func named(_ name: String) throws -> CaptureCase { try #require(all.first { $0.name == name }) }

    /// The capture file.
    var path: String {
        let stem = Self.folder.path + "/\(name)/\(name)"
        return FileManager.default.fileExists(atPath: stem + ".pcapng") ? stem + ".pcapng" : stem + ".pcap"
    }

    /// The key log beside it, if there is one.
    var keyLog: String? {
        let path = Self.folder.path + "/\(name)/\(name).keys"
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }

    /// The arguments that replay it: the capture, and its key log.
    var arguments: [String] { (keyLog.map { ["--keys", $0] } ?? []) + [path] }

    /// All lines of the truth.
    func truth() throws -> [Truth] {
        let text = try String(contentsOfFile: Self.folder.path + "/\(name)/expect.jsonl", encoding: .utf8)
        return try text.split(separator: "\n").map { try JSONDecoder().decode(Truth.self, from: Data($0.utf8)) }
    }
}
