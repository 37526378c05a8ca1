internal import CLinux
internal import Encryption
internal import Glibc
internal import Synchronization

/// The file in which packets wait that memory has no room for: slots of one arena each, encrypted.
///
/// It survives nothing and is never synced: what it holds was not taken in yet, and a later run cannot know what came
/// between. Packets carry credentials, so they are sealed under a key that is drawn when the file is made and never leaves
/// memory: a file that a killed run leaves behind tells nobody anything, and the next run removes it. Reading and writing
/// different slots from two threads is safe: every call names its place, and each direction has a cipher of its own.
final class SpoolFile: Sendable {
    let path: String
    private let descriptor: Int32
    private let writer: Mutex<Writer>
    private let opener: Mutex<SpoolSeal>

    /// Bytes from one slot of arenas to the next.
    static let slotBytes = slotBytes(content: FrameRelay.arenaBytes)
    /// The most bytes that a slot holds.
    private let contentBytes: Int
    /// Bytes from one slot of the file to the next: its content and what sealing adds, in whole pages.
    private let strideBytes: Int

    private static func slotBytes(content: Int) -> Int { (content + SpoolSeal.headerBytes + 4095) & ~4095 }

    /// Makes the file, with slots for so many bytes each, and its folder when that is missing.
    convenience init(
        folder: String, name: String, contentBytes: Int = FrameRelay.arenaBytes
    ) throws(SpoolError) {
        let path = "\(folder)/\(name)"
        if unsafe mkdir(folder, 0o700) != 0, errno != EEXIST { throw SpoolError(path: folder, errno: errno) }
        if unsafe unlink(path) != 0, errno != ENOENT { throw SpoolError(path: path, errno: errno) }
        try self.init(opening: path, O_RDWR | O_CREAT | O_EXCL, isOwned: true, contentBytes)
    }

    /// A spool on a device that is there already, and stays.
    convenience init(device: String) throws(SpoolError) {
        try self.init(opening: device, O_RDWR, isOwned: false, FrameRelay.arenaBytes)
    }

    private init(opening file: String, _ flags: Int32, isOwned: Bool, _ contentBytes: Int) throws(SpoolError) {
        guard let seals = SpoolSeal.pair() else {
            throw SpoolError(
                path: file, reason: "OpenSSL gives no key or no AES-256-GCM, and nothing is written in clear")
        }
        let descriptor = unsafe oxbow_open(file, flags, 0o600)
        guard descriptor >= 0 else { throw SpoolError(path: file, errno: errno) }
        self.descriptor = descriptor
        path = isOwned ? file : ""
        self.contentBytes = contentBytes
        strideBytes = Self.slotBytes(content: contentBytes)
        writer = Mutex(Writer(seal: seals.sealing, contentBytes: contentBytes))
        opener = Mutex(seals.opening)
    }

    deinit {
        close(descriptor)
        if !path.isEmpty { unsafe unlink(path) }
    }

    /// Seals an arena's bytes and writes them to a slot; 0 or the error number.
    func write(_ bytes: UnsafeRawBufferPointer, slot: Int) -> Int32 {
        precondition(bytes.count <= contentBytes)
        return writer.withLock { writer in
            guard unsafe writer.seal.seal(bytes, slot: slot, into: writer.room) else { return EIO }
            return unsafe put(writer.room, bytes.count + SpoolSeal.headerBytes, at: slot * strideBytes)
        }
    }

    /// Fills `bytes` with what was written to a slot; 0 or the error number, which is `EIO` when the slot holds anything
    /// but what was written to it.
    func read(_ bytes: UnsafeMutableRawBufferPointer, slot: Int) -> Int32 {
        let offset = slot * strideBytes
        return unsafe withUnsafeTemporaryAllocation(byteCount: SpoolSeal.headerBytes, alignment: 16) { header in
            guard let place = bytes.baseAddress, let head = header.baseAddress else { return 0 }
            let code = unsafe fetch(head, header.count, at: offset)
            if code != 0 { return code }
            let bodyCode = unsafe fetch(place, bytes.count, at: offset + header.count)
            if bodyCode != 0 { return bodyCode }
            return opener.withLock { unsafe $0.open(bytes, header: head, slot: slot) } ? 0 : EIO
        }
    }

    private func put(_ start: UnsafeRawPointer, _ count: Int, at offset: Int) -> Int32 {
        var done = 0
        while done < count {
            let written = unsafe pwrite(descriptor, start + done, count - done, offset + done)
            if written < 0 {
                if errno == EINTR { continue }
                return errno
            }
            done += written
        }
        return 0
    }

    private func fetch(_ start: UnsafeMutableRawPointer, _ count: Int, at offset: Int) -> Int32 {
        var done = 0
        while done < count {
            let read = unsafe pread(descriptor, start + done, count - done, offset + done)
            if read < 0 {
                if errno == EINTR { continue }
                return errno
            }
            if read == 0 { return EIO }
            done += read
        }
        return 0
    }

    /// Gives the room back; nothing in the file is needed any more.
    func clear() { _ = ftruncate(descriptor, 0) }

    /// Removes spool files that earlier runs left behind; how many there were.
    static func removeStale(in folder: String) -> Int {
        guard let directory = unsafe opendir(folder) else { return 0 }
        defer { unsafe closedir(directory) }
        var removed = 0
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard name.hasSuffix(".spool") else { continue }
            if unsafe unlink("\(folder)/\(name)") == 0 { removed += 1 }
        }
        return removed
    }

    /// The cipher of the thread that writes, and the room in which it seals.
    ///
    /// `@unchecked Sendable`: the room is known to this noncopyable value alone, and lent under the mutex.
    @safe
    private struct Writer: ~Copyable, @unchecked Sendable {
        var seal: SpoolSeal
        // Safe: allocated in `init` for one slot, freed only in `deinit`, lent under the mutex.
        let room: UnsafeMutableRawPointer

        init(seal: consuming SpoolSeal, contentBytes: Int) {
            self.seal = seal
            unsafe room = .allocate(byteCount: contentBytes + SpoolSeal.headerBytes, alignment: 4096)
        }

        deinit { unsafe room.deallocate() }
    }
}

/// Why there is no spool.
struct SpoolError: Error, CustomStringConvertible {
    var path: String
    var reason: String

    init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    init(path: String, errno: Int32) { self.init(path: path, reason: unsafe String(cString: oxbow_error_text(errno))) }

    var description: String { "\(path): \(reason)" }
}
