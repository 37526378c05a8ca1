import Objects
import TestSupport
import Testing

@testable import Replication

@Suite struct KeyEscapingTests {
    static let hostile: [[UInt8]] =
        [
            "", "/", "//", "a/", "/a", "a//b", ".", "..", "../x", "a/../../b", "a/./b", "...", "%2E%2E", "%-", "%~",
            "%o",
            "%d", "a%d/b", "a%o", "a\\b", "a\0b", "\u{7F}", "\u{1B}[2J", "ä/ö", " ", "~", "CON", "a\nb", "-rf", "*?",
        ].map { Array($0.utf8) } + [
            [0xFF], [0x61, 0x2F, 0xC3], Array(repeating: 0x61, count: 1_024), Array(repeating: 0xFF, count: 300),
            Array(String(repeating: "ä", count: 300).utf8), Array(repeating: 0x2F, count: 500),
            Array((String(repeating: "x", count: 200) + ".").utf8),
            Array((String(repeating: "x", count: 200) + "..").utf8),
            Array((String(repeating: "x", count: 200) + "/" + String(repeating: "%", count: 100)).utf8),
        ]

    private func check(_ key: ObjectKey) {
        let names = KeyEscaping.names(of: key)
        for name in names {
            #expect(!name.isEmpty && name != "." && name != "..", "\(key.escaped)")
            #expect(!name.contains("/") && !name.utf8.contains(0), "\(key.escaped)")
            #expect(name.utf8.count <= 250, "room for a mark")
        }
        #expect(KeyEscaping.key(of: names) == key, "\(names)")
        // With the marks that a clash adds.
        var marked = names.map { $0 + KeyEscaping.folderMark }
        marked[marked.count - 1] = names[names.count - 1] + KeyEscaping.objectMark
        #expect(KeyEscaping.key(of: marked) == key)
    }

    @Test(arguments: hostile)
    func `no key leaves its folder, and every key can be read back`(bytes: [UInt8]) {
        check(ObjectKey(bytes: bytes))
    }

    @Test func `random keys can be read back and differ when they differ`() {
        var random = SeededGenerator(seed: 42)
        let alphabet: [UInt8] = Array("ab./%~-od\\\0".utf8) + [0xC3, 0xA4, 0xFF, 0x7F]
        var seen: [[String]: ObjectKey] = [:]
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...12, using: &random)
            let key = ObjectKey(bytes: (0..<count).map { _ in alphabet.randomElement(using: &random) ?? 0 })
            check(key)
            let other = seen.updateValue(key, forKey: KeyEscaping.names(of: key))
            #expect(other == nil || other == key)
        }
    }

    @Test func `ordinary keys stay readable`() {
        #expect(
            KeyEscaping.names(of: ObjectKey("photos/2026/Köln & more (1).jpg")) == [
                "photos", "2026", "Köln & more (1).jpg",
            ])
        #expect(KeyEscaping.name(ofBucket: "my.bucket") == ["my.bucket"])
    }

    @Test(arguments: [".oxbow", "..", ".", "", "a/b", "\0"])
    func `no bucket takes our own folder or leaves ours`(bucket: String) {
        let names = KeyEscaping.name(ofBucket: bucket)
        #expect(names.allSatisfy { !$0.hasPrefix(".") && !$0.contains("/") && !$0.isEmpty && !$0.utf8.contains(0) })
    }

    @Test(arguments: [["a%"], ["a%2"], ["%G0"], ["a%~"], ["x%~", "y%~"]])
    func `names that no key gives are not read as one`(names: [String]) {
        #expect(KeyEscaping.key(of: names) == nil)
    }
}
