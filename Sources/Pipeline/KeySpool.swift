internal import CLinux
internal import Cleartext
internal import Glibc
internal import Synchronization

/// The file in which ciphertext waits for its key that memory has no room for: `keys.spool` in the vault's spool folder,
/// made when it is needed first, bounded, and removed when this goes. One for all front ends; each call is a chunk, not a
/// packet.
///
/// A disk that refuses is left alone for ten seconds.
final class KeySpool: CiphertextSpool {
    private struct State {
        var file: SpoolFile?
        var freeSlots: [Int] = []
        var slotsMade = 0
        var slotsUsed = 0
        var status = KeySpoolStatus()
        var retryAt: UInt64 = 0
    }

    private let folder: String
    private let slotsMax: Int
    private let state = Mutex(State())

    /// A spool below `folder` of at most so many bytes.
    init(folder: String, bytesMax: Int) {
        self.folder = folder
        slotsMax = bytesMax / Self.slotBytes
    }

    /// What it did.
    var status: KeySpoolStatus { state.withLock { $0.status } }

    func write(_ bytes: RawSpan) -> Int? {
        state.withLock { state in
            guard state.slotsUsed < slotsMax, SystemClock.monotonic >= state.retryAt else { return nil }
            do throws(SpoolError) {
                if state.file == nil {
                    state.file = try SpoolFile(folder: folder, name: "keys.spool", contentBytes: Self.slotBytes)
                }
                guard let file = state.file else { return nil }
                let slot = state.freeSlots.popLast() ?? state.slotsMade
                let code = unsafe bytes.withUnsafeBytes { unsafe file.write($0, slot: slot) }
                guard code == 0 else {
                    if slot < state.slotsMade { state.freeSlots.append(slot) }
                    throw SpoolError(path: file.path, errno: code)
                }
                state.slotsMade = max(state.slotsMade, slot + 1)
                state.slotsUsed += 1
                state.status.peakBytes = max(state.status.peakBytes, UInt64(state.slotsUsed * Self.slotBytes))
                return slot
            } catch {
                state.status.fault = error.description
                state.retryAt = SystemClock.monotonic + 10_000_000_000
                return nil
            }
        }
    }

    func read(_ slot: Int, into bytes: inout [UInt8]) -> Bool {
        guard let file = state.withLock({ $0.file }) else { return false }
        return unsafe bytes.withUnsafeMutableBytes { unsafe file.read($0, slot: slot) } == 0
    }

    func free(_ slot: Int) {
        state.withLock { state in
            state.slotsUsed -= 1
            state.freeSlots.append(slot)
            guard state.slotsUsed == 0 else { return }
            // Nobody has a slot, so nobody reads or writes.
            state.file?.clear()
            state.freeSlots = []
            state.slotsMade = 0
        }
    }
}

/// What a key spool did.
struct KeySpoolStatus: Sendable {
    /// The most bytes that it held.
    var peakBytes: UInt64 = 0
    /// Why it could not be written the last time it failed.
    var fault: String?
}
