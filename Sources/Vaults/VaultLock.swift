internal import CLinux
internal import Glibc

/// The right to write to a vault: an advisory lock that the kernel gives back when its process ends, however it ends.
struct VaultLock: ~Copyable {
    private let descriptor: Int32

    /// Takes the lock of the vault, or says who holds it.
    init(_ layout: VaultLayout) throws(VaultError) {
        let path = layout.lock
        let descriptor = unsafe oxbow_open(path, O_RDWR | O_CREAT, 0o644)
        guard descriptor >= 0 else { throw .system(operation: "open", path: path, errno: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            guard code == EWOULDBLOCK else { throw .system(operation: "lock", path: path, errno: code) }
            throw .locked(path: layout.root, owner: Self.owner(layout))
        }
        self.descriptor = descriptor
        // For people only: who holds the lock is decided by the kernel, so a failed write here harms nothing.
        let owner = Array("process \(getpid()) (\(Self.commandLine()))\n".utf8)
        ftruncate(descriptor, 0)
        _ = unsafe owner.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    deinit { close(descriptor) }

    /// Who writes to the vault now; nil when nobody does, or it cannot be told.
    static func holder(_ layout: VaultLayout) -> String? {
        let descriptor = unsafe oxbow_open(layout.lock, O_RDONLY, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // A shared lock, given back at once: it stands in the way of a writer for a moment only.
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK else { return nil }
        return owner(layout)
    }

    /// The holder as it wrote itself into the lock file.
    private static func owner(_ layout: VaultLayout) -> String {
        guard let bytes = try? readWholeFile(layout.lock, limit: 4096), !bytes.isEmpty else { return "another process" }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? "another process"
    }

    /// This program and its first argument: enough to recognise it, and no argument that might be private.
    private static func commandLine() -> String {
        CommandLine.arguments.prefix(2).enumerated().map { index, argument in
            index == 0 ? String(argument.split(separator: "/").last ?? "oxbow") : argument
        }.joined(separator: " ")
    }
}
