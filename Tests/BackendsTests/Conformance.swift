import Storage
import TestSupport
import Testing

/// What every medium must do, whatever it is made of. The listing may lag by a call.
func conforms(_ medium: any SegmentMedium, seed: UInt64 = 1) throws {
    var random = SeededGenerator(seed: seed)
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) } }
    let run = String(UInt64.random(in: 0...UInt64.max), radix: 16)
    func name(_ text: String) -> String { "\(run)/\(text)" }

    // Read after write, whole and in parts.
    let large = bytes(3_000_001)
    #expect(try medium.put(name("segments/0000a1b2/1.oxs"), large, onlyIfAbsent: true) == .stored)
    #expect(try medium.size(of: name("segments/0000a1b2/1.oxs")) == UInt64(large.count))
    for range in [0..<1, 0..<4096, 1_048_575..<1_048_577, 3_000_000..<3_000_001, 0..<3_000_001] {
        let read = try medium.read(
            name("segments/0000a1b2/1.oxs"), UInt64(range.lowerBound)..<UInt64(range.upperBound))
        #expect(read == Array(large[range]), "bytes \(range)")
    }

    // What is not there.
    #expect(try medium.size(of: name("none")) == nil)
    #expect(throws: StorageError.self) { try medium.read(name("none"), 0..<1) }
    #expect(throws: StorageError.self) { try medium.read(name("segments/0000a1b2/1.oxs"), 3_000_000..<3_000_010) }
    try medium.remove(name("none"))

    // A taken name keeps what it has, if the put asks for that; else it is replaced as a whole.
    #expect(try medium.put(name("vault.json"), [1, 2, 3], onlyIfAbsent: true) == .stored)
    #expect(try medium.put(name("vault.json"), [4, 5], onlyIfAbsent: true) == .present)
    #expect(try medium.contents(of: name("vault.json"), limit: 100) == [1, 2, 3])
    #expect(try medium.put(name("vault.json"), [6], onlyIfAbsent: false) == .stored)
    #expect(try medium.contents(of: name("vault.json"), limit: 100) == [6])
    #expect(try medium.put(name("empty"), [], onlyIfAbsent: true) == .stored)
    #expect(try medium.contents(of: name("empty"), limit: 0) == [])
    #expect(throws: StorageError.self) { try medium.contents(of: name("segments/0000a1b2/1.oxs"), limit: 10) }

    // Listings: by prefix, in order, with lengths; a lag of one call is allowed.
    for number in 2...5 {
        _ = try medium.put(name("segments/0000a1b3/\(number).oxs"), bytes(number), onlyIfAbsent: true)
    }
    _ = try medium.objects(under: name("segments/"))
    _ = try medium.objects(under: name("segments/0000a1b3/"))
    let listed = try medium.objects(under: name("segments/"))
    #expect(
        listed.map(\.name)
            == [name("segments/0000a1b2/1.oxs")] + (2...5).map { name("segments/0000a1b3/\($0).oxs") })
    #expect(listed.map(\.size) == [3_000_001, 2, 3, 4, 5])
    #expect(try medium.objects(under: name("segments/0000a1b3/")).count == 4)

    // Removal.
    for entry in listed { try medium.remove(entry.name) }
    try medium.remove(name("vault.json"))
    try medium.remove(name("empty"))
    #expect(try medium.size(of: name("vault.json")) == nil)
    _ = try medium.objects(under: name(""))
    #expect(try medium.objects(under: name("")).isEmpty)
}
