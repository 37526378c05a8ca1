import Capture
import Flows
import Foundation
import Glibc
import Objects
import Packets
import TestSupport
import Testing

@testable import Pipeline

/// A producer that never waits, a consumer that comes late.
@Suite struct `A relay of frames` {
    private static let arena = FrameRelay.arenaBytes

    /// A frame of a TCP segment, so large that few fill an arena, with its number in the payload.
    private func frame(_ number: Int, port: UInt16 = 1) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 60_000)
        // Ethernet, IPv4 with length 59,986, TCP.
        bytes[12] = 0x08
        bytes[14] = 0x45
        bytes[16] = UInt8(59_986 >> 8)
        bytes[17] = UInt8(59_986 & 255)
        bytes[22] = 64
        bytes[23] = 6
        bytes.replaceSubrange(26..<34, with: [10, 0, 0, 1, 10, 0, 0, 2])
        bytes[34] = UInt8(port >> 8)
        bytes[35] = UInt8(port & 255)
        bytes[37] = 80
        bytes[46] = 0x50
        bytes[47] = 0x10
        withUnsafeBytes(of: UInt64(number)) { bytes.replaceSubrange(100..<108, with: $0) }
        return bytes
    }

    private func put(_ numbers: Range<Int>, into intake: inout Intake, port: (Int) -> UInt16 = { _ in 1 }) {
        for number in numbers {
            let bytes = frame(number, port: port(number))
            intake.frame(
                CapturedFrame(
                    number: 0, time: UInt64(1_000_000 + number), linkType: .ethernet,
                    capturedLength: UInt32(bytes.count), wireLength: UInt32(bytes.count)), bytes.span.bytes)
        }
    }

    /// Numbers of the frames that are there now, and the losses between them.
    private func drain(_ relay: FrameRelay) -> (numbers: [Int], losses: [CaptureLoss]) {
        var numbers: [Int] = []
        var losses: [CaptureLoss] = []
        while let chunk = relay.take() {
            let start = UnsafeRawPointer(relay.address(of: chunk.arena))
            var offset = 0
            while offset < chunk.byteCount {
                let captured = Int((start + offset + 8).load(as: UInt32.self))
                if (start + offset + 18).load(as: UInt16.self) == 1 {
                    losses.append(FrameRecord.loss(at: start + offset))
                } else {
                    numbers.append(Int((start + offset + 24 + 100).loadUnaligned(as: UInt64.self)))
                }
                offset += FrameRecord.size(content: captured)
            }
            relay.release(chunk)
        }
        return (numbers, losses)
    }

    /// A folder for a spool, removed with what is in it.
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = try TemporaryFolder()
        try body(folder / "spool")
    }

    @Test func `keeps the order through memory and spool, and gives the disk back`() throws {
        try withFolder { folder in
            let spool = try SpoolFile(folder: folder, name: "0.spool")
            let relay = FrameRelay(
                ArenaPool(memoryBytes: 8 * Self.arena), spoolBytes: 64 * Self.arena, spool: spool,
                consumer: WakeDescriptor())
            let thread = WorkerThread(name: "spool") { relay.runSpooler() }
            // Nobody consumes, so all but eight of these have to go to disk.
            for number in 0..<40 {
                var arena = relay.acquire()
                while arena == nil {
                    sched_yield()
                    arena = relay.acquire()
                }
                let bytes = frame(number)
                let captured = CapturedFrame(
                    number: 0, time: UInt64(number), linkType: .ethernet, capturedLength: 60_000, wireLength: 60_000)
                FrameRecord.write(captured, bytes.span.bytes, to: relay.address(of: arena ?? 0))
                relay.publish(arena ?? 0, byteCount: FrameRecord.size(content: 60_000))
            }
            #expect(relay.status.spooledArenas >= 32)
            var numbers: [Int] = []
            while numbers.count < 40 {
                numbers += drain(relay).numbers
                sched_yield()
            }
            #expect(numbers == Array(0..<40))
            while try FileManager.default.attributesOfItem(atPath: spool.path)[.size] as? Int != 0 { sched_yield() }
            relay.close()
            thread.join()
            #expect(relay.isDrained)
            #expect(relay.status.peakArenas <= 8)
        }
    }

    @Test(arguments: [8, 12, 16, 20, 64])
    func `makes room by the spool before the producer has to wait for long, however small the memory`(arenas: Int)
        throws
    {
        try withFolder { folder in
            let spool = try SpoolFile(folder: folder, name: "0.spool")
            let relay = FrameRelay(
                ArenaPool(memoryBytes: arenas * Self.arena), spoolBytes: 64 * Self.arena, spool: spool,
                consumer: WakeDescriptor())
            let thread = WorkerThread(name: "spool") { relay.runSpooler() }
            for number in 0..<UInt64(100) {
                let captured = CapturedFrame(
                    number: 0, time: number, linkType: .ethernet, capturedLength: 100, wireLength: 100)
                var tries = 0
                while !relay.hasRoom, tries < 5000 {
                    usleep(1000)
                    tries += 1
                }
                guard relay.hasRoom, let arena = relay.acquire() else { break }
                FrameRecord.write(captured, [UInt8](repeating: 1, count: 100).span.bytes, to: relay.address(of: arena))
                relay.publish(arena, byteCount: FrameRecord.size(content: 100))
                if relay.status.spooledArenas > 40 { break }
            }
            #expect(relay.status.spooledArenas > 40)
            relay.close()
            thread.join()
        }
    }

    @Test func `takes nearly all memory of a tap when the others are idle, who can still have their own`() {
        let pool = ArenaPool(memoryBytes: 64 * Self.arena, relays: 4)
        let relays = (0..<4).map { FrameRelay(pool, index: $0, spoolBytes: 0, spool: nil, consumer: WakeDescriptor()) }
        var taken: [Int32] = []
        while let arena = relays[0].acquire() { taken.append(arena) }
        #expect(taken.count == 64 - 3 * ArenaPool.guaranteed)
        for relay in relays.dropFirst() {
            for _ in 0..<ArenaPool.guaranteed { #expect(relay.acquire() != nil) }
            #expect(relay.acquire() == nil)
        }
        for arena in taken { relays[0].publish(arena, byteCount: 0) }
        var rest = 0
        while relays[3].acquire() != nil { rest += 1 }
        #expect(rest == 64 - 3 * ArenaPool.guaranteed - ArenaPool.guaranteed, "the first keeps what is its own")
    }

    @Test func `leaves whole classes of flows out when all is full, says so, and takes them in again`() {
        let relay = FrameRelay(
            ArenaPool(memoryBytes: 16 * Self.arena), spoolBytes: 0, spool: nil, consumer: WakeDescriptor())
        var intake = Intake(into: relay)
        // 100 flows, a frame of each in turn; 16 arenas hold 272 frames.
        put(0..<600, into: &intake) { UInt16(1000 + $0 % 100) }
        let losses = intake.losses
        #expect(losses.shedPackets > 0)
        #expect(losses.shedFlows > 0)
        #expect(intake.handedOver + losses.shedPackets + losses.overrunPackets == 600)
        #expect(intake.isShedding == true)
        let before = drain(relay)
        #expect(before.numbers.count <= 16 * 17)
        #expect(before.numbers == before.numbers.sorted())
        // There is room: what comes is taken in, and the loss is told with its cause and time.
        intake.flush()
        #expect(intake.isShedding == false)
        put(600..<610, into: &intake)
        intake.flush()
        let after = drain(relay)
        #expect(after.numbers.suffix(10) == Array(600..<610)[...])
        let told = before.losses + after.losses
        #expect(!told.isEmpty)
        #expect(told.allSatisfy { $0.cause == .overload && $0.from >= 1_000_000 && $0.through < 1_000_600 })
    }

    @Test func `spools nothing that can be read on the disk, and takes nothing else for it`() throws {
        try withFolder { folder in
            let spool = try SpoolFile(folder: folder, name: "0.spool")
            let secret = Array("Authorization: AWS4-HMAC-SHA256 Credential=CANARY".utf8)
            let bytes = (0..<1000).flatMap { _ in secret }
            let slots = [0, 1, 5]
            for slot in slots { #expect(bytes.withUnsafeBytes { spool.write($0, slot: slot) } == 0) }
            let file = try [UInt8](Data(contentsOf: URL(fileURLWithPath: spool.path)))
            #expect(file.count > 5 * Self.arena)
            #expect(Data(file).range(of: Data("CANARY".utf8)) == nil)
            // Equal arenas do not look alike either.
            #expect(file[32..<64] != file[SpoolFile.slotBytes + 32..<SpoolFile.slotBytes + 64])

            var back = [UInt8](repeating: 0, count: bytes.count)
            let read = { (slot: Int, count: Int) in
                back.withUnsafeMutableBytes {
                    spool.read(UnsafeMutableRawBufferPointer(rebasing: $0[..<count]), slot: slot)
                }
            }
            for slot in slots {
                #expect(read(slot, bytes.count) == 0)
                #expect(back == bytes)
            }
            #expect(read(0, bytes.count - 1) == EIO)
            #expect(read(2, bytes.count) == EIO)
            // A bit of the number, of the tag, of the content; then another slot's bytes.
            for offset in [0, 16, 31, 32, 32 + bytes.count - 1] {
                try change(spool.path, at: offset, to: [file[offset] ^ 4])
                #expect(read(0, bytes.count) == EIO, "byte \(offset)")
                try change(spool.path, at: offset, to: [file[offset]])
            }
            try change(spool.path, at: 0, to: file[SpoolFile.slotBytes..<SpoolFile.slotBytes + 32 + bytes.count])
            #expect(read(0, bytes.count) == EIO)
            #expect(read(1, bytes.count) == 0)
        }
    }

    private func change(_ path: String, at offset: Int, to bytes: some Collection<UInt8>) throws {
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: Data(bytes))
        try file.close()
    }

    @Test func `removes what an earlier run left in the spool`() throws {
        try withFolder { folder in
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for name in ["0.spool", "7.spool", "other"] {
                _ = FileManager.default.createFile(atPath: folder + "/" + name, contents: Data([1]))
            }
            #expect(SpoolFile.removeStale(in: folder) == 2)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["other"])
        }
    }

    @Test func `gives up the spool when the disk is full, and loses nothing in memory by it`() throws {
        let relay = FrameRelay(
            ArenaPool(memoryBytes: 8 * Self.arena), spoolBytes: 64 * Self.arena,
            spool: try SpoolFile(device: "/dev/full"),
            consumer: WakeDescriptor())
        let thread = WorkerThread(name: "spool") { relay.runSpooler() }
        var intake = Intake(into: relay)
        put(0..<(17 * 8), into: &intake)
        intake.flush()
        while relay.status.spoolFault == 0 { sched_yield() }
        #expect(relay.status.spoolFault == ENOSPC)
        var numbers: [Int] = []
        while numbers.count < Int(intake.handedOver) {
            numbers += drain(relay).numbers
            sched_yield()
        }
        #expect(numbers == numbers.sorted())
        relay.close()
        thread.join()
    }
}
