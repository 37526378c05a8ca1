import Testing

@testable import Dialects

/// What Tools/fuzz found, kept as tests.
@Suite struct FuzzFindingsTests {
    private func document(_ body: [UInt8]) -> XMLDocument? {
        XMLDocument(body, elementLimit: 100, depthLimit: 8)
    }

    /// FuzzHTTP: the answer to `POST /b/k?uploads` was `<`, 0xFF, `lod`, and ended the program.
    @Test(
        arguments: [
            [0x3C, 0xFF, 0x6C, 0x6F, 0x64], [0x3C, 0xC3], [0x3C, 0xED, 0xA0, 0x80, 0x3E], [0xFE, 0xFF, 0, 0x3C],
            [0xFF, 0xFE, 0x3C, 0, 0xFF, 0xDC], [0x3C, 0, 0xFF, 0xDC, 0x3E, 0], [0, 0, 0, 0x3C],
            [0x4C, 0x6F, 0xA7, 0x94],
        ] as [[UInt8]])
    func `a name in XML that is no UTF-8 is none`(body: [UInt8]) {
        #expect(document(body) == nil)
    }

    @Test(arguments: 0..<40) func `any byte in any place of XML is survived`(place: Int) {
        for byte in UInt8.min ... .max {
            var body = Array("<Error a=\"b\"><Code>Slow</Code></Error>  ".utf8)
            body[place] = byte
            let document = document(body)
            if byte >= 0x80 || byte == 0 { #expect(document?.isWhole != true) }
        }
    }

    @Test func `elements before the break are kept`() {
        let document = document(Array("<Error><Code>Slow</Code><M>".utf8) + [0xFF] + Array("</M></Error>".utf8))
        #expect(document?.root.childText("Code") == "Slow")
        #expect(document?.isWhole == false)
    }

    @Test(arguments: ["UTF-16", "UCS-2", "UTF-7", "ISO-8859-1", "utf-8x", ""])
    func `XML in another encoding is not read`(encoding: String) {
        #expect(document(Array("<?xml version=\"1.0\" encoding=\"\(encoding)\"?><A/>".utf8)) == nil)
        let marked = "<?xml version='1.0' encoding = '\(encoding)' ?><A/>"
        #expect(document([0xEF, 0xBB, 0xBF] + Array(marked.utf8)) == nil)
    }

    @Test(arguments: [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "<?xml version='1.0' encoding='utf-8'?>",
        "<?xml version=\"1.0\"?>", "",
    ])
    func `XML in UTF-8 is read`(declaration: String) {
        let document = document(Array("\(declaration)<Encoding><Key>ü encoding=</Key></Encoding>".utf8))
        #expect(document?.root.childText("Key") == "ü encoding=")
        #expect(document?.isWhole == true)
    }
}
