import Foundation

/// A file system of its own in memory, small enough to fill; it goes with its last reference.
package final class TinyDisk: Sendable {
    package let path: String

    /// True when the tests may mount one.
    package static let isMountable: Bool = TinyDisk(bytes: 1 << 20) != nil

    /// Nil without the privilege to mount.
    package init?(bytes: Int) {
        path = FileManager.default.temporaryDirectory.appending(path: "oxbow-disk-\(UUID().uuidString)").path()
        guard mkdir(path, 0o700) == 0 else { return nil }
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(bytes)") == 0 else {
            rmdir(path)
            return nil
        }
    }

    deinit {
        umount2(path, 2)  // MNT_DETACH: readers may still be open.
        rmdir(path)
    }
}
