internal import Packets

extension CaptureFile {
    /// The next packet of a pcapng file; blocks on the way are read or skipped.
    mutating func nextPcapngPacket() throws(Stop) -> CapturedFrame {
        while true {
            recordOffset = window.offset
            try require(PcapngBlock.emptyLength, headerLength: PcapngBlock.emptyLength)
            // The type of a section header reads the same in both byte orders: the order is in the block itself.
            if window.withBytes(4, { $0.network32(0) }) == PcapngBlock.sectionHeader { try beginSection() }
            let (type, length) = header()
            guard length >= PcapngBlock.emptyLength, length & 3 == 0 else { throw .fault(.badBlockLength(length)) }
            switch type {
            case PcapngBlock.enhancedPacket, PcapngBlock.packet, PcapngBlock.simplePacket:
                try requireBlock(length)
                return try frame(of: readPacket(type, length))
            case PcapngBlock.interfaceDescription:
                try requireBlock(length)
                try readInterface(length)
                try skipBlock(length)
            case PcapngBlock.interfaceStatistics:
                try requireBlock(length)
                try readStatistics(length)
                try skipBlock(length)
            case PcapngBlock.decryptionSecrets:
                counters.skippedBlocks &+= 1
                counters.secretsBlocks &+= 1
                if length <= limits.secretsBytesMax {
                    try require(Int(length), headerLength: PcapngBlock.emptyLength)
                    try readSecrets(length)
                }
                try skipBlock(length)
            default:
                counters.skippedBlocks &+= 1
                try skipBlock(length)
            }
        }
    }

    /// The type and length of the block at hand.
    @inline(__always)
    private func header() -> (type: UInt32, length: UInt32) {
        let order = section.order
        return window.withBytes(8) { (order.load32($0, at: 0), order.load32($0, at: 4)) }
    }

    /// Calls `read` with the whole block at hand, which was required.
    @inline(__always)
    private func withBlock<Result>(
        _ length: UInt32, _ read: (borrowing RawSpan) throws(CaptureFault.Kind) -> Result
    ) throws(Stop) -> Result {
        do throws(CaptureFault.Kind) {
            return try window.withBytes(Int(length), read)
        } catch {
            throw .fault(error)
        }
    }

    /// Takes over the byte order of a section header and forgets the interfaces of the section before.
    private mutating func beginSection() throws(Stop) {
        try require(PcapngBlock.sectionHeaderLength, headerLength: PcapngBlock.sectionHeaderLength)
        let firstInterface = interfaces.count
        section = try withBlock(UInt32(PcapngBlock.sectionHeaderLength)) { bytes throws(CaptureFault.Kind) in
            try PcapngSection(bytes, firstInterface: firstInterface)
        }
        let length = header().length
        guard length >= PcapngBlock.sectionHeaderLength else { throw .fault(.badBlockLength(length)) }
    }

    /// Makes the whole block at hand available and checks its second length.
    @inline(__always)
    private mutating func requireBlock(_ length: UInt32) throws(Stop) {
        guard length <= limits.recordBytesMax else {
            throw .fault(.recordTooLong(length: UInt64(length), limit: limits.recordBytesMax))
        }
        try require(Int(length), headerLength: PcapngBlock.emptyLength)
        let order = section.order
        let last = window.withBytes(Int(length)) { order.load32($0, at: Int(length) &- 4) }
        guard last == length else { throw .fault(.blockLengthsDiffer(first: length, last: last)) }
    }

    /// Goes behind the block at hand, of any length, and checks its second length on the way.
    private mutating func skipBlock(_ length: UInt32) throws(Stop) {
        window.skip(UInt64(length) &- 4)
        guard window.require(4) else { throw cut(recordLength: UInt64(length)) }
        let order = section.order
        let last = window.withBytes(4) { order.load32($0, at: 0) }
        guard last == length else { throw .fault(.blockLengthsDiffer(first: length, last: last)) }
        window.consume(4)
    }

    @inline(__always)
    private func readPacket(_ type: UInt32, _ length: UInt32) throws(Stop) -> PcapngPacket {
        let order = section.order
        if type == PcapngBlock.simplePacket {
            let snapLength = interfaces[try index(ofInterface: 0)].snapLength
            return try withBlock(length) { block throws(CaptureFault.Kind) in
                try PcapngPacket(simple: block, snapLength: snapLength, order)
            }
        }
        return try withBlock(length) { block throws(CaptureFault.Kind) in
            try PcapngPacket(block, type: type, order)
        }
    }

    private mutating func readInterface(_ length: UInt32) throws(Stop) {
        guard interfaces.count < limits.interfacesMax else {
            throw .fault(.tooManyInterfaces(limit: limits.interfacesMax))
        }
        let order = section.order
        let interface = try withBlock(length) { block throws(CaptureFault.Kind) in try PcapngInterface(block, order) }
        interfaces.append(
            CaptureInterface(
                linkType: interface.linkType, snapLength: interface.snapLength, name: interface.name))
        readings.append(InterfaceReading(linkType: interface.linkType, scale: interface.scale))
    }

    /// Keeps what a Decryption Secrets Block holds until it is asked for (draft-ietf-opsawg-pcapng §4.7).
    private mutating func readSecrets(_ length: UInt32) throws(Stop) {
        let order = section.order
        // One that contradicts itself holds no secrets, but hides no packets either.
        let read = try withBlock(length) { block throws(CaptureFault.Kind) in PcapngSecrets(block, order) }
        guard let secrets = read, secretsBytes &+ secrets.bytes.count <= limits.secretsBytesMax else { return }
        secretsBytes &+= secrets.bytes.count
        self.secrets.append(CapturedSecrets(type: secrets.type, bytes: secrets.bytes))
    }

    /// Gives out the secrets that were met since the last call.
    mutating func takeSecrets() -> [CapturedSecrets] {
        guard !secrets.isEmpty else { return [] }
        secretsBytes = 0
        defer { secrets = [] }
        return secrets
    }

    private mutating func readStatistics(_ length: UInt32) throws(Stop) {
        let order = section.order
        let drops = try withBlock(length) { block throws(CaptureFault.Kind) in try PcapngDrops(block, order) }
        let index = try index(ofInterface: drops.interface)
        // Counters since the capture's start: the last word counts.
        if let count = drops.byInterface { interfaces[index].droppedByInterface = count }
        if let count = drops.bySystem { interfaces[index].droppedBySystem = count }
    }

    /// The index in the file of a section's interface.
    @inline(__always)
    private func index(ofInterface number: UInt32) throws(Stop) -> Int {
        let described = readings.count &- section.firstInterface
        guard number < described else { throw .fault(.unknownInterface(number, described: described)) }
        return section.firstInterface &+ Int(number)
    }

    /// Makes the packet in the block at hand the current frame.
    @inline(__always)
    private mutating func frame(of packet: PcapngPacket) throws(Stop) -> CapturedFrame {
        let index = try index(ofInterface: packet.interface)
        let reading = readings[index]
        if packet.droppedBefore > 0 { interfaces[index].droppedBetweenPackets &+= packet.droppedBefore }
        if let ticks = packet.ticks {
            lastTime = reading.scale.nanoseconds(ticks)
        } else {
            counters.untimedPackets &+= 1
        }
        frameOffset = packet.dataOffset
        consumedNext = UInt64(header().length)
        return CapturedFrame(
            number: counters.packets &+ 1, time: lastTime, recordOffset: recordOffset, file: fileIndex,
            interface: UInt32(truncatingIfNeeded: index), linkType: reading.linkType,
            capturedLength: packet.capturedLength, wireLength: packet.wireLength)
    }
}

/// What is needed of an interface for each of its packets.
struct InterfaceReading: BitwiseCopyable {
    var linkType: LinkType
    var scale: TimestampScale
}
