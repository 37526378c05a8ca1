internal import Foundation
internal import FoundationXML

/// An XML body as a small tree: the clouds' answers are lists of short elements, and attributes say nothing in them.
///
/// Read by libxml2's SAX parser, bounded in elements and depth. A body with a document type is refused, so that no
/// entity is ever declared; external entities are off besides. Only UTF-8, which every cloud writes, reaches the
/// parser: Foundation's ends the program over a name that is something else. A body that is cut, breaks the grammar or
/// stops being UTF-8 gives the elements before the break, with `isWhole` false: enough to tell success from error by the
/// root.
struct XMLDocument {
    /// An element: its name without namespace prefix, its text, its children.
    struct Element {
        var name: String
        var text = ""
        var children: [Element] = []

        /// The first child of this name.
        func child(_ name: String) -> Element? { children.first { $0.name == name } }

        /// The text of the first child of this name; nil when there is none or it is empty.
        func childText(_ name: String) -> String? {
            guard let text = child(name)?.text, !text.isEmpty else { return nil }
            return text
        }

        /// All children of this name.
        func children(_ name: String) -> [Element] { children.filter { $0.name == name } }
    }

    /// The root element, as far as it was read.
    let root: Element
    /// True when the document was read to its end and is well-formed.
    let isWhole: Bool
    /// True when a limit ended the reading.
    let hitLimit: Bool

    /// Reads a body; nil when it holds no element, or declares a document type or an encoding other than UTF-8.
    init?(_ body: [UInt8], elementLimit: Int, depthLimit: Int) {
        // Leading white space keeps a slow answer's connection alive (CompleteMultipartUpload), but libxml2 wants the
        // XML declaration first.
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        let text = body[..<Self.endOfText(body)]
        guard let start = text.firstIndex(where: { !isSpace($0) }), !Self.declaresType(body),
            !Self.declaresOtherEncoding(text[start...])
        else { return nil }
        let reader = Reader(elementLimit: elementLimit, depthLimit: depthLimit)
        let parser = XMLParser(data: Data(text[start...]))
        parser.shouldResolveExternalEntities = false
        parser.shouldProcessNamespaces = false
        parser.delegate = reader
        let succeeded = parser.parse()
        reader.closeAll()
        guard let root = reader.root else { return nil }
        self.root = root
        hitLimit = reader.hitLimit
        isWhole = succeeded && reader.isRootClosed && !reader.hitLimit && text.endIndex == body.endIndex
    }

    /// Where a body stops being UTF-8, or has a NUL, which no XML holds and which would make libxml2 think of UTF-16.
    private static func endOfText(_ body: [UInt8]) -> Int {
        let end = body.firstIndex(of: 0) ?? body.count
        let text = body.prefix(end)
        if String(validating: text, as: UTF8.self) != nil { return end }
        var decoder = UTF8()
        var bytes = text.makeIterator()
        var valid = 0
        while case .scalarValue(let scalar) = decoder.decode(&bytes) { valid += UTF8.width(scalar) }
        return valid
    }

    /// True when the XML declaration names an encoding that is not UTF-8 or a part of it (XML 1.0 §4.3.3).
    private static func declaresOtherEncoding(_ text: ArraySlice<UInt8>) -> Bool {
        let unmarked = text.starts(with: [0xEF, 0xBB, 0xBF]) ? text.dropFirst(3) : text
        guard unmarked.starts(with: Array("<?xml".utf8)) else { return false }
        let end = unmarked.firstRange(of: "?>".utf8)?.lowerBound ?? unmarked.endIndex
        let declaration = String(decoding: unmarked[..<end], as: UTF8.self).lowercased()
        guard let encoding = declaration.range(of: "encoding") else { return false }
        let value = declaration[encoding.upperBound...].drop { $0 == "=" || $0.isWhitespace }
        return !["\"utf-8\"", "'utf-8'", "\"us-ascii\"", "'us-ascii'"].contains { value.hasPrefix($0) }
    }

    private static func declaresType(_ body: [UInt8]) -> Bool {
        let mark = Array("<!DOCTYPE".utf8)
        guard body.count >= mark.count else { return false }
        return (0...(body.count - mark.count)).contains { start in
            body[start] == mark[0] && body[(start + 1)..<(start + mark.count)].elementsEqual(mark[1...])
        }
    }

    /// Builds the tree. One document, one thread: the parser calls it back inside `parse`.
    private final class Reader: NSObject, XMLParserDelegate {
        var root: Element?
        var hitLimit = false
        var isRootClosed = false
        private var open: [Element] = []
        private var elements = 0
        private let elementLimit: Int
        private let depthLimit: Int

        init(elementLimit: Int, depthLimit: Int) {
            self.elementLimit = elementLimit
            self.depthLimit = depthLimit
        }

        func parser(
            _ parser: XMLParser, didStartElement elementName: String, namespaceURI: String?,
            qualifiedName qName: String?, attributes attributeDict: [String: String]
        ) {
            guard !hitLimit else { return }
            elements += 1
            guard elements <= elementLimit, open.count < depthLimit else {
                hitLimit = true
                parser.abortParsing()
                return
            }
            let local = elementName.split(separator: ":").last.map(String.init) ?? elementName
            open.append(Element(name: local))
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) {
            guard !hitLimit, !open.isEmpty else { return }
            open[open.count - 1].text += string
        }

        func parser(_ parser: XMLParser, foundCDATA CDATABlock: Data) {
            self.parser(parser, foundCharacters: String(decoding: CDATABlock, as: UTF8.self))
        }

        func parser(
            _ parser: XMLParser, didEndElement elementName: String, namespaceURI: String?, qualifiedName qName: String?
        ) {
            guard !hitLimit else { return }
            isRootClosed = open.count == 1
            close()
        }

        /// Closes the root that a cut left open, with the children that were read to their end. Rows that the cut went
        /// through are dropped: half a row may say something else than the whole.
        func closeAll() {
            guard root == nil else { return }
            if open.count > 1 { open.removeLast(open.count - 1) }
            close()
        }

        private func close() {
            guard let element = open.popLast() else { return }
            if open.isEmpty {
                root = element
            } else {
                open[open.count - 1].children.append(element)
            }
        }
    }
}
