import Foundation

/// A folder for the files of one test; it goes, with everything in it, with its last reference.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("oxbow-test-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a name in the folder.
    package static func / (folder: TemporaryFolder, name: String) -> String { "\(folder.path)/\(name)" }

    /// Writes a file and gives its path.
    package func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: self / name))
        return self / name
    }

    /// The bytes of a file; nil when there is none.
    package func bytes(_ name: String) -> [UInt8]? {
        FileManager.default.contents(atPath: self / name).map { Array($0) }
    }

    /// All regular files below the folder, as paths relative to it, sorted.
    package var files: [String] {
        (FileManager.default.enumerator(atPath: path)?.allObjects as? [String] ?? []).filter { name in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: self / name, isDirectory: &isFolder) && !isFolder.boolValue
        }.sorted()
    }
}
