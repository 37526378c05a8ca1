import ArgumentParser
import Catalog
import Foundation
import Objects
import Vaults

/// `oxbow get`.
struct GetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Restores an object into a file.",
        discussion: """
            The file appears under its name only when every byte was read and checked. An existing file is left alone \
            unless --force. To restore many objects at once, use `oxbow migrate --to file:DIR`.
            """)

    @OptionGroup var vault: VaultOptions

    @Argument(help: ObjectSelector.help)
    var name: String

    @OptionGroup var which: VersionOptions

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The file. Default: the key's last part, escaped, in this folder.", valueName: "file"))
    var output: String?

    @Flag(help: "Replace the file if it exists.")
    var force = false

    func run() throws {
        let reader = try vault.openForReading()
        let version = try ObjectSelector.version(name, versionID: which.versionID, at: try which.time(), in: reader)
        let range = try ByteRange.resolve(nil, of: version)
        let path = output ?? Self.fileName(of: version.name.key)
        if !force, FileManager.default.fileExists(atPath: path) {
            throw CommandFailure(description: "\(path) exists; say --force to replace it, or --output FILE")
        }
        let temporary = "\(path).oxbow-\(getpid())"
        guard FileManager.default.createFile(atPath: temporary, contents: nil),
            let file = FileHandle(forWritingAtPath: temporary)
        else {
            throw CommandFailure(description: unsafe "\(temporary) cannot be made: \(String(cString: strerror(errno)))")
        }
        do {
            var progress = ProgressLine()
            var done: UInt64 = 0
            try reader.visitBytes(of: version, in: range) { bytes in
                unsafe try file.write(contentsOf: bytes.withUnsafeBytes { unsafe Data($0) })
                done += UInt64(bytes.byteCount)
                progress.draw(done: done, total: range.upperBound, text: "\(ByteText.text(done)) of \(path)")
            }
            progress.clear()
            try file.synchronize()
            try file.close()
            guard unsafe rename(temporary, path) == 0 else {
                throw CommandFailure(description: unsafe "\(path): \(String(cString: strerror(errno)))")
            }
        } catch {
            unsafe unlink(temporary)
            throw error
        }
        Terminal.note("\(version.name.url) -> \(path), \(range.upperBound) bytes, \(version.state.rawValue)")
    }

    /// A name for a local file that no key can turn into a path elsewhere.
    static func fileName(of key: ObjectKey) -> String {
        let last = key.bytes.split(separator: UInt8(ascii: "/")).last.map(Array.init) ?? []
        let escaped = PercentEncoding.encode(last, keeping: PercentEncoding.isUnreserved)
        if escaped.isEmpty || escaped.hasPrefix(".") { return "object\(escaped)" }
        return String(escaped.prefix(200))
    }
}
