import TestSupport
import Testing

@testable import Cleartext

@Suite struct `The key schedule` {
    private func secret(_ text: String) -> SecretBytes { SecretBytes(hex(text).span.bytes) }
    private func bytes(_ secret: SecretBytes) -> [UInt8] {
        secret.withBytes { pointer in (0..<secret.count).map { pointer[$0] } }
    }

    @Test func `writes over an array that goes with its owner, and not over a copy of it`() {
        var generator = SeededGenerator(seed: 8448)
        let bytes = generator.bytes(64)
        #expect(bytes.contains { $0 != 0 })
        KeySchedule.wipeLast(bytes)
        #expect(bytes.allSatisfy { $0 == 0 })
    }

    @Test func `has HKDF of RFC 5869, test case 1`() {
        let material = [UInt8](repeating: 0x0B, count: 22)
        let key = KeySchedule.extract(salt: secret("000102030405060708090a0b0c"), material, .sha256)
        #expect(bytes(key) == hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"))
        let output = KeySchedule.expand(key, info: hex("f0f1f2f3f4f5f6f7f8f9"), count: 42, .sha256)
        #expect(
            bytes(output)
                == hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"))
    }

    @Test func `has the keys of RFC 8448 section 3`() {
        let server = secret("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")
        #expect(
            bytes(KeySchedule.expandLabel(server, "key", count: 16, .sha256)) == hex("3fce516009c21727d0f2e4e86ee403bc")
        )
        #expect(bytes(KeySchedule.expandLabel(server, "iv", count: 12, .sha256)) == hex("5d313eb2671276ee13000b30"))
        let handshake = secret("1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac")
        let transcript = hex("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8")
        #expect(
            bytes(KeySchedule.expandLabel(handshake, "c hs traffic", context: transcript, count: 32, .sha256))
                == hex("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"))
    }

    /// The vector that the TLS working group published for the PRF with SHA-256.
    @Test func `has the PRF of TLS 1.2`() {
        let output = KeySchedule.pseudoRandom(
            secret("9bbe436ba940f017b17652849a71db35"), "test label", seed: hex("a0ba9f936cda311827a6f796ffd5198c"),
            count: 100, .sha256)
        #expect(
            bytes(output)
                == hex(
                    """
                    e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0f
                    a022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66
                    """))
    }

    /// The same for SHA-384.
    @Test func `has the PRF of TLS 1.2 with SHA-384`() {
        let output = KeySchedule.pseudoRandom(
            secret("b80b733d6ceefcdc71566ea48e5567df"), "test label", seed: hex("cd665cf6a8447dd6ff8b27555edb7465"),
            count: 148, .sha384)
        #expect(
            bytes(output)
                == hex(
                    """
                    7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0
                    e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425
                    9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e099070
                    3d73e56f
                    """))
    }

    @Test func `writes over what it used`() {
        var array: [UInt8] = [1, 2, 3]
        SecretBytes.wipe(&array)
        #expect(array.isEmpty)
    }

    @Test func `shows no secret in any description`() {
        let canary = "deadbeefcafe"
        let line = "CLIENT_RANDOM \(String(repeating: "01", count: 32)) \(String(repeating: canary, count: 8))"
        let events = secrets(inKeyLog: [line])
        var store = SecretStore()
        events.forEach { store.take($0) }
        var dumped = ""
        dump(events, to: &dumped)
        dump(store, to: &dumped)
        let text = "\(events) \(String(reflecting: store)) \(dumped)".lowercased()
        #expect(events.count == 1)
        // In hexadecimal, in decimal, and as bytes of a dump.
        #expect(!text.contains(canary) && !text.contains("222, 173, 190") && !text.contains("222\n"))
    }
}

@Suite struct `A key log` {
    private let random = String(repeating: "5a", count: 32)

    @Test func `is read in pieces of any size`() {
        let lines = SecretLabel.allCases.map { label in
            "\(label.word) \(random) \(String(repeating: "0f", count: label == .master ? 48 : 32))"
        }
        let text = Array(("# a comment\n\n" + lines.joined(separator: "\r\n") + "\n").utf8)
        for size in 1...40 {
            var parser = KeyLogParser()
            var labels: [SecretLabel] = []
            var rest = text[...]
            while !rest.isEmpty {
                let part = Array(rest.prefix(size))
                parser.read(part.span.bytes) { if case .session(let label, _, _) = $0 { labels.append(label) } }
                rest = rest.dropFirst(size)
            }
            #expect(labels == SecretLabel.allCases && parser.unreadableLines == 0)
        }
    }

    @Test(arguments: [
        "CLIENT_RANDOM", "CLIENT_RANDOM 00 00", "NONSENSE a b", "CLIENT_RANDOM zz 00",
        String(repeating: "x", count: 5000),
    ])
    func `counts a line that it cannot read, and goes on`(_ line: String) {
        let good = "CLIENT_TRAFFIC_SECRET_0 \(random) \(String(repeating: "01", count: 32))"
        var parser = KeyLogParser()
        var count = 0
        let bytes = Array("\(line)\n\(good)\nEXPORTER_SECRET \(random) 00\n".utf8)
        parser.read(bytes.span.bytes) { _ in count += 1 }
        #expect(count == 1 && parser.unreadableLines == 1)
    }

    @Test(arguments: [0, 1, 16, 31, 33, 47, 64])
    func `has no secrets of wrong length`(_ count: Int) {
        let line = "CLIENT_TRAFFIC_SECRET_0 \(random) \(String(repeating: "01", count: count))"
        #expect(secrets(inKeyLog: [line]).isEmpty)
    }
}
