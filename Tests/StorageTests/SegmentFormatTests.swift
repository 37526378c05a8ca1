import Blocks
import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite struct SegmentFormatTests {
    /// Writes the file that the format page shows.
    private func exampleFile() throws -> [UInt8] {
        let fixture = try Fixture()
        let header = SegmentHeader(
            vault: VaultID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210), number: 7, writer: 0x2A,
            createdTime: 1_700_000_000_000_000_000, blockSize: fixture.pool.blockSize)
        let file = try OpenFile(fixture.directory.path(of: 7), flags: O_RDWR | O_CREAT)
        try file.write(header.encoded(), at: 0)
        var writer = try SegmentWriter(file: file, header: header, options: .mixed)
        _ = try fixture.append(
            [
                .block(Array("Hello, Oxbow!\n".utf8)), .block([UInt8](repeating: UInt8(ascii: "A"), count: 4096)),
                .put(1, Array("key".utf8), Array("value".utf8)), .delete(2, Array("gone".utf8)),
            ], to: &writer)
        try writer.seal()
        return try RawFile(path: writer.path).bytes()
    }

    /// The bytes that the page's hexdump shows, zero where it shows none.
    private func documentedFile() throws -> [UInt8] {
        let page = URL(filePath: ProjectFolder.path + "/docs/storage-format.md")
        var bytes: [UInt8] = []
        var repeatsLast = false
        let example = try #require(String(contentsOf: page, encoding: .utf8).split(separator: "\n## Example\n").last)
        for line in example.split(separator: "\n") {
            if line == "*" { repeatsLast = true }
            let words = line.split(separator: "|")[0].split(separator: " ")
            guard let first = words.first, first.count == 8, let offset = Int(first, radix: 16) else { continue }
            let last = bytes.suffix(16)
            while bytes.count < offset {
                if repeatsLast { bytes += last } else { bytes.append(0) }
            }
            bytes += words.dropFirst().compactMap { UInt8($0, radix: 16) }
            repeatsLast = false
        }
        return bytes
    }

    @Test func `the example on the format page is what is written`() throws {
        let (written, documented) = (try exampleFile(), try documentedFile())
        #expect(written.count == documented.count)
        for (offset, pair) in zip(written, documented).enumerated() where pair.0 != pair.1 {
            Issue.record("offset \(offset): written \(pair.0), documented \(pair.1)")
            return
        }
    }
}
