import Foundation
import TestSupport
import Testing

@testable import Cleartext

/// Lines of `Captures/tls-conversations/suites.txt`, which `suites.py` there makes with OpenSSL's client and server.
private enum Vectors {
    static let lines: [[String]] = {
        let path = ProjectFolder.captures + "/tls-conversations/suites.txt"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    }()

    static let suites12 = lines.filter { $0[0] == "suite" }
    static let suites13 = lines.filter { $0[0] == "secret" }
    static let masters = lines.filter { $0[0] == "ems" }

    /// Numbers that have a vector of their own.
    static let numbers = Set((suites12 + suites13).compactMap { UInt16($0[1], radix: 16) })
}

@Suite struct `Every cipher suite has a vector` {
    /// Numbers whose key exchange OpenSSL does not speak (any more): static DH and ECDH, and AEAD with ECDHE and pre-shared
    /// keys (RFC 8442). Key exchange is nothing of the records: theirs are those of others in the table.
    private static let unspoken: Set<UInt16> = [
        0x30, 0x31, 0x36, 0x37, 0x3E, 0x3F, 0x68, 0x69, 0xA0, 0xA1, 0xA4, 0xA5, 0xC004, 0xC005, 0xC00E, 0xC00F, 0xC025,
        0xC026, 0xC029, 0xC02A, 0xC02D, 0xC02E, 0xC031, 0xC032, 0xD001, 0xD002, 0xD003, 0xD005,
    ]

    @Test func `as those do whose records are the same`() {
        #expect(Vectors.numbers.count > 70)
        let spoken = Set(Vectors.numbers.compactMap(CipherSuite.init))
        for number in CipherSuite.numbers {
            #expect(CipherSuite(number).map(spoken.contains) == true, "\(String(number, radix: 16))")
            #expect(
                Vectors.numbers.contains(number) != Self.unspoken.contains(number), "\(String(number, radix: 16))")
        }
    }

    @Test(arguments: Vectors.suites12)
    func `of TLS 1.2, both directions`(_ fields: [String]) throws {
        let number = try #require(UInt16(fields[1], radix: 16))
        let suite = try #require(CipherSuite(number), "\(fields[2])")
        for (isClient, record) in [(true, hex(fields[7])), (false, hex(fields[8]))] {
            let protection = RecordProtection.version12(
                suite, master: SecretBytes(hex(fields[4]).span.bytes), clientRandom: hex(fields[5]),
                serverRandom: hex(fields[6]), isClient: isClient, encryptsThenMACs: fields[3] == "1")
            // The Finished was number 0.
            check(protection, record, number: 1, "\(fields[1]) from the \(isClient ? "client" : "server")")
        }
    }

    @Test(arguments: Vectors.suites13)
    func `of TLS 1.3, both directions`(_ fields: [String]) throws {
        let number = try #require(UInt16(fields[1], radix: 16))
        let suite = try #require(CipherSuite(number), "\(fields[2])")
        for (isClient, secret, record) in [(true, fields[3], fields[5]), (false, fields[4], fields[6])] {
            let protection = RecordProtection.version13(suite, trafficSecret: SecretBytes(hex(secret).span.bytes))
            check(protection, hex(record), number: 0, "\(fields[1]) from the \(isClient ? "client" : "server")")
        }
    }

    /// Opens the record as the one that it is, as no other, and not when a bit of it differs.
    private func check(
        _ found: consuming RecordProtection?, _ record: [UInt8], number: UInt64, _ said: String
    ) {
        guard var protection = found else {
            Issue.record("OpenSSL lacks the cipher of \(said)")
            return
        }
        #expect(open(&protection, record, number) == "23 \(said)")
        #expect(open(&protection, record, number + 1) == nil)
        for place in [0, 5, record.count / 2, record.count - 1] {
            var other = record
            other[place] ^= 1
            // Of a CBC record with its MAC inside, a changed IV changes the content and so the MAC; type and all else are bound.
            #expect(open(&protection, other, number) == nil, "byte \(place) of \(said)")
        }
    }

    private func open(_ protection: inout RecordProtection, _ record: [UInt8], _ number: UInt64) -> String? {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: record.count) { room -> String? in
            guard let start = room.baseAddress,
                let opened = protection.open(record.span.bytes, sequence: number, into: start)
            else { return nil }
            return "\(opened.type) " + String(decoding: room[..<opened.count], as: UTF8.self)
        }
    }
}

@Suite struct `An extended master secret` {
    /// RFC 7627 §4. The premaster was decrypted with the server's key, and the master is what OpenSSL logged.
    @Test(arguments: Vectors.masters)
    func `is what OpenSSL derived from premaster and session hash`(_ fields: [String]) {
        let hash: HashAlgorithm = fields[1] == "sha384" ? .sha384 : .sha256
        let master = KeySchedule.pseudoRandom(
            SecretBytes(hex(fields[2]).span.bytes), "extended master secret", seed: hex(fields[3]), count: 48, hash)
        #expect(master.withBytes { pointer in (0..<48).map { pointer[$0] } } == hex(fields[4]))
    }

    @Test func `has vectors for both hashes`() { #expect(Set(Vectors.masters.map { $0[1] }) == ["sha256", "sha384"]) }
}
