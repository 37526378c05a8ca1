/// What a journal's lines amount to: the last word on every location, and the uploads in progress.
///
/// Objects stay in the file; memory holds about 64 bytes for each, whatever the length of keys and metadata.
struct JournalIndex: Sendable {
    /// An object's place in the file and in this run.
    struct Entry: Sendable {
        /// Offset of the object's line; nil for a location that was only claimed.
        var offset: UInt64?
        /// Length of the line with its line feed.
        var length = 0
        /// True when this run came to the location.
        var isSeen = false
        /// True when the source says that the object was deleted there.
        var isDeletedAtSource = false

        /// True for an object that the source no longer knows at all.
        var isUnseen: Bool { !isSeen && !isDeletedAtSource && offset != nil }
    }

    /// An upload in progress.
    struct OpenUpload: Sendable {
        var record: UploadRecord
        var parts: [Int: PartRecord] = [:]
        /// Offsets and lengths of the lines it consists of.
        var lines: [(offset: UInt64, length: Int)]
    }

    private(set) var objects: [JournalKey: Entry] = [:]
    private(set) var contents: [JournalKey: JournalKey] = [:]
    private(set) var uploads: [String: OpenUpload] = [:]
    /// Uploads that were asked for and of which no answer is known, by location.
    private(set) var intents: [JournalKey: LocationRecord] = [:]
    /// Lines that count.
    var liveLines: Int { objects.count + uploads.values.reduce(0) { $0 + $1.lines.count } + intents.count }

    /// Takes an object's line, by its head alone.
    mutating func object(_ location: JournalKey, _ content: JournalKey?, offset: UInt64, length: Int) {
        let isSeen = objects[location]?.isSeen ?? false
        objects[location] = Entry(offset: offset, length: length, isSeen: isSeen)
        if let content { contents[content] = location }
    }

    /// Takes a line of another kind.
    mutating func take(_ record: JournalRecord, offset: UInt64, length: Int) {
        switch record {
        case .header, .object: break
        case .intent(let intent):
            intents[JournalKey(location: ObjectRecord.location(intent.bucket, intent.key))] = intent
        case .upload(let upload):
            intents[JournalKey(location: upload.handle.location)] = nil
            uploads[upload.id] = OpenUpload(record: upload, lines: [(offset, length)])
        case .part(let part):
            uploads[part.upload]?.parts[part.number] = part
            uploads[part.upload]?.lines.append((offset, length))
        case .uploadEnded(let id): uploads[id] = nil
        case .deleted(let deleted):
            objects[JournalKey(location: ObjectRecord.location(deleted.bucket, deleted.key))]?.offset = nil
        }
    }

    /// Marks a location as this run's; false when it was already.
    mutating func claim(_ location: JournalKey) -> Bool {
        if objects[location]?.isSeen == true { return false }
        objects[location, default: Entry()].isSeen = true
        return true
    }

    mutating func markDeletedAtSource(_ location: JournalKey) { objects[location]?.isDeletedAtSource = true }

    mutating func forgetIntent(_ location: JournalKey) { intents[location] = nil }

    mutating func forgetContent(_ content: JournalKey) { contents[content] = nil }
}
