import Objects
import Testing

@testable import Dialects

@Suite struct TimestampTests {
    @Test(arguments: [
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        " Sun, 06 Nov 1994 08:49:37 GMT ",
    ])
    func `the three forms of RFC 9110 are one time`(text: String) {
        #expect(Timestamp.seconds(httpDate: text) == 784_111_777)
    }

    @Test(arguments: [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
        ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000), ("Sat, 21 Nov 2026 03:08:36 GMT", 1_795_230_516),
    ])
    func `days are counted through leap years`(text: String, seconds: Int64) {
        #expect(Timestamp.seconds(httpDate: text) == seconds)
    }

    @Test func `the XML form is the same time`() {
        #expect(Timestamp.seconds(iso8601: "2026-11-21T03:08:36.000Z") == 1_795_230_516)
        #expect(Timestamp.seconds(iso8601: "2026-11-21T03:08:36Z") == 1_795_230_516)
    }

    @Test(arguments: [
        "", "now", "0", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "a b c d e f", "1 2 3 4 5",
    ])
    func `anything else is no date`(text: String) {
        #expect(Timestamp.seconds(httpDate: text) == nil)
        #expect(Timestamp.seconds(iso8601: text) == nil)
    }
}

@Suite struct EntityTagTests {
    @Test(arguments: ["\"abc\"", "abc", " \"abc\" ", "W/\"abc\""])
    func `quotes, white space and the weak mark are not the tag`(text: String) {
        #expect(EntityTag(text)?.text == "abc")
    }

    @Test func `32 hexadecimal digits are an advisory MD5`() {
        let digest = EntityTag("\"9e107d9d372bb6826bd81d3542a419d6\"")?.digest
        #expect(digest?.algorithm == .md5)
        #expect(digest?.scope == .whole)
        #expect(digest?.isAdvisory == true)
        #expect(digest?.value.prefix(2) == [0x9E, 0x10])
    }

    @Test func `a number behind a hyphen counts parts`() {
        let digest = EntityTag("\"9e107d9d372bb6826bd81d3542a419d6-12\"")?.digest
        #expect(digest?.scope == .composite(parts: 12))
    }

    @Test(arguments: [
        "W/\"9e107d9d372bb6826bd81d3542a419d6\"", "\"6b010b53-30d40\"", "\"9e107d9d372bb6826bd81d3542a419d6-0\"",
        "\"9e107d9d372bb6826bd81d3542a419d\"", "\"9e107d9d372bb6826bd81d3542a419d6-1-2\"", "\"\"",
    ])
    func `other tags are no digest`(text: String) {
        #expect(EntityTag(text)?.digest == nil)
    }
}

@Suite struct ContentRangeTests {
    @Test func `a range has a place and a total`() {
        let range = ContentRange("bytes 65536-131071/300007")
        #expect(range?.first == 65_536 && range?.last == 131_071 && range?.total == 300_007)
        #expect(range?.length == 65_536)
        #expect(range?.isWhole == false)
        #expect(ContentRange("bytes 0-9/10")?.isWhole == true)
        #expect(ContentRange("Bytes 0-9/*")?.total == .some(nil))
    }

    @Test(arguments: [
        "", "bytes */10", "bytes 5-4/10", "bytes 0-10/10", "items 0-1/2", "bytes 0-1", "bytes a-b/c",
        "bytes 0-18446744073709551615/*", "bytes 0-1/2/3", "bytes -1-2/3",
    ])
    func `a range that contradicts itself is none`(text: String) {
        #expect(ContentRange(text) == nil)
    }
}

@Suite struct StatedDigestTextTests {
    @Test func `base64 and hexadecimal give the same bytes`() {
        #expect(
            StatedDigest.bytes(base64: "1B2M2Y8AsgTpgAmY7PhCfg==")
                == StatedDigest.bytes(hexadecimal: "d41d8cd98f00b204e9800998ecf8427e"))
        #expect(StatedDigest(.crc32, base64: "yxv+zg==", source: "x")?.value == [0xCB, 0x1B, 0xFE, 0xCE])
    }

    @Test(arguments: ["", "abc", "abcd=", "ab=d", "====", "ab*d", "YWJj"])
    func `a text of another length or alphabet is no CRC32`(text: String) {
        #expect(StatedDigest(.crc32, base64: text, source: "x") == nil)
        #expect(StatedDigest(.crc32, hexadecimal: text, source: "x") == nil)
    }
}

@Suite struct XMLDocumentTests {
    private func read(_ text: String, elements: Int = 100, depth: Int = 8) -> XMLDocument? {
        XMLDocument(Array(text.utf8), elementLimit: elements, depthLimit: depth)
    }

    @Test func `elements, text and entities are read`() {
        let document = read(
            "\n  <?xml version=\"1.0\"?><r xmlns='u'><a>1 &lt; 2 &quot;x&#34;</a><b><![CDATA[<raw>]]></b><n:c> </n:c></r>"
        )
        #expect(document?.isWhole == true)
        #expect(document?.root.name == "r")
        #expect(document?.root.childText("a") == "1 < 2 \"x\"")
        #expect(document?.root.childText("b") == "<raw>")
        #expect(document?.root.childText("c") == " ")
    }

    @Test func `a cut document gives the rows before the cut`() {
        let text = "<r><row><k>one</k></row><row><k>two</k></row></r>"
        for length in 0..<text.utf8.count {
            let document = XMLDocument(Array(text.utf8.prefix(length)), elementLimit: 100, depthLimit: 8)
            #expect(document?.isWhole != true)
            let keys = document?.root.children("row").compactMap { $0.childText("k") } ?? []
            let isPrefix = keys == Array(["one", "two"].prefix(keys.count))
            #expect(isPrefix)
        }
        let most = XMLDocument(Array(text.utf8.dropLast(2)), elementLimit: 100, depthLimit: 8)
        #expect(most?.root.children.count == 2)
    }

    @Test(arguments: [
        "", "   ", "plain", "<!DOCTYPE r [<!ENTITY a \"b\">]><r>&a;</r>",
        "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><r>&x;</r>",
    ])
    func `no elements or a document type give nothing`(text: String) {
        #expect(read(text) == nil)
    }

    @Test func `element and depth limits end the reading`() {
        let wide = read("<r>" + String(repeating: "<a>x</a>", count: 200) + "</r>")
        #expect(wide?.hitLimit == true)
        #expect(wide?.isWhole == false)
        #expect(wide?.root.children.count == 99)
        let deep = read(String(repeating: "<a>", count: 20) + String(repeating: "</a>", count: 20))
        #expect(deep?.hitLimit == true)
    }
}
