internal import CLinux
internal import Cleartext
internal import Glibc

/// A key log that is read on while it grows, whatever its writers do to it.
///
/// - Replaced by another file (rotation): the old one is read on while the new one is read, since programs that have it
///   open go on writing to it; at most ``generationsMax`` files at once, a quiet one first to go.
/// - Cut short, or begun anew in place: read from its start. That is noticed by the size, and by the last bytes that were
///   read, which are then different ones. The store knows what it has twice.
/// - Not there, or not there any more: waited for.
final class KeyLog {
    let path: String
    private var generations: [Generation] = []
    /// Why the file could not be opened the last time; 0 when it could, or was not there.
    private var fault: Int32 = 0
    private var isAbsent = false
    private var closedUnreadableLines: UInt64 = 0
    /// What the user should know of, not yet told.
    private var problems: [String] = []

    private static var generationsMax: Int { 4 }

    /// One file that had the name.
    private final class Generation {
        let descriptor: Int32
        let device: dev_t
        let inode: ino_t
        var offset: Int64 = 0
        var parser = KeyLogParser()
        /// Of the bytes before `offset`.
        var fingerprint = 0

        init(descriptor: Int32, device: dev_t, inode: ino_t) {
            self.descriptor = descriptor
            self.device = device
            self.inode = inode
        }

        deinit { Glibc.close(descriptor) }
    }

    /// A log, opened now if it is there. Throws when it is there and cannot be read, and, with `mustExist`, when it is not.
    init(_ path: String, mustExist: Bool) throws(ReplayError) {
        self.path = path
        open()
        if fault != 0 { throw .setup(Self.text(path, fault)) }
        guard isAbsent else { return }
        if mustExist { throw .setup(Self.text(path, ENOENT)) }
        problems.append("key log \(path) is not there yet; it is read as soon as it is")
    }

    /// Lines that could not be read.
    var unreadableLines: UInt64 {
        generations.reduce(closedUnreadableLines) { $0 &+ $1.parser.unreadableLines }
    }

    /// What the user should know of since the last call.
    func takeProblems() -> [String] {
        defer { problems = [] }
        return problems
    }

    /// Reads what was appended; at most about `most` bytes of each file. False when there may be more.
    func readOn(atMost most: Int = .max, _ take: (SecretEvent) -> Void) -> Bool {
        var isDone = true
        for generation in generations where !readOn(generation, most, take) { isDone = false }
        if lookAtName() { isDone = false }
        return isDone
    }

    /// Opens the file anew by its name and reads it from the start. Files that had the name before are read on: a rotation is
    /// where a signal often comes from, and their last lines may not have been read yet.
    func reopen() {
        open()
        tellFault()
    }

    /// Says so if the file is open but could not be opened once more, as after a rotation.
    func checkAccess() {
        guard !generations.isEmpty else { return }
        let descriptor = unsafe oxbow_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0)
        guard descriptor < 0, errno != ENOENT else {
            if descriptor >= 0 { Glibc.close(descriptor) }
            return
        }
        problems.append(
            "key log \(path) is open, but could not be opened again once it is rotated: "
                + "\(unsafe String(cString: oxbow_error_text(errno))); let this user read it, and search its folder")
    }

    /// Reads a last line without a line feed as well.
    func finish(_ take: (SecretEvent) -> Void) {
        for generation in generations { generation.parser.finish(take) }
    }

    // MARK: Files

    private func open() {
        isAbsent = false
        fault = 0
        // Not blocking: a pipe without a writer must not hold the reader up, and is refused below.
        let descriptor = unsafe oxbow_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0)
        guard descriptor >= 0 else {
            isAbsent = errno == ENOENT
            if !isAbsent { fault = errno }
            return
        }
        var facts = stat()
        guard unsafe fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            fault = EISDIR
            Glibc.close(descriptor)
            return
        }
        if let same = generations.firstIndex(where: { $0.device == facts.st_dev && $0.inode == facts.st_ino }) {
            close(generations.remove(at: same))
        }
        generations.append(Generation(descriptor: descriptor, device: facts.st_dev, inode: facts.st_ino))
        if generations.count > Self.generationsMax { close(generations.removeFirst()) }
    }

    private func close(_ generation: Generation) { closedUnreadableLines &+= generation.parser.unreadableLines }

    /// Opens the file that has the name now if it is another one. True when it did.
    private func lookAtName() -> Bool {
        var facts = stat()
        guard unsafe stat(path, &facts) == 0 else {
            if errno != ENOENT, fault == 0 {
                fault = errno
                tellFault()
            }
            return false
        }
        let isKnown = generations.contains { $0.device == facts.st_dev && $0.inode == facts.st_ino }
        guard !isKnown else { return false }
        let before = fault
        open()
        if fault != before { tellFault() }
        return fault == 0
    }

    private func tellFault() {
        if fault != 0 { problems.append(Self.text(path, fault) + "; it is tried again") }
    }

    private static func text(_ path: String, _ code: Int32) -> String {
        if code == EISDIR { return "key log \(path) is no file; name a file in the NSS key log format" }
        let reason = unsafe String(cString: oxbow_error_text(code))
        let remedy =
            code == EACCES
            ? "let the user that oxbow runs as read it, and search its folder"
            : "name a file in the NSS key log format"
        return "key log \(path) cannot be read: \(reason); \(remedy)"
    }

    // MARK: Bytes

    private func readOn(_ generation: Generation, _ most: Int, _ take: (SecretEvent) -> Void) -> Bool {
        var facts = stat()
        guard unsafe fstat(generation.descriptor, &facts) == 0 else { return true }
        let size = Int64(facts.st_size)
        guard size != generation.offset else { return true }
        if size < generation.offset || fingerprint(of: generation) != generation.fingerprint { beginAnew(generation) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        defer { SecretBytes.wipe(&buffer) }
        var done = 0
        while done < most {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe pread(generation.descriptor, $0.baseAddress, $0.count, off_t(generation.offset))
            }
            guard count > 0 else { break }
            generation.offset += Int64(count)
            done += count
            generation.parser.read(unsafe buffer.span.bytes.extracting(0..<count), take)
        }
        generation.fingerprint = fingerprint(of: generation)
        return done < most
    }

    private func beginAnew(_ generation: Generation) {
        // The part of a line that was read is of what is gone.
        closedUnreadableLines &+= generation.parser.unreadableLines
        generation.parser = KeyLogParser()
        generation.offset = 0
    }

    /// A number for the last bytes that were read: another one, all but surely, when the file was written anew.
    private func fingerprint(of generation: Generation) -> Int {
        let count = Int(min(generation.offset, 256))
        var bytes = [UInt8](repeating: 0, count: count)
        defer { SecretBytes.wipe(&bytes) }
        let isRead = unsafe bytes.withUnsafeMutableBytes {
            unsafe pread(generation.descriptor, $0.baseAddress, count, off_t(generation.offset) - count) == count
        }
        return isRead ? bytes.hashValue : 0
    }
}
