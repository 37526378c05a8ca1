import Glibc
import Packets
import TestSupport
import Testing

@Suite struct IPAddressTests {
    @Test(
        arguments: [
            ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("10.77.0.1", "10.77.0.1"),
            // RFC 5952 §4.1, §4.2.1-3, §4.3, §5.
            ("2001:0db8::0001", "2001:db8::1"), ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"),
            ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:DB8::ABCD", "2001:db8::abcd"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("::", "::"), ("::1", "::1"), ("1::", "1::"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
        ])
    func `an address is written in canonical form`(written: String, canonical: String) throws {
        #expect(try #require(IPAddress(written)).description == canonical)
    }

    @Test(
        arguments: [
            "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.", "1..2.3", "-1.2.3.4", "+1.2.3.4", ":",
            ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", "1:2:3:4:5:6:7::8:9", "::1%eth0",
            "[::1]", "1.2.3.4::", "::1.2.3", "+1::", "1:2:3:4:5:6:7:8::", " ::1",
        ])
    func `text that is no address is refused`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func `IPv6 text agrees with the C library, both ways`() throws {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<5_000 {
            // Half of the groups zero, so that runs of every length occur.
            let groups = (0..<8).map { _ in
                Bool.random(using: &generator) ? 0 : UInt64(UInt16.random(in: 0...0xFFFF, using: &generator))
            }
            let words = (groups[..<4].reduce(0) { $0 << 16 | $1 }, groups[4...].reduce(0) { $0 << 16 | $1 })
            // The C library writes addresses below ::1:0:0 as dotted, which RFC 5952 does not ask for.
            if words.0 == 0, words.1 >> 32 == 0 { continue }
            let address = IPAddress(ipv6High: words.0, low: words.1)
            var raw = (words.0.bigEndian, words.1.bigEndian)
            var text = [CChar](repeating: 0, count: 64)
            inet_ntop(AF_INET6, &raw, &text, 64)
            #expect(
                address.description
                    == String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            #expect(IPAddress(address.description) == address)
        }
    }

    @Test func `an IPv4 address never equals an IPv6 one`() throws {
        let plain = try #require(IPAddress("192.0.2.1"))
        let mapped = try #require(IPAddress("::ffff:192.0.2.1"))
        let compatible = IPAddress(ipv6High: 0, low: plain.low)
        #expect(plain != mapped && plain != compatible)
        #expect(Set([plain, mapped, compatible]).count == 3)
        #expect(plain < compatible && compatible < mapped)
    }

    @Test func `only IPv6 stands in brackets before a port`() throws {
        #expect(try #require(IPAddress("10.0.0.1")).bracketed == "10.0.0.1")
        #expect(try #require(IPAddress("fd77::1")).bracketed == "[fd77::1]")
    }
}
