internal import CLinux
internal import Encryption
internal import Glibc
internal import Vaults

/// Examines where a vault is, or shall be.
struct VaultExamination {
    let path: String
    let secret: VaultSecret?

    /// Below this a tap fills the disk within minutes.
    private static var freeBytesMin: UInt64 { 10 << 30 }
    /// A commit a second must fit many times.
    private static var syncMillisecondsMax: UInt64 { 50 }

    /// All findings.
    func run() -> [Finding] {
        guard let folder = existingFolder() else {
            return [
                Finding("vault", .failure, "\(path): no folder above it can be opened", remedy: "make it with mkdir -p")
            ]
        }
        guard unsafe access(folder, W_OK) == 0 else {
            return [
                Finding(
                    "vault", .failure, "\(folder) may not be written by user \(geteuid())",
                    remedy: "chown it to the user that the tap runs as")
            ]
        }
        return [room(folder), sync(folder), database(folder)]
    }

    /// The vault's folder, or the nearest above it that is there.
    private func existingFolder() -> String? {
        var folder = path
        while true {
            var facts = stat()
            if unsafe stat(folder, &facts) == 0 { return facts.st_mode & S_IFMT == S_IFDIR ? folder : nil }
            guard let slash = folder.lastIndex(of: "/") else { return "." }
            folder = slash == folder.startIndex ? "/" : String(folder[..<slash])
        }
    }

    private func room(_ folder: String) -> Finding {
        var facts = statvfs()
        guard unsafe statvfs(folder, &facts) == 0 else {
            return Finding("disk room", .warning, "\(folder): cannot be asked")
        }
        let free = UInt64(facts.f_bavail) &* UInt64(facts.f_frsize)
        let text = "\(free >> 20) MiB free at \(folder)"
        guard free >= 1 << 30 else {
            return Finding("disk room", .failure, text, remedy: "make room: the first GiB of traffic would fill it")
        }
        guard free >= Self.freeBytesMin else {
            return Finding(
                "disk room", .warning, text, remedy: "give the vault more room, or bound what is kept with --scope")
        }
        return Finding("disk room", .ok, text)
    }

    /// The median of a few small synced writes.
    private func sync(_ folder: String) -> Finding {
        let name = "\(folder)/.oxbow-doctor-\(getpid())"
        let descriptor = unsafe oxbow_open(name, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else {
            return Finding(
                "sync", .failure, "\(name): \(unsafe String(cString: oxbow_error_text(errno)))",
                remedy: "check the mount")
        }
        defer {
            close(descriptor)
            unsafe unlink(name)
        }
        let page = [UInt8](repeating: 0, count: 65_536)
        var times: [UInt64] = []
        for _ in 0..<7 {
            let began = SystemClock.monotonic
            let count = unsafe page.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
            guard count == page.count, fdatasync(descriptor) == 0 else {
                return Finding(
                    "sync", .failure, "\(name): \(unsafe String(cString: oxbow_error_text(errno)))",
                    remedy: "check the disk")
            }
            times.append((SystemClock.monotonic - began) / 1000)
        }
        let median = times.sorted()[times.count / 2]
        let text = "a write of 64 KiB is durable after \(median / 1000).\(median % 1000 / 100) ms"
        guard median <= Self.syncMillisecondsMax * 1000 else {
            return Finding(
                "sync", .warning, text, remedy: "use a faster disk, or raise --commit-milliseconds and --spool-limit")
        }
        return Finding("sync", .ok, text)
    }

    /// A vault that is there is opened as a tap would; otherwise a new one is made beside its place, and removed.
    private func database(_ folder: String) -> Finding {
        let isThere = unsafe access(VaultLayout(root: path).description, F_OK) == 0
        let place = isThere ? path : "\(folder)/.oxbow-doctor-vault-\(getpid())"
        defer { if !isThere { Self.remove(place) } }
        do throws(VaultError) {
            if isThere {
                _ = try VaultReader(opening: place, secret: secret)
                return Finding("vault", .ok, "\(path) opens")
            }
            var writer = try VaultWriter(path: place)
            try writer.close()
            return Finding("vault", .ok, "a new vault can be made (RocksDB opens) in \(folder)")
        } catch {
            return Finding("vault", .failure, error.description, remedy: "see `oxbow verify` and `oxbow rebuild`")
        }
    }

    /// Removes a folder that this made.
    private static func remove(_ path: String) {
        if let directory = unsafe opendir(path) {
            defer { unsafe closedir(directory) }
            while let entry = unsafe readdir(directory) {
                let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                    unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
                }
                if name != "." && name != ".." { remove("\(path)/\(name)") }
            }
            unsafe rmdir(path)
        } else {
            unsafe unlink(path)
        }
    }
}
