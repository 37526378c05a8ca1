internal import Foundation
internal import Glibc
public import NIOCore
internal import Objects
public import S3

/// A folder as a target: one folder for each bucket, one file for each object, metadata beside in `.oxbow`.
///
/// Each object is written under a name of its own in `.oxbow/tmp`, synced, and moved into place, so that a crash leaves
/// the old object or the new one. Keys are escaped (`KeyEscaping`), links are never followed.
public final class FileTarget: ReplicationTarget {
    /// A stable name of the target.
    public let identity: TargetIdentity
    /// Files have no limits of their own; parts exist so that a large object can be resumed. A transfer waits for its sync half
    /// of the time, so more of them keep the processors busy, and the lanes of the digests full.
    public let rules = TargetRules(
        singlePutBytesMax: 1 << 62, partBytesMin: 1, partBytesMax: 1 << 62, partsMax: 100_000, copyBytesMax: 1 << 62,
        objectBytesMax: 1 << 62, keepsLastModified: true, confirmsWrites: true, transfers: 16)
    /// What was asked of the target so far.
    public let counters = RequestCounters()
    let tree: FileTree
    let temporary: FileDescriptor
    let temporaryPath: String
    private let lock: FileDescriptor

    /// Opens the folder, made when missing; refuses one that another run is writing.
    public init(path: String) throws(ReplicationError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            tree = try FileTree(root: path)
            guard let own = try tree.folder([".oxbow"], isMaking: true),
                let temporary = try tree.folder([".oxbow", "tmp"], isMaking: true)
            else { throw SystemFailure("open", ".oxbow") }
            self.temporary = temporary
            lock = try FileDescriptor.open("lock", in: own, flags: O_RDWR | O_CREAT)
            guard flock(lock.number, LOCK_EX | LOCK_NB) == 0 else {
                throw ReplicationError.badTarget(
                    url: "file:\(path)", reason: "another migration is writing into it", remedy: "Wait for its end")
            }
            let real = URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
            temporaryPath = real + "/.oxbow/tmp"
            let digest = ByteText.hex(RunningDigest.of(Array("file\0\(real)".utf8), .sha256).prefix(6))
            identity = TargetIdentity(id: "file-\(digest)", description: "file:\(real)")
            // What an earlier run was writing when it ended; uploads in parts stay, the journal knows them.
            for name in try FileManager.default.contentsOfDirectory(atPath: temporaryPath) where name.hasPrefix("put-")
            {
                _ = unsafe unlinkat(self.temporary.number, name, 0)
            }
        } catch let error as ReplicationError {
            throw error
        } catch {
            throw .badTarget(
                url: "file:\(path)", reason: "\(error)", remedy: "Name a folder that this user may write")
        }
    }

    // A process that is being started holds copies of our descriptors for a moment; only this ends the lock at once.
    deinit { _ = flock(lock.number, LOCK_UN) }

    /// This machine's clock.
    public var clockSeconds: Int64 { Int64(Date().timeIntervalSince1970) }

    /// The lock goes with the last reference.
    public func close() async {}

    /// Makes the bucket's folder: a folder needs no permission that making files in it would not.
    public func probe(bucket: String, createIfMissing: Bool) async throws {
        try step(.headBucket, TargetLocation(bucket: bucket, key: ObjectKey(""))) {
            _ = try tree.folder(KeyEscaping.name(ofBucket: bucket), isMaking: true)
        }
    }

    /// Every key has a file's name, so none is refused.
    public func objection(to draft: ObjectDraft) -> String? { nil }

    /// Stores a whole object.
    public func put(_ draft: ObjectDraft, _ payload: Payload) async throws -> StoredObject {
        try await writing(.putObject, draft, etag: ETag.whole(payload.digests)) { file in
            try await self.write(payload, to: file, at: 0, .putObject, draft.location)
        }
    }

    /// Copies by sharing blocks where the file system can, else by reading and writing. Never a hard link: two names
    /// of one file would change together.
    public func copy(
        _ draft: ObjectDraft, from origin: TargetLocation, etag: String?
    ) async throws -> StoredObject {
        try await writing(.copyObject, draft, etag: draft.etag) { file in
            try self.step(.copyObject, draft.location) {
                guard let source = try self.tree.open(origin) else { throw self.missing(origin, .copyObject) }
                if ioctl(file.number, Self.cloneRequest, source.number) != 0 {
                    try Self.copyBytes(from: source, 0..<draft.size, to: file, at: 0)
                }
            }
        }
    }

    /// `FICLONE` of linux/fs.h: `_IOW(0x94, 9, int)`.
    private static let cloneRequest: UInt = 0x4004_9409

    /// What the folder holds of an object; the ETag only while the file is as we left it.
    public func describe(_ location: TargetLocation) async throws -> TargetObject? {
        counters.attempted(.headObject)
        return try step(.headObject, location) {
            guard let file = try tree.open(location) else { return nil }
            let status = try file.status()
            let sidecar = try sidecar(of: location)
            let isOurs = sidecar?.modified == Self.modified(status) && sidecar?.size == UInt64(status.st_size)
            return TargetObject(size: UInt64(status.st_size), etag: isOurs ? sidecar?.etag : nil)
        }
    }

    /// Appends exactly the bytes of `range` to `buffer`.
    public func read(
        _ location: TargetLocation, _ range: Range<UInt64>, into buffer: inout ByteBuffer
    ) async throws {
        counters.attempted(.getObject)
        let count = Int(range.upperBound - range.lowerBound)
        let isWhole = try step(.getObject, location) {
            guard let file = try tree.open(location) else { throw missing(location, .getObject) }
            return try file.read(count, at: range.lowerBound, into: &buffer)
        }
        guard isWhole else {
            throw TargetFailure(
                kind: .malformedAnswer, operation: "GetObject", subject: location.path, message: "the file is shorter")
        }
        counters.wasRead(count)
    }

    /// Deletes an object's file and its metadata.
    public func delete(_ location: TargetLocation) async throws {
        counters.attempted(.deleteObject)
        try step(.deleteObject, location) {
            _ = try tree.remove(location)
            let names = FileSidecar.names(of: location)
            guard let folder = try tree.folder([".oxbow"] + names.folder, isMaking: false) else { return }
            _ = unsafe unlinkat(folder.number, names.file, 0)
        }
    }

    // MARK: Shared by steps

    /// Lets `fill` write a temporary file, then makes it the object.
    private func writing(
        _ kind: RequestKind, _ draft: ObjectDraft, etag: String?, _ fill: (FileDescriptor) async throws -> Void
    ) async throws -> StoredObject {
        counters.attempted(kind)
        let name = "put-\(UInt64.random(in: 0...UInt64.max))"
        do {
            let file = try step(kind, draft.location) {
                try FileDescriptor.open(name, in: temporary, flags: O_RDWR | O_CREAT | O_EXCL)
            }
            try await fill(file)
            return try finish(kind, draft, etag: etag, file, name)
        } catch {
            _ = unsafe unlinkat(temporary.number, name, 0)
            throw error
        }
    }

    /// Checks the length, sets the time, syncs, writes the metadata and moves the file into place.
    func finish(
        _ kind: RequestKind, _ draft: ObjectDraft, etag: String?, _ file: FileDescriptor, _ name: String
    ) throws -> StoredObject {
        try step(kind, draft.location) {
            if let seconds = draft.metadata.lastModified {
                let times = [timespec(tv_sec: Int(seconds), tv_nsec: 0), timespec(tv_sec: Int(seconds), tv_nsec: 0)]
                _ = unsafe futimens(file.number, times)
            }
            let status = try file.status()
            guard UInt64(status.st_size) == draft.size else {
                throw TargetFailure(
                    kind: .corrupted, operation: kind.rawValue, subject: draft.location.path,
                    message: "the file has \(status.st_size) bytes, the object \(draft.size)")
            }
            try file.sync()
            try write(FileSidecar(draft, etag: etag, modified: Self.modified(status)), of: draft.location)
            guard let place = try tree.place(of: draft.location, isMaking: true) else {
                throw SystemFailure("mkdir", draft.location.path)
            }
            try tree.moveIn(name, from: temporary, to: place)
            return StoredObject(etag: etag)
        }
    }

    func write(
        _ payload: Payload, to file: FileDescriptor, at start: UInt64, _ kind: RequestKind,
        _ location: TargetLocation
    ) async throws {
        var writer = PagedWriter(file, at: start, length: payload.length)
        do {
            for try await chunk in payload {
                do throws(SystemFailure) { try writer.write(chunk) } catch { throw failed(error, kind, location) }
            }
            do throws(SystemFailure) { try writer.finish() } catch { throw failed(error, kind, location) }
        } catch let failure as RequestBodyFailure {
            throw failure.cause
        }
    }

    static func copyBytes(
        from source: FileDescriptor, _ range: Range<UInt64>, to file: FileDescriptor,
        at target: UInt64
    ) throws(SystemFailure) {
        var buffer = ByteBuffer()
        for chunk in ChunkRanges(range) {
            buffer.clear()
            _ = try source.read(chunk.count, at: chunk.lowerBound, into: &buffer)
            try file.write(buffer, at: target + (chunk.lowerBound - range.lowerBound))
        }
    }

    private func write(_ sidecar: FileSidecar, of location: TargetLocation) throws {
        let names = FileSidecar.names(of: location)
        guard let folder = try tree.folder([".oxbow"] + names.folder, isMaking: true) else {
            throw SystemFailure("mkdir", ".oxbow")
        }
        let name = "put-\(UInt64.random(in: 0...UInt64.max))"
        let file = try FileDescriptor.open(name, in: temporary, flags: O_WRONLY | O_CREAT | O_EXCL)
        try file.write(ByteBuffer(bytes: sidecar.encoded()), at: 0)
        try file.sync()
        guard unsafe renameat(temporary.number, name, folder.number, names.file) == 0 else {
            throw SystemFailure("rename", names.file)
        }
        try folder.sync()
    }

    private func sidecar(of location: TargetLocation) throws -> FileSidecar? {
        let names = FileSidecar.names(of: location)
        guard let folder = try tree.folder([".oxbow"] + names.folder, isMaking: false) else { return nil }
        let flags = O_RDONLY | O_NONBLOCK
        guard let file = try FileDescriptor.openIfPresent(names.file, in: folder, flags: flags) else { return nil }
        var buffer = ByteBuffer()
        guard try file.read(Int(min(file.status().st_size, 1 << 20)), at: 0, into: &buffer) else { return nil }
        return try? JSONDecoder().decode(FileSidecar.self, from: Data(buffer.readableBytesView))
    }

    private static func modified(_ status: stat) -> Int64 {
        Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    }

    func missing(_ location: TargetLocation, _ kind: RequestKind) -> TargetFailure {
        TargetFailure(
            kind: .noSuchObject, operation: kind.rawValue, subject: location.path, message: "there is no such file")
    }

    /// Gives a failed system call its operation and place.
    func step<Value>(_ kind: RequestKind, _ location: TargetLocation, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let failure as SystemFailure {
            throw failed(failure, kind, location)
        }
    }

    private func failed(_ failure: SystemFailure, _ kind: RequestKind, _ location: TargetLocation) -> TargetFailure {
        let isFull = failure.code == ENOSPC || failure.code == EDQUOT
        return TargetFailure(
            kind: isFull ? .full : .file, operation: kind.rawValue,
            subject: "\(location.path) in \(identity.description)", message: failure.description,
            remedy: isFull ? "Make room and start again; the journal continues where this run stopped" : "")
    }
}
