import Blocks
import Encryption
import Foundation
import TestSupport
import Testing

@testable import Storage

/// A vault's segment folder, a pool, and records whose content is known.
struct Fixture {
    let folder: TemporaryFolder
    let directory: SegmentDirectory
    let pool: BlockPool
    let hasher: OpenSSLBlockHasher

    init(options: StorageOptions = .mixed, blockBytes: Int = 4096, keys: VaultKeys? = nil) throws {
        folder = try TemporaryFolder()
        let size = try BlockSize(bytes: blockBytes)
        directory = SegmentDirectory(
            path: folder.path + "/segments", vault: VaultID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210),
            blockSize: size, options: options, keys: keys)
        pool = try BlockPool(blockSize: size, budgetBytes: 64 * size.bytes)
        hasher = try OpenSSLBlockHasher()
        try directory.prepare()
    }

    func fingerprint(_ bytes: [UInt8]) throws -> Fingerprint { try hasher.fingerprint(of: bytes.span.bytes) }
}

extension StorageOptions {
    /// Small frames go through the page cache, those of some blocks of 4 KiB past it, into one file.
    static var mixed: StorageOptions {
        var options = StorageOptions()
        options.directBytesMin = 12 << 10
        return options
    }
}

// In a segment without encryption the fingerprint does not matter to a read.
extension SegmentReader {
    func read(_ location: BlockLocation) throws(StorageError) -> [UInt8] {
        try read(location, of: Fingerprint(0, 0, 0, 0))
    }
}

extension FileBlockStore {
    func read(_ location: BlockLocation) throws(StorageError) -> [UInt8] {
        try read(location, of: Fingerprint(0, 0, 0, 0))
    }
}

/// A record to be written, and to be found again.
enum Content: Hashable {
    case block([UInt8])
    case put(UInt8, [UInt8], [UInt8])
    case delete(UInt8, [UInt8])
}

extension Fixture {
    /// Appends one frame; blocks go through pool buffers.
    func append(_ contents: [Content], to writer: inout SegmentWriter) throws -> AppendedFrame {
        var frame = FrameBuilder(pool: pool, options: directory.options, isEncrypted: directory.keys != nil)
        var packer = try BlockPacker(.none, blockSize: pool.blockSize, keys: directory.keys)
        var buffers: [BlockBuffer] = []
        defer { pool.release(buffers) }
        for content in contents {
            switch content {
            case .block(let bytes):
                let buffer = try #require(pool.acquire())
                buffers.append(buffer)
                // Rubbish of an earlier block behind this one must not reach the file.
                pool.copy([UInt8](repeating: 0xEE, count: pool.blockSize.bytes).span.bytes, into: buffer, at: 0)
                pool.copy(bytes.span.bytes, into: buffer, at: 0)
                var block = BlockDescriptor(
                    transfer: .init(1), offset: 0, length: UInt32(bytes.count), buffer: buffer)
                block.fingerprint = try fingerprint(bytes)
                try packer.pack(&block, in: pool)
                frame.addBlock(block)
            case .put(let table, let key, let value): try frame.addCatalogPut(table: table, key: key, value: value)
            case .delete(let table, let key): try frame.addCatalogDelete(table: table, key: key)
            }
        }
        return try writer.append(frame)
    }

    /// What a replay of the reader's segment delivers, with block bytes read back through their locations.
    func contents(_ reader: SegmentReader, from offset: UInt64 = 4096) throws -> (contents: [Content], end: SegmentEnd?)
    {
        var replay = try reader.replay(from: offset)
        var contents: [Content] = []
        while let records = try replay.next() { contents += try records.map { try content(of: $0, in: reader) } }
        return (contents, replay.end)
    }

    func content(of record: SegmentRecord, in reader: SegmentReader) throws -> Content {
        switch record {
        case .block(let fingerprint, let location):
            let bytes = try reader.read(location, of: fingerprint)
            #expect(try self.fingerprint(bytes) == fingerprint)
            return .block(bytes)
        case .catalogPut(let table, let key, let value): return .put(table, key, value)
        case .catalogDelete(let table, let key): return .delete(table, key)
        case .other, .damaged: throw UnexpectedRecord(record: record)
        }
    }

    struct UnexpectedRecord: Error { let record: SegmentRecord }
}

extension SeededGenerator {
    /// A frame of records of every kind and length.
    mutating func frame(blockBytes: Int) -> [Content] {
        (0..<Int.random(in: 1...12, using: &self)).map { _ in
            switch Int.random(in: 0..<6, using: &self) {
            case 0: .block(bytes(blockBytes))
            case 1: .block(bytes(Int.random(in: 1...blockBytes, using: &self)))
            case 2: .block(bytes(blockBytes - Int.random(in: 0..<16, using: &self)))
            case 3: .delete(UInt8.random(in: 0...255, using: &self), bytes(Int.random(in: 1...40, using: &self)))
            default:
                .put(
                    UInt8.random(in: 0...255, using: &self), bytes(Int.random(in: 1...40, using: &self)),
                    bytes(Int.random(in: 0...3000, using: &self)))
            }
        }
    }
}

/// Reads and changes a file behind the library's back.
struct RawFile {
    let path: String

    func bytes() throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }
    func replace(with bytes: [UInt8]) throws { try Data(bytes).write(to: URL(filePath: path)) }
}
