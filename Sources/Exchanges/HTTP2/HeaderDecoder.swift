internal import NIOCore
internal import NIOHPACK

/// What a header block holds.
enum HeaderBlock {
    /// Its fields.
    case fields(HPACKHeaders)
    /// Its fields, if no block was lost.
    case doubtful(HPACKHeaders)
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
        /// It is, if no block was lost; what is certain is in the table of the entries since.
        case doubted(HPACKDecoder, PartialHeaderTable)
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

    /// True while it is not known whether a block was lost.
    var isDoubted: Bool { if case .doubted = state { true } else { false } }

    /// Lets the table grow. It never shrinks: whoever makes it smaller says so in a block (RFC 7541 §4.2).
    mutating func allow(tableBytes bytes: Int) {
        guard bytes > tableBytes else { return }
        tableBytes = bytes
        let before = state
        // Two owners would make the next change copy the table.
        state = .broken
        switch before {
        case .whole(var decoder):
            decoder.maxDynamicTableLength = bytes
            state = .whole(decoder)
        case .doubted(var decoder, let table):
            decoder.maxDynamicTableLength = bytes
            state = .doubted(decoder, table)
        case .partial, .broken: state = before
        }
    }

    /// A block was lost: what it added to the table is not known.
    mutating func lose() {
        if case .broken = state { return }
        state = .partial(PartialHeaderTable())
    }

    /// Blocks may have been lost just now.
    mutating func doubt() {
        switch state {
        case .whole(let decoder), .doubted(let decoder, _): state = .doubted(decoder, PartialHeaderTable())
        case .partial: state = .partial(PartialHeaderTable())
        case .broken: break
        }
    }

    /// Settles the doubt: no block was lost, or one was.
    mutating func settle(isWhole: Bool) {
        guard case .doubted(let decoder, let table) = state else { return }
        state = isWhole ? .whole(decoder) : .partial(table)
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
            case .unknown, .doubtful, .defect: break
            }
            return fields
        case .doubted(var decoder, let table):
            state = .partial(table)
            let certain = decode(block)
            // What the block says if none was lost. One that is then no HPACK tells that some were.
            guard case .partial(let next) = state, case .fields(let fields) = Self.decode(block, &decoder) else {
                return certain
            }
            state = .doubted(decoder, next)
            if case .unknown = certain { return .doubtful(fields) }
            return certain
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

    /// True when a block begins with `:status` for certain, and so with the head of a response, whatever the dynamic
    /// table holds: a reference to the static table, or a literal with its name (RFC 7541 §6, appendix A).
    static func beginsWithStatus(_ block: [UInt8]) -> Bool {
        // Changes of the table's size come first; their integers go on while the high bit is set.
        var index = 0
        while index < block.count, block[index] & 0xE0 == 0x20 {
            let isLong = block[index] & 0x1F == 0x1F
            index += 1
            guard isLong else { continue }
            while index < block.count, block[index] & 0x80 != 0 { index += 1 }
            index += 1
        }
        guard index < block.count else { return false }
        switch block[index] {
        case 0x88...0x8E, 0x48...0x4E, 0x08...0x0E, 0x18...0x1E: return true
        default: return false
        }
    }
}
