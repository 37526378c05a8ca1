internal import Foundation
internal import FoundationXML

/// An element of an S3 answer: names without namespace, text, children. Answers are small and shallow; anything else
/// is refused.
package struct S3XML: Sendable {
    package var name: String
    package var text = ""
    package var children: [S3XML] = []

    /// Parses a document; nil when it is not well-formed, deeper than 16, or has more than 100,000 elements.
    package static func parse(_ bytes: [UInt8]) -> S3XML? {
        // While it works on a long request, a service sends blanks to keep the connection, even before the declaration.
        let document = bytes.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
        let builder = Builder()
        let parser = XMLParser(data: Data(document))
        parser.shouldResolveExternalEntities = false
        parser.delegate = builder
        guard parser.parse(), !builder.isRefused else { return nil }
        return builder.root
    }

    /// The first child of that name.
    package subscript(name: String) -> S3XML? { children.first { $0.name == name } }

    /// All children of that name.
    package func all(_ name: String) -> [S3XML] { children.filter { $0.name == name } }

    /// The text of the first child of that name, nil when absent or empty.
    package func value(_ name: String) -> String? {
        guard let text = self[name]?.text, !text.isEmpty else { return nil }
        return text
    }

    /// Text with the five characters escaped that XML reserves.
    package static func escape(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&apos;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private final class Builder: NSObject, XMLParserDelegate {
        private var open: [S3XML] = []
        private var elements = 0
        private(set) var root: S3XML?
        private(set) var isRefused = false

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String] = [:]
        ) {
            elements += 1
            guard elements <= 100_000, open.count < 16 else {
                isRefused = true
                parser.abortParsing()
                return
            }
            open.append(S3XML(name: name.split(separator: ":").last.map(String.init) ?? name))
        }

        func parser(_ parser: XMLParser, foundCharacters text: String) {
            guard !open.isEmpty else { return }
            open[open.count - 1].text += text
        }

        func parser(
            _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
        ) {
            guard var element = open.popLast() else { return }
            if !element.children.isEmpty { element.text = "" }
            if open.isEmpty { root = element } else { open[open.count - 1].children.append(element) }
        }
    }
}
