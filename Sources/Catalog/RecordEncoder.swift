/// Writes records in the protobuf wire format (Protocol Buffers documentation, "Encoding"): tagged fields, varints,
/// length-delimited bytes. `protoc --decode_raw` reads them.
///
/// Fields that are nil, zero, false or empty are left out, so equal records have equal bytes.
struct RecordEncoder {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    /// A varint without tag, for packed lists.
    mutating func packed(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private mutating func tag(_ field: Int, _ wireType: UInt64) { packed(UInt64(field) << 3 | wireType) }

    mutating func number(_ field: Int, _ value: UInt64) {
        guard value != 0 else { return }
        tag(field, 0)
        packed(value)
    }

    /// A number for which "unknown" and zero differ: written even when it is zero.
    mutating func optional(_ field: Int, _ value: UInt64?) {
        guard let value else { return }
        tag(field, 0)
        packed(value)
    }

    /// A signed number in zigzag form, written even when it is zero.
    mutating func signed(_ field: Int, _ value: Int64?) {
        guard let value else { return }
        optional(field, UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    /// A count or a part number as it came from the wire: what no cloud has is clamped, so that anything decodes again.
    mutating func integer(_ field: Int, _ value: Int?) {
        guard let value else { return }
        optional(field, UInt64(Int32(clamping: max(0, value))))
    }

    mutating func flag(_ field: Int, _ value: Bool) { number(field, value ? 1 : 0) }

    mutating func bytes(_ field: Int, _ value: [UInt8]) {
        tag(field, 2)
        packed(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// A string, written even when it is empty; nil is left out.
    mutating func string(_ field: Int, _ value: String?) {
        guard let value else { return }
        tag(field, 2)
        var copy = value
        copy.withUTF8 { utf8 in
            packed(UInt64(utf8.count))
            unsafe bytes.append(contentsOf: utf8)
        }
    }

    /// The four words of a digest as 32 bytes, big-endian.
    mutating func words(_ field: Int, _ word0: UInt64, _ word1: UInt64, _ word2: UInt64, _ word3: UInt64) {
        tag(field, 2)
        packed(32)
        bytes.append(bigEndian: word0)
        bytes.append(bigEndian: word1)
        bytes.append(bigEndian: word2)
        bytes.append(bigEndian: word3)
    }

    /// A record within the record. Its length is put before it when it is written: one byte is kept free for it, and the
    /// few records that are longer than 127 bytes are moved.
    mutating func message(_ field: Int, _ body: (inout RecordEncoder) -> Void) {
        tag(field, 2)
        let start = bytes.count
        bytes.append(0)
        body(&self)
        let length = UInt64(bytes.count - start - 1)
        if length < 0x80 {
            bytes[start] = UInt8(truncatingIfNeeded: length)
        } else {
            var prefix = RecordEncoder()
            prefix.packed(length)
            bytes.replaceSubrange(start...start, with: prefix.bytes)
        }
    }
}

extension [UInt8] {
    /// Appends eight bytes, the most significant first: integers in keys sort like numbers that way.
    mutating func append(bigEndian value: UInt64) {
        unsafe Swift.withUnsafeBytes(of: value.bigEndian) { unsafe append(contentsOf: $0) }
    }
}
