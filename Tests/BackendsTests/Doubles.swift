import Foundation
import Storage
import Synchronization

/// Fails every so many calls, before or after they had their effect, as a cut connection does.
final class FaultyMedium: SegmentMedium {
    private let base: any SegmentMedium
    private let every: Int
    private let calls = Mutex(0)

    init(_ base: any SegmentMedium, every: Int) {
        self.base = base
        self.every = every
    }

    var place: String { base.place }

    func put(_ name: String, _ bytes: [UInt8], onlyIfAbsent: Bool) throws(StorageError) -> MediumPut {
        try call { () throws(StorageError) in try base.put(name, bytes, onlyIfAbsent: onlyIfAbsent) }
    }

    func size(of name: String) throws(StorageError) -> UInt64? {
        try call { () throws(StorageError) in try base.size(of: name) }
    }

    func read(_ name: String, _ range: Range<UInt64>) throws(StorageError) -> [UInt8] {
        try call { () throws(StorageError) in try base.read(name, range) }
    }

    func objects(under prefix: String) throws(StorageError) -> [MediumObject] {
        try call { () throws(StorageError) in try base.objects(under: prefix) }
    }

    func remove(_ name: String) throws(StorageError) {
        try call { () throws(StorageError) in try base.remove(name) }
    }

    private func call<Value>(_ body: () throws(StorageError) -> Value) throws(StorageError) -> Value {
        let number = calls.withLock {
            $0 += 1
            return $0
        }
        let failure = StorageError.medium(operation: "reach", place: place, reason: "cut", isPassing: true)
        guard number.isMultiple(of: every) else { return try body() }
        // Every other failure comes after the call had its effect: the answer is what was lost.
        if number.isMultiple(of: 2 * every) { _ = try body() }
        throw failure
    }
}

/// Takes its time.
struct SlowMedium: SegmentMedium {
    let base: any SegmentMedium
    let milliseconds: UInt32

    var place: String { base.place }

    func put(_ name: String, _ bytes: [UInt8], onlyIfAbsent: Bool) throws(StorageError) -> MediumPut {
        usleep(milliseconds * 1000)
        return try base.put(name, bytes, onlyIfAbsent: onlyIfAbsent)
    }

    func size(of name: String) throws(StorageError) -> UInt64? {
        usleep(milliseconds * 1000)
        return try base.size(of: name)
    }

    func read(_ name: String, _ range: Range<UInt64>) throws(StorageError) -> [UInt8] {
        usleep(milliseconds * 1000)
        return try base.read(name, range)
    }

    func objects(under prefix: String) throws(StorageError) -> [MediumObject] { try base.objects(under: prefix) }
    func remove(_ name: String) throws(StorageError) { try base.remove(name) }
}

/// Lists what was there one call ago, and knows nothing of conditions: as much as is allowed.
final class StaleMedium: SegmentMedium {
    private let base: any SegmentMedium
    private let old = Mutex<[String: [MediumObject]]>([:])

    init(_ base: any SegmentMedium) { self.base = base }

    var place: String { base.place }

    func put(_ name: String, _ bytes: [UInt8], onlyIfAbsent: Bool) throws(StorageError) -> MediumPut {
        try base.put(name, bytes, onlyIfAbsent: onlyIfAbsent)
    }

    func size(of name: String) throws(StorageError) -> UInt64? { try base.size(of: name) }

    func read(_ name: String, _ range: Range<UInt64>) throws(StorageError) -> [UInt8] { try base.read(name, range) }

    func objects(under prefix: String) throws(StorageError) -> [MediumObject] {
        let now = try base.objects(under: prefix)
        return old.withLock { old in
            defer { old[prefix] = now }
            return old[prefix] ?? []
        }
    }

    func remove(_ name: String) throws(StorageError) { try base.remove(name) }
}
