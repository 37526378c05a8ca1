/// The VLAN ids and virtual network ids that a frame bore, outermost first.
///
/// Only identifiers that are the same in both directions of a connection belong here: VLAN, and the networks of VXLAN,
/// NVGRE, GENEVE and ERSPAN's stripped tag. MPLS labels, GRE keys of other use, tunnel endpoints and sessions differ by
/// direction or by path, and would tear a connection in two.
struct TenantChain: BitwiseCopyable {
    /// The kinds of identifier, so that VLAN 100 is not VNI 100.
    enum Kind: UInt8 {
        case vlan = 1
        case network = 2
    }

    /// Ids the chain has room for. Beyond it, it is ``FrameFault/nestedTooDeep``.
    static let idsMax = 16

    private(set) var ids: InlineArray<16, UInt32> = .init(repeating: 0)
    private(set) var count = 0

    /// Appends an identifier of at most 24 bits. Zero is none: a priority tag, or an overlay that has no networks.
    mutating func append(_ kind: Kind, _ identifier: UInt32) throws(FrameFault) {
        guard identifier != 0 else { return }
        guard count < Self.idsMax else { throw .nestedTooDeep }
        ids[count] = UInt32(kind.rawValue) << 24 | identifier & 0xFF_FFFF
        count &+= 1
    }

    static func == (one: TenantChain, other: TenantChain) -> Bool {
        guard one.count == other.count else { return false }
        for index in 0..<one.count where one.ids[index] != other.ids[index] { return false }
        return true
    }
}

/// Numbers chains of tenants in the order in which they first occur: 0 is the empty chain, so a replay of the same packets
/// gives the same numbers, and no two chains ever share one.
///
/// It is a tree, kept as a table from (number of the chain so far, next id) to the longer chain's number, and never forgets:
/// a connection may be silent for a day. Memory is bounded by ``DecapsulatorLimits/tenantsMax``, some 2 MiB.
struct TenantTable: ~Copyable {
    private var children: [UInt64: UInt32] = [:]
    private let entriesMax: Int
    /// Frames of one tenant come in a row.
    private var lastChain = TenantChain()
    private var lastNumber: UInt32 = 0

    init(entriesMax: Int) { self.entriesMax = entriesMax }

    /// Chains that have a number, the empty one not counted.
    var count: Int { children.count }

    /// The chain's number.
    mutating func number(of chain: TenantChain) throws(FrameFault) -> UInt32 {
        if chain == lastChain { return lastNumber }
        var number: UInt32 = 0
        for index in 0..<chain.count {
            let key = UInt64(number) << 32 | UInt64(chain.ids[index])
            if let next = children[key] {
                number = next
            } else {
                guard children.count < entriesMax else { throw .tooManyTenants }
                number = UInt32(truncatingIfNeeded: children.count &+ 1)
                children[key] = number
            }
        }
        lastChain = chain
        lastNumber = number
        return number
    }
}
