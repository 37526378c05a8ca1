internal import NIOCore
internal import NIOHPACK

/// What a header block holds.
enum HeaderBlock {
    /// Its fields.
    case fields(HPACKHeaders)
    /// It refers to what was lost.
    case unknown
    /// More bytes than the limit of header lists.
    case tooLong
    /// It is not HPACK.
    case defect
}

/// Decodes the header blocks that one side of a connection sends (RFC 7541).
struct HeaderDecoder {
    private enum State {
        /// The dynamic table is the encoder's.
        case whole(HPACKDecoder)
        /// Only the entries since a loss are known.
        case partial(PartialHeaderTable)
        /// A block could not be decoded: the encoder, or what it sent, is broken (RFC 7541 §2.3.3, §4.2).
        case broken
    }

    private var state: State
    /// Bytes that the dynamic table may take.
    private(set) var tableBytes: Int
    private let listBytes: Int

    /// A decoder at the beginning of a connection, or in the middle of one.
    init(tableBytes: Int, listBytes: Int, isWhole: Bool) {
        self.tableBytes = tableBytes
        self.listBytes = listBytes
        state = isWhole ? .whole(Self.decoder(tableBytes, listBytes)) : .partial(PartialHeaderTable())
    }

    /// True while every block can be decoded.
    var isWhole: Bool { if case .whole = state { true } else { false } }

    /// Lets the table grow. It never shrinks: whoever makes it smaller says so in a block (RFC 7541 §4.2).
    mutating func allow(tableBytes bytes: Int) {
        guard bytes > tableBytes else { return }
        tableBytes = bytes
        guard case .whole(var decoder) = state else { return }
        // Two owners would make the next change copy the table.
        state = .broken
        decoder.maxDynamicTableLength = bytes
        state = .whole(decoder)
    }

    /// A block was lost: what it added to the table is not known.
    mutating func lose() {
        if case .broken = state { return }
        state = .partial(PartialHeaderTable())
    }

    /// Decodes the next block.
    mutating func decode(_ block: [UInt8]) -> HeaderBlock {
        switch state {
        case .whole(var decoder):
            state = .broken
            let fields = Self.decode(block, &decoder)
            switch fields {
            case .fields: state = .whole(decoder)
            // Where the decoder stopped, the rest of the block's entries is missing.
            case .tooLong: state = .partial(PartialHeaderTable())
            case .unknown, .defect: break
            }
            return fields
        case .partial(var table):
            state = .broken
            let translation = table.translate(block, costMax: tableBytes)
            if translation != .defect { state = .partial(table) }
            switch translation {
            case .literals(let literals):
                var decoder = Self.decoder(0, listBytes)
                let fields = Self.decode(literals, &decoder)
                if case .defect = fields { state = .broken }
                return fields
            case .unknown: return .unknown
            case .defect: return .defect
            }
        case .broken: return .unknown
        }
    }

    private static func decoder(_ tableBytes: Int, _ listBytes: Int) -> HPACKDecoder {
        HPACKDecoder(
            allocator: ByteBufferAllocator(), maxDynamicTableSize: tableBytes, maxHeaderListSize: max(1, listBytes))
    }

    private static func decode(_ block: [UInt8], _ decoder: inout HPACKDecoder) -> HeaderBlock {
        var buffer = ByteBuffer(bytes: block)
        do {
            return .fields(try decoder.decodeHeaders(from: &buffer))
        } catch is NIOHPACKErrors.MaxHeaderListSizeViolation {
            return .tooLong
        } catch {
            // Every other error means the same: the table is no longer the encoder's (RFC 9113 §4.3).
            return .defect
        }
    }
}
