/// Reads records in the protobuf wire format. It is total: any bytes either decode or throw
/// ``CatalogError/malformed(record:offset:reason:)``; fields of unknown numbers are handed over and skipped by callers.
struct RecordDecoder {
    /// A field's value as it lies in the bytes.
    enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt64)
        case bytes(Range<Int>)
    }

    /// A field.
    struct Field {
        var number: Int
        var value: Value
    }

    private let bytes: [UInt8]
    private let record: StaticString
    private var position: Int
    private let end: Int

    init(_ bytes: [UInt8], record: StaticString) {
        self.bytes = bytes
        self.record = record
        position = 0
        end = bytes.count
    }

    private init(_ bytes: [UInt8], _ range: Range<Int>, record: StaticString) {
        self.bytes = bytes
        self.record = record
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position >= end }

    func malformed(_ reason: String) -> CatalogError {
        .malformed(record: record.description, offset: position, reason: reason)
    }

    /// A varint without tag, of at most ten bytes.
    mutating func packed() throws(CatalogError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end {
            let byte = bytes[position]
            position += 1
            // The tenth byte carries the one bit that is left.
            guard shift < 63 || byte <= 1 else { throw malformed("a varint of more than 64 bits") }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw malformed("a varint that is cut")
    }

    private mutating func fixed(_ count: Int) throws(CatalogError) -> UInt64 {
        guard end - position >= count else { throw malformed("a fixed number that is cut") }
        var value: UInt64 = 0
        for index in stride(from: count - 1, through: 0, by: -1) {
            value = value << 8 | UInt64(bytes[position + index])
        }
        position += count
        return value
    }

    /// The next field, or nil at the end.
    mutating func next() throws(CatalogError) -> Field? {
        guard !isAtEnd else { return nil }
        let tag = try packed()
        guard let number = Int(exactly: tag >> 3), number > 0 else { throw malformed("a field number of zero") }
        switch tag & 7 {
        case 0: return Field(number: number, value: .varint(try packed()))
        case 1: return Field(number: number, value: .fixed64(try fixed(8)))
        case 5: return Field(number: number, value: .fixed32(try fixed(4)))
        case 2:
            let length = try packed()
            guard length <= UInt64(end - position) else { throw malformed("a field longer than its record") }
            let start = position
            position += Int(length)
            return Field(number: number, value: .bytes(start..<position))
        default: throw malformed("wire type \(tag & 7)")
        }
    }

    func number(_ field: Field) throws(CatalogError) -> UInt64 {
        guard case .varint(let value) = field.value else { throw malformed("field \(field.number) is no varint") }
        return value
    }

    func flag(_ field: Field) throws(CatalogError) -> Bool { try number(field) != 0 }

    /// A number that must fit an `Int` on every platform and is used as a count or a part number.
    func integer(_ field: Field) throws(CatalogError) -> Int {
        guard let value = Int32(exactly: try number(field)) else { throw malformed("field \(field.number) is too big") }
        return Int(value)
    }

    func signed(_ field: Field) throws(CatalogError) -> Int64 {
        let value = try number(field)
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    private func range(_ field: Field) throws(CatalogError) -> Range<Int> {
        guard case .bytes(let range) = field.value else { throw malformed("field \(field.number) has no length") }
        return range
    }

    func bytes(_ field: Field) throws(CatalogError) -> [UInt8] { Array(bytes[try range(field)]) }

    func string(_ field: Field) throws(CatalogError) -> String {
        guard let string = String(validating: bytes[try range(field)], as: UTF8.self) else {
            throw malformed("field \(field.number) is not UTF-8")
        }
        return string
    }

    /// 32 bytes as four big-endian words.
    func words(_ field: Field) throws(CatalogError) -> (UInt64, UInt64, UInt64, UInt64) {
        let range = try range(field)
        guard range.count == 32 else { throw malformed("a fingerprint of \(range.count) bytes") }
        let start = range.lowerBound
        return (
            bytes.bigEndian(at: start), bytes.bigEndian(at: start + 8), bytes.bigEndian(at: start + 16),
            bytes.bigEndian(at: start + 24)
        )
    }

    func message(_ field: Field) throws(CatalogError) -> RecordDecoder {
        RecordDecoder(bytes, try range(field), record: record)
    }
}

extension [UInt8] {
    /// Eight bytes as a number, the most significant first. The caller has checked that they are there.
    func bigEndian(at offset: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in offset..<offset + 8 { value = value << 8 | UInt64(self[index]) }
        return value
    }
}
