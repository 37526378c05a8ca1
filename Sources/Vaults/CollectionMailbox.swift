internal import CLinux
public import Foundation
internal import Glibc

/// How a command asks the process that has the vault to collect: a request in a file of the vault's folder, and the report
/// in another. Whoever may write to the vault's folder may ask.
public struct CollectionMailbox: Sendable {
    /// What became of a request.
    public enum Answer: Sendable {
        /// Done.
        case report(CollectionReport)
        /// The collection failed, in words.
        case failure(String)
    }

    private struct Request: Codable {
        var id: UUID
        var options: CollectionOptions
        /// Nanoseconds since 1970 UTC.
        var posted: UInt64
    }

    private struct Reply: Codable {
        var id: UUID
        var report: CollectionReport?
        var failure: String?
    }

    private let requestPath: String
    private let replyPath: String

    /// The mailbox of a vault.
    public init(_ layout: VaultLayout) {
        requestPath = layout.collectionRequest
        replyPath = layout.collectionReply
    }

    // MARK: Who asks

    /// Leaves a request. Returns what tells its answer from others.
    public func post(_ options: CollectionOptions) throws(VaultError) -> UUID {
        let request = Request(id: UUID(), options: options, posted: wallClock())
        try writeFileDurably(requestPath, try Self.encode(request, for: requestPath))
        return request.id
    }

    /// True while nobody has taken the request.
    public func isWaiting(_ id: UUID) -> Bool { Self.read(Request.self, requestPath)?.id == id }

    /// Takes the request back.
    public func withdraw(_ id: UUID) {
        if isWaiting(id) { _ = unsafe unlink(requestPath) }
    }

    /// The answer to a request, once.
    public func takeAnswer(_ id: UUID) -> Answer? {
        guard let reply = Self.read(Reply.self, replyPath), reply.id == id else { return nil }
        _ = unsafe unlink(replyPath)
        if let report = reply.report { return .report(report) }
        return .failure(reply.failure ?? "the answer says nothing")
    }

    // MARK: Who collects

    /// A request that is for the holder of the vault's lock: taken by this call.
    public func take() -> (id: UUID, options: CollectionOptions)? {
        guard unsafe access(requestPath, F_OK) == 0, let request = Self.read(Request.self, requestPath) else {
            return nil
        }
        _ = unsafe unlink(requestPath)
        // Who asked was killed, and nobody waits.
        let now = wallClock()
        guard now >= request.posted, now - request.posted < Self.staleNanoseconds else { return nil }
        return (request.id, request.options)
    }

    /// Answers a request.
    public func answer(_ id: UUID, _ answer: Answer) throws(VaultError) {
        var reply = Reply(id: id)
        switch answer {
        case .report(let report): reply.report = report
        case .failure(let reason): reply.failure = reason
        }
        try writeFileDurably(replyPath, try Self.encode(reply, for: replyPath))
    }

    /// A request that is older is not carried out.
    private static let staleNanoseconds: UInt64 = 120_000_000_000
    /// Requests and answers are small; more is none of ours.
    private static let bytesMax = 1 << 20

    private static func encode(_ value: some Encodable, for path: String) throws(VaultError) -> [UInt8] {
        do {
            return Array(try JSONEncoder().encode(value))
        } catch {
            throw .system(operation: "encode", path: path, errno: EINVAL)
        }
    }

    private static func read<Value: Decodable>(_ type: Value.Type, _ path: String) -> Value? {
        guard let bytes = try? readWholeFile(path, limit: bytesMax) else { return nil }
        return try? JSONDecoder().decode(type, from: Data(bytes))
    }
}
