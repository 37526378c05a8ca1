import Foundation
import Testing

@testable import Encryption

private let vault = (0..<16).map { UInt8($0) }
private let cheap = PassphraseCost(n: 16, r: 8, p: 1)

private func secret(_ kind: VaultSecret.Kind, _ text: String) throws -> VaultSecret {
    try VaultSecret(kind, SecretBytes(copying: Array(text.utf8).span.bytes))
}

private func bytes(hex: String) -> [UInt8] {
    stride(from: 0, to: hex.count, by: 2).compactMap { UInt8(hex.dropFirst($0).prefix(2), radix: 16) }
}

@Suite struct RecordTests {
    private func envelope(
        _ plain: [UInt8], _ keys: VaultKeys, _ context: RecordContext, _ stated: [UInt8] = [1, 2]
    ) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 16) + plain + [UInt8](repeating: 0, count: 16)
        var encryptor = try RecordEncryptor(keys)
        try encryptor.encrypt(
            envelope: 0..<bytes.count, of: &bytes, context, authenticating: stated.span.bytes)
        return bytes
    }

    private func open(
        _ envelope: [UInt8], _ keys: VaultKeys, _ context: RecordContext, _ stated: [UInt8] = [1, 2]
    ) throws -> [UInt8] {
        var bytes = envelope
        var decryptor = try RecordDecryptor(keys)
        do {
            try decryptor.open(envelope: &bytes, context, authenticating: stated.span.bytes)
        } catch {
            if error == .notAuthentic, bytes.count >= 32 {
                #expect(
                    bytes.dropFirst(16).dropLast(16).allSatisfy { $0 == 0 }, "bytes that are not authentic were left")
            }
            throw error
        }
        return Array(bytes[16..<bytes.count - 16])
    }

    @Test func `a record opens at its place with its keys, and nowhere else`() throws {
        let keys = try VaultKeys.random(vault: vault)
        let here = RecordContext(.catalogRecord, vault: vault, file: 3, place: 4096)
        let plain = Array("what the owner wrote".utf8)
        let closed = try envelope(plain, keys, here)
        #expect(try open(closed, keys, here) == plain)
        #expect(try envelope(plain, keys, here) != closed, "two envelopes of the same bytes differ")
        let others = [
            RecordContext(.catalogRecord, vault: vault, file: 3, place: 4097),
            RecordContext(.catalogRecord, vault: vault, file: 4, place: 4096),
            RecordContext(.frame, vault: vault, file: 3, place: 4096),
            RecordContext(.catalogRecord, vault: vault.reversed(), file: 3, place: 4096),
            RecordContext(.block, vault: vault, content: [UInt8](repeating: 0, count: 32)),
        ]
        for other in others {
            #expect(throws: EncryptionError.notAuthentic) { try open(closed, keys, other) }
        }
        #expect(throws: EncryptionError.notAuthentic) { try open(closed, keys, here, [1, 3]) }
        let strangers = try VaultKeys.random(vault: vault)
        #expect(throws: EncryptionError.notAuthentic) { try open(closed, strangers, here) }
    }

    @Test func `every changed bit and every cut is found`() throws {
        let keys = try VaultKeys.random(vault: vault)
        let here = RecordContext(.frame, vault: vault, file: 1, place: 0)
        let closed = try envelope(Array("0123456789".utf8), keys, here)
        for place in closed.indices {
            for bit in 0..<8 {
                var bad = closed
                bad[place] ^= 1 << UInt8(bit)
                #expect(throws: EncryptionError.self) { try open(bad, keys, here) }
            }
            #expect(throws: EncryptionError.self) { try open(Array(closed[..<place]), keys, here) }
        }
    }

    @Test func `records of old epochs open after a new one began, and the new ones not with the old keys`() throws {
        let first = try VaultKeys.random(vault: vault)
        let second = try first.withNextEpoch()
        let here = RecordContext(.frame, vault: vault, file: 1, place: 0)
        let (old, new) = (try envelope([1, 2, 3], first, here), try envelope([4, 5], second, here))
        #expect(try open(old, second, here) == [1, 2, 3])
        #expect(try open(new, second, here) == [4, 5])
        #expect(throws: EncryptionError.unknownEpoch(2)) { try open(new, first, here) }
    }

    /// RFC 4231, test case 2, and McGrew & Viega's test case 16 of AES-256-GCM.
    @Test func `the primitives are those of the standards`() throws {
        var hash = try KeyedHash(SecretBytes(copying: Array("Jefe".utf8).span.bytes))
        for _ in 0..<2 {
            let code = try hash.code(
                of: Array("what do ya want ".utf8).span.bytes, Array("for nothing?".utf8).span.bytes)
            let expected = bytes(hex: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
            #expect((0..<32).map { code[$0] } == expected)
        }
        let key = bytes(hex: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
        let nonce = bytes(hex: "cafebabefacedbaddecaf888")
        let more = bytes(hex: "feedfacedeadbeeffeedfacedeadbeefabaddad2")
        var text = bytes(
            hex: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
                + "b16aedf5aa0de657ba637b39")
        var tag = [UInt8](repeating: 0, count: 16)
        var cipher = try RecordCipher()
        try text.withUnsafeMutableBytes { text in
            try nonce.withUnsafeBytes { nonce in
                try tag.withUnsafeMutableBytes { tag in
                    try cipher.encrypt(
                        text, key: SecretKeyBytes(key.span.bytes), nonce: #require(nonce.baseAddress),
                        authenticating: more.span.bytes, tag: #require(tag.baseAddress))
                }
            }
        }
        #expect(tag == bytes(hex: "76fc6ece0f4e1768cddf8853bb2d551b"))
        #expect(
            text.prefix(16).elementsEqual(bytes(hex: "522dc1f099567d07f47f37a32a84427d")))
    }
}

@Suite struct KeyFileTests {
    @Test func `each kind of secret opens its own file, and no other does`() throws {
        let keys = try VaultKeys.random(vault: vault)
        let here = RecordContext(.frame, vault: vault, file: 1, place: 0)
        for kind in VaultSecret.Kind.allCases {
            let right = try secret(kind, "correct horse battery staple, and more")
            let file = try KeyFile(keys, openedBy: right, cost: cheap)
            let read = try KeyFile(try file.encoded(), vault: vault)
            #expect(read == file && read.kinds == [kind])
            let found = try read.unlock(right)
            var bytes = [UInt8](repeating: 7, count: 40)
            var encryptor = try RecordEncryptor(keys)
            try encryptor.encrypt(envelope: 0..<40, of: &bytes, here, authenticating: [UInt8]().span.bytes)
            var decryptor = try RecordDecryptor(found)
            try decryptor.open(envelope: &bytes, here, authenticating: [UInt8]().span.bytes)
            #expect(bytes[16] == 7)
            for other in VaultSecret.Kind.allCases {
                let text =
                    other == kind ? "another secret that has some length" : "correct horse battery staple, and more"
                let wrong = try secret(other, text)
                #expect(throws: EncryptionError.wrongSecret) { try read.unlock(wrong) }
            }
        }
    }

    @Test func `a new secret replaces the old, or comes beside it; a new epoch leaves both as they are`() throws {
        let keys = try VaultKeys.random(vault: vault)
        let (old, new) = (
            try secret(.passphrase, "the old one"), try secret(.keyFile, String(repeating: "n", count: 32))
        )
        let file = try KeyFile(keys, openedBy: old, cost: cheap)
        let both = try file.reopened(by: new, with: old, keepingOthers: true, cost: cheap)
        #expect(both.kinds == [.passphrase, .keyFile])
        _ = try both.unlock(old)
        let later = try both.withNextEpoch(new)
        #expect(try later.unlock(old).currentEpoch == 2)
        let only = try later.reopened(by: new, with: old, keepingOthers: false, cost: cheap)
        #expect(try only.unlock(new).currentEpoch == 2)
        #expect(throws: EncryptionError.wrongSecret) { try only.unlock(old) }
    }

    @Test func `a changed file is refused, wherever it was changed`() throws {
        let right = try secret(.keyFile, String(repeating: "k", count: 32))
        let good = try KeyFile(try VaultKeys.random(vault: vault), openedBy: right).encoded()
        var (refused, missed) = (0, 0)
        for place in good.indices {
            var bad = good
            bad[place] ^= 1
            do {
                _ = try KeyFile(bad, vault: vault).unlock(right)
                missed += 1
            } catch {
                refused += 1
            }
        }
        // White space, and base64's unused bits before its padding.
        #expect(missed < 12 && refused > good.count - 12, "\(missed) changes were not noticed")
        #expect(throws: EncryptionError.self) { try KeyFile(good, vault: vault.reversed()) }
    }

    @Test func `weak secrets and mad parameters are refused`() throws {
        #expect(throws: EncryptionError.self) { try secret(.passphrase, "short") }
        #expect(throws: EncryptionError.self) { try secret(.keyFile, String(repeating: "k", count: 31)) }
        for cost in [PassphraseCost(n: 3, r: 8, p: 1), .init(n: 1 << 30, r: 8, p: 1), .init(n: 16, r: 0, p: 1)] {
            #expect(throws: EncryptionError.self) {
                try KeyFile(VaultKeys.random(vault: vault), openedBy: secret(.passphrase, "long enough"), cost: cost)
            }
        }
    }
}
