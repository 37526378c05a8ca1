import Capture
import Foundation
import TestSupport
import Testing

@Suite struct CaptureErrorTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func error(_ path: String) -> CaptureError? {
        do throws(CaptureError) {
            _ = try CaptureFile(path: path)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a missing file is named with the system's reason`() throws {
        let path = folder.path + "/none.pcap"
        #expect(error(path) == .cannotOpen(path: path, errno: ENOENT))
        #expect("\(try #require(error(path)))".contains("No such file"))
    }

    @Test func `things that are no regular file are refused and never waited for`() throws {
        #expect(error(folder.path) == .isDirectory(path: folder.path))
        let pipe = folder.path + "/pipe"
        try #require(mkfifo(pipe, 0o600) == 0)
        #expect(error(pipe) == .notRegular(path: pipe, what: "pipe"))
        #expect(error("/dev/null") == .notRegular(path: "/dev/null", what: "character device"))
    }

    @Test func `an empty file is empty, and one that ends in its header is cut`() throws {
        var path = try folder.write("empty", [])
        #expect(error(path) == .empty(path: path))
        var builder = CaptureBuilder()
        builder.pcapHeader()
        path = try folder.write("short", Array(builder.bytes[..<23]))
        #expect(error(path) == .truncatedHeader(path: path, found: 23, expected: 24))
        builder = CaptureBuilder()
        builder.section()
        path = try folder.write("short", Array(builder.bytes[..<27]))
        #expect(error(path) == .truncatedHeader(path: path, found: 27, expected: 28))
    }

    @Test(
        arguments: [
            ([0x1F, 0x8B, 8, 0], "gzip", "gunzip"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd", "unzstd"),
            ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "xz", "unxz"), ([0x04, 0x22, 0x4D, 0x18], "lz4", "unlz4"),
            ([0x42, 0x5A, 0x68, 0x39], "bzip2", "bunzip2"), ([0x50, 0x4B, 3, 4], "zip", "unzip"),
        ] as [([UInt8], String, String)])
    func `a compressed capture is named with the command that undoes it`(
        bytes: [UInt8], format: String, tool: String
    ) throws {
        let path = try folder.write("packed", bytes + packet(1))
        #expect(error(path) == .compressed(path: path, format: format, tool: "\(tool) \(path)"))
        #expect("\(try #require(error(path)))".contains("'\(tool) \(path)'"))
    }

    @Test func `what is no capture is told by its first bytes`() throws {
        var path = try folder.write("text", Array("hello".utf8))
        #expect(error(path) == .notCapture(path: path, firstBytes: Array("hell".utf8)))
        #expect("\(try #require(error(path)))".contains("68 65 6c 6c"))
        path = try folder.write("tiny", [7])
        #expect(error(path) == .notCapture(path: path, firstBytes: [7]))
        path = try folder.write("snoop", Array("snoop\0\0\0".utf8) + packet(1))
        #expect(error(path) == .otherFormat(path: path, format: "snoop"))
    }

    @Test func `versions that are not known are refused`() throws {
        for version in [(UInt16(1), UInt16(4)), (2, 5), (3, 0)] {
            var builder = CaptureBuilder()
            builder.pcapHeader(version: version)
            let path = try folder.write("a.pcap", builder.bytes)
            let expected = CaptureError.unsupportedVersion(
                path: path, format: "pcap", major: version.0, minor: version.1)
            #expect(error(path) == expected)
        }
        var builder = CaptureBuilder()
        builder.section(major: 2, minor: 1)
        var path = try folder.write("a.pcapng", builder.bytes)
        #expect(error(path) == .unsupportedVersion(path: path, format: "pcapng", major: 2, minor: 1))
        builder = CaptureBuilder()
        builder.section()
        builder.bytes[8] ^= 0xFF
        path = try folder.write("a.pcapng", builder.bytes)
        #expect(
            error(path)
                == .badHeader(
                    path: path, fault: CaptureFault(path: path, offset: 0, kind: .badByteOrderMagic(0xB23C_2B1A))))
    }

    @Test func `no descriptor is left open by a refused file, nor by one that was read`() throws {
        /// Descriptors of this process that are open on a path.
        func descriptors(on path: String) throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
                .count { (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path }
        }
        let text = try folder.write("text", Array("hello".utf8))
        #expect(error(text) != nil)
        #expect(try descriptors(on: text) == 0)
        var builder = CaptureBuilder()
        builder.pcapHeader()
        builder.pcapRecord(1, 0, packet(1))
        let path = try folder.write("a.pcap", builder.bytes)
        do {
            var file = try CaptureFile(path: path)
            #expect(file.advance() != nil)
            #expect(try descriptors(on: path) == 1)
        }
        #expect(try descriptors(on: path) == 0)
        var stream = try CaptureStream(paths: [path, path])
        #expect(try descriptors(on: path) == 0)
        while stream.next({ _, _ in () }) != nil {}
        #expect(try descriptors(on: path) == 0)
    }
}
