import Foundation
import Testing

/// A classic pcap file as header and records, so that tests can cut and double it.
struct Pcap {
    let header: Data
    let records: [Data]

    init(contentsOf path: String) throws {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        try #require(bytes.prefix(4) == Data([0xd4, 0xc3, 0xb2, 0xa1]), "a little-endian microsecond pcap is needed")
        header = bytes.prefix(24)
        var records: [Data] = []
        var position = 24
        while position + 16 <= bytes.count {
            let length = bytes[(position + 8)..<(position + 12)].enumerated().reduce(0) {
                $0 | Int($1.element) << (8 * $1.offset)
            }
            records.append(bytes[position..<(position + 16 + length)])
            position += 16 + length
        }
        self.records = records
    }

    /// Writes some of the records as a capture of their own.
    func write(_ records: ArraySlice<Data>, to path: String) throws {
        var file = header
        for record in records { file.append(record) }
        try file.write(to: URL(fileURLWithPath: path))
    }
}
