internal import Foundation
internal import Glibc
internal import NIOCore
internal import Objects
internal import Synchronization
internal import Vaults

/// What a migration did so far, so that it can be killed at any moment and go on: an append-only file of checked lines.
///
/// A line is written with one `write`, so that it survives the end of the process at once; ``sync()`` makes it survive
/// the end of the machine. A line that is lost costs a repetition, never a wrong claim: every claim is written after
/// the target's answer. One journal belongs to one vault and one target.
final class Journal: Sendable {
    private struct State: Sendable {
        var file: FileDescriptor
        var end: UInt64
        var isDirty = false
        var index = JournalIndex()
        var damagedLines = 0
        var lines = 0
        /// Encrypts lines; nil in a vault in clear.
        var cipher: LineCipher?
    }

    let path: String
    private let folder: FileDescriptor
    private let lock: FileDescriptor
    private let state: Mutex<State>

    /// Opens the journal of a target below `folder`, or begins it. Refuses one that another process has open, and one
    /// of another vault or target.
    init(
        folder path: String, source: String, target: TargetIdentity, cipher: LineCipher? = nil
    ) throws(ReplicationError) {
        let place = "\(path)/\(target.id)"
        self.path = "\(place)/journal"
        let header = JournalHeader(format: 1, source: source, target: target.id)
        do {
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            folder = try FileDescriptor.open(path: place, flags: O_RDONLY | O_DIRECTORY)
            lock = try FileDescriptor.open("lock", in: folder, flags: O_RDWR | O_CREAT, mode: 0o600)
            guard flock(lock.number, LOCK_EX | LOCK_NB) == 0 else {
                throw Self.refusal(self.path, "another migration to this target runs", "Wait for its end, or end it")
            }
            let file = try FileDescriptor.open("journal", in: folder, flags: O_RDWR | O_CREAT, mode: 0o600)
            var loaded = try Self.load(file, path: self.path, header: header, cipher)
            if loaded.end == 0 {
                try Self.append(record: .header(header), &loaded)
                try file.sync()
                try folder.sync()
            }
            // Rewriting pays when most lines are superseded; until then appending is cheaper than any care.
            if loaded.lines > 10_000, loaded.lines > 2 * loaded.index.liveLines {
                loaded = try Self.compact(loaded, folder, path: self.path, header: header)
            }
            state = Mutex(loaded)
        } catch let error as ReplicationError {
            throw error
        } catch {
            throw Self.refusal(self.path, "\(error)", "Check the folder's permissions and the room on its disk")
        }
    }

    // A process that is being started holds copies of our descriptors for a moment; only this ends the lock at once.
    deinit { _ = flock(lock.number, LOCK_UN) }

    // MARK: Writing

    /// Writes a line and takes it into the index.
    func append(_ record: JournalRecord) throws {
        let cipher = state.withLock { $0.cipher }
        let line = try cipher?.encrypt(journalLine: JournalLine.encode(record)) ?? JournalLine.encode(record)
        do {
            try state.withLock { state in
                let offset = state.end
                try Self.append(line, &state)
                if case .object(let object) = record {
                    state.index.object(
                        JournalKey(location: object.location), object.content.map(JournalKey.init(content:)),
                        offset: offset, length: line.count)
                } else {
                    state.index.take(record, offset: offset, length: line.count)
                }
            }
        } catch {
            throw Self.refusal(path, "\(error)", "Make room on its disk and start again; nothing that is done is lost")
        }
    }

    /// Makes all lines written so far durable.
    func sync() throws {
        let file = state.withLock { state -> FileDescriptor? in
            defer { state.isDirty = false }
            return state.isDirty ? state.file : nil
        }
        do {
            try file?.sync()
        } catch {
            throw Self.refusal(path, "\(error)", "Look at the disk; what was done since the last sync may be repeated")
        }
    }

    // MARK: Asking

    /// The object at a location, if the journal says that the target has it.
    func object(at location: TargetLocation) throws -> ObjectRecord? {
        guard let record = try record(for: JournalKey(location: location)), record.location == location else {
            return nil
        }
        return record
    }

    /// An object with this content that the target has.
    func object(content: String) throws -> ObjectRecord? {
        let key = JournalKey(content: content)
        guard let location = state.withLock({ $0.index.contents[key] }) else { return nil }
        // The location may hold another content by now.
        guard let record = try record(for: location), record.content == content else { return nil }
        return record
    }

    /// Drops the knowledge that a content is at the target, after the target said otherwise.
    func forget(content: String) { state.withLock { $0.index.forgetContent(JournalKey(content: content)) } }

    /// Takes a location for this run; false when an object of this run has it already.
    func claim(_ location: TargetLocation) -> Bool {
        let key = JournalKey(location: location)
        return state.withLock { $0.index.claim(key) }
    }

    /// The upload in progress at a location for a revision of its source.
    func upload(at location: TargetLocation, revision: String) -> JournalIndex.OpenUpload? {
        state.withLock { state in
            state.index.uploads.values.first {
                $0.record.revision == revision && $0.record.handle.location == location
            }
        }
    }

    /// All uploads in progress.
    var uploads: [UploadRecord] { state.withLock { $0.index.uploads.values.map(\.record) } }

    /// Uploads that were asked for without a known answer.
    var intents: [LocationRecord] { state.withLock { Array($0.index.intents.values) } }

    /// Forgets an intent that was looked into.
    func forget(_ intent: LocationRecord) {
        let key = JournalKey(location: ObjectRecord.location(intent.bucket, intent.key))
        state.withLock { $0.index.forgetIntent(key) }
    }

    /// Objects at the target, and lines that could not be read.
    var counts: (objects: Int, damagedLines: Int) {
        state.withLock { state in
            (state.index.objects.values.reduce(0) { $0 + ($1.offset == nil ? 0 : 1) }, state.damagedLines)
        }
    }

    /// Up to `limit` objects that this run did not come to, and how many there are.
    func unseen(limit: Int) throws -> (count: Int, names: [String]) {
        let keys = state.withLock { state in
            state.index.objects.filter { $0.value.isUnseen }.map(\.key)
        }
        var names: [String] = []
        for key in keys.prefix(limit) { if let record = try record(for: key) { names.append(record.name) } }
        return (keys.count, names.sorted())
    }

    /// Marks an object whose name was deleted at the source, so that it does not count as not seen.
    func markDeletedAtSource(_ location: TargetLocation) {
        let key = JournalKey(location: location)
        state.withLock { $0.index.markDeletedAtSource(key) }
    }

    /// The intent at a location that no upload followed.
    func intent(at location: TargetLocation) -> LocationRecord? {
        let key = JournalKey(location: location)
        return state.withLock { $0.index.intents[key] }
    }

    private func record(for key: JournalKey) throws -> ObjectRecord? {
        let (file, entry, cipher) = state.withLock { ($0.file, $0.index.objects[key], $0.cipher) }
        guard let entry, let offset = entry.offset else { return nil }
        var buffer = ByteBuffer()
        guard try file.read(entry.length, at: offset, into: &buffer) else { return nil }
        guard let line = Self.clear(Array(buffer.readableBytesView).dropLast(), cipher),
            let head = JournalLine.head(of: line), case .object(let record)? = JournalLine.record(of: line, head)
        else { return nil }
        return record
    }

    // MARK: The file

    private static func append(record: JournalRecord, _ state: inout State) throws {
        let line = try JournalLine.encode(record)
        try append(try state.cipher?.encrypt(journalLine: line) ?? line, &state)
    }

    /// A line as it was before encryption; nil when it is none of this vault's.
    private static func clear(_ line: ArraySlice<UInt8>, _ cipher: LineCipher?) -> ArraySlice<UInt8>? {
        guard let cipher else { return line }
        return cipher.decrypt(journalLine: line)
    }

    private static func append(_ line: [UInt8], _ state: inout State) throws(SystemFailure) {
        do {
            try state.file.write(ByteBuffer(bytes: line), at: state.end)
        } catch {
            // Half a line in the middle would cost the line behind it too.
            _ = ftruncate(state.file.number, off_t(state.end))
            throw error
        }
        state.end += UInt64(line.count)
        state.lines += 1
        state.isDirty = true
    }

    /// Reads all lines; cuts what a crash left half written at the end.
    private static func load(
        _ file: FileDescriptor, path: String, header: JournalHeader, _ cipher: LineCipher?
    ) throws -> State {
        var state = State(file: file, end: 0, cipher: cipher)
        var reader = JournalReader(file: file)
        var goodEnd: UInt64 = 0
        var badLines = 0
        while let (stored, offset) = try reader.next() {
            // What does not decrypt is damage, as is what does not match its check.
            let line = clear(stored, cipher) ?? []
            let head = JournalLine.head(of: line)
            if offset == 0, let head { try check(head, line, path: path, header: header) }
            guard let head, offset > 0 || head.letter == "h" else {
                badLines += 1
                continue
            }
            if head.letter == "o", let location = head.location {
                state.index.object(location, head.content, offset: offset, length: stored.count + 1)
            } else if let record = JournalLine.record(of: line, head) {
                state.index.take(record, offset: offset, length: stored.count + 1)
            }
            // Damage before a good line is inside the file; damage behind the last good one is the torn end.
            state.damagedLines += badLines
            badLines = 0
            state.lines += 1
            goodEnd = offset + UInt64(stored.count) + 1
        }
        if state.lines > 0, state.damagedLines > 0, try !beginsWithHeader(file, cipher) {
            throw refusal(path, "its first line is damaged", "Move it away; the migration then begins anew")
        }
        // A torn first line has no line feed; whole lines of which none is ours are someone else's file.
        if state.lines == 0, badLines > 0 {
            throw refusal(
                path, "it is no journal, or its first line is damaged", "Move it away; the migration then begins anew")
        }
        state.end = goodEnd
        guard ftruncate(file.number, off_t(goodEnd)) == 0 else { throw SystemFailure("ftruncate", path) }
        return state
    }

    private static func beginsWithHeader(_ file: FileDescriptor, _ cipher: LineCipher?) throws -> Bool {
        var reader = JournalReader(file: file)
        guard let (stored, _) = try reader.next(), let line = clear(stored, cipher) else { return false }
        return JournalLine.head(of: line)?.letter == "h"
    }

    private static func check(
        _ head: JournalLine.Head, _ line: ArraySlice<UInt8>, path: String, header: JournalHeader
    ) throws(ReplicationError) {
        guard head.letter == "h", case .header(let found)? = JournalLine.record(of: line, head) else {
            throw refusal(path, "it does not begin with a header", "Move it away; the migration then begins anew")
        }
        guard found.format == header.format else {
            throw refusal(path, "its format is \(found.format), this version knows 1", "Use the version that wrote it")
        }
        guard found.source == header.source else {
            throw refusal(
                path, "it belongs to vault \(found.source), not to \(header.source)",
                "Give each vault a folder of its own")
        }
        guard found.target == header.target else {
            throw refusal(path, "it belongs to target \(found.target), not to \(header.target)", "Move it away")
        }
    }

    /// Writes the lines that count into a new file, and puts it into the old one's place.
    private static func compact(
        _ old: State, _ folder: FileDescriptor, path: String, header: JournalHeader
    ) throws -> State {
        let file = try FileDescriptor.open("journal.new", in: folder, flags: O_RDWR | O_CREAT | O_TRUNC, mode: 0o600)
        var new = State(file: file, end: 0, damagedLines: old.damagedLines, cipher: old.cipher)
        try append(record: .header(header), &new)
        let objects = old.index.objects.values.compactMap { entry in entry.offset.map { ($0, entry.length) } }
        let uploads = old.index.uploads.values.flatMap { $0.lines.map { ($0.offset, $0.length) } }
        for (offset, length) in (objects + uploads).sorted(by: { $0.0 < $1.0 }) {
            var buffer = ByteBuffer()
            guard try old.file.read(length, at: offset, into: &buffer) else { continue }
            try append(Array(buffer.readableBytesView), &new)
        }
        for intent in old.index.intents.values { try append(record: .intent(intent), &new) }
        try file.sync()
        guard unsafe renameat(folder.number, "journal.new", folder.number, "journal") == 0 else {
            throw SystemFailure("rename", "journal.new")
        }
        try folder.sync()
        var loaded = try load(file, path: path, header: header, old.cipher)
        loaded.damagedLines = old.damagedLines
        return loaded
    }

    private static func refusal(_ path: String, _ reason: String, _ remedy: String) -> ReplicationError {
        .journal(path: path, reason: reason, remedy: remedy)
    }
}

/// Cuts a file into lines, a window at a time.
struct JournalReader {
    private let file: FileDescriptor
    private var window: [UInt8] = []
    private var windowStart: UInt64 = 0
    private var cursor = 0
    private var isAtEnd = false

    init(file: FileDescriptor) { self.file = file }

    /// The next line without its line feed, and its offset; nil at the end of the file, where a line without line feed
    /// is none.
    mutating func next() throws -> (line: ArraySlice<UInt8>, offset: UInt64)? {
        var searched = cursor
        while true {
            if let feed = window[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { cursor = feed + 1 }
                return (window[cursor..<feed], windowStart + UInt64(cursor))
            }
            if isAtEnd { return nil }
            searched = window.count - cursor
            try refill()
            searched = min(searched, window.count)
        }
    }

    private mutating func refill() throws {
        window.removeFirst(cursor)
        windowStart += UInt64(cursor)
        cursor = 0
        // Damage without a line feed must not take all memory: what is longer than any line is dropped.
        if window.count > JournalLine.bytesMax {
            windowStart += UInt64(window.count)
            window.removeAll()
        }
        var buffer = ByteBuffer()
        isAtEnd = try !file.read(1 << 20, at: windowStart + UInt64(window.count), into: &buffer)
        window += Array(buffer.readableBytesView)
    }
}
