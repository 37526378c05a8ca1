internal import NIOHPACK

import HTTPTypes

/// Writes decoded fields as a head of HTTP/1.1, so that one parser reads the heads of both versions and one table says
/// what is secret. Anything that would change its meaning on the way makes the message malformed.
struct HeaderText {
    /// The head, start-line to empty line, or a trailer section.
    private(set) var bytes: [UInt8] = []
    /// Pseudo-header fields (RFC 9113 §8.3).
    private var method: String?
    private var path: String?
    private var authority: String?
    private var status: String?
    private var fields: [UInt8] = []
    private var host: String?

    /// A request's head; nil when it is malformed (RFC 9113 §8.1.1, §8.3.1).
    static func request(_ headers: HPACKHeaders) -> HeaderText? {
        guard var text = HeaderText(headers), text.status == nil, let method = text.method, isClean(method) else {
            return nil
        }
        let target: String
        if method == "CONNECT" {
            guard let authority = text.authority else { return nil }
            target = authority
        } else {
            guard let path = text.path, path.utf8.first == UInt8(ascii: "/") || path == "*" else { return nil }
            target = path
        }
        // Values come as text, in which bytes that are no UTF-8 are lost. A name must not be wrong.
        guard isClean(target), !target.utf8.contains(ASCII.space) else { return nil }
        text.bytes = Array("\(method) \(target) HTTP/1.1\r\n".utf8)
        if let host = text.authority ?? text.host {
            guard isClean(host) else { return nil }
            text.bytes += Array("host: \(host)\r\n".utf8)
        }
        text.finish()
        return text
    }

    /// A response's head; nil when it is malformed (RFC 9113 §8.3.2).
    static func response(_ headers: HPACKHeaders) -> HeaderText? {
        guard var text = HeaderText(headers), text.method == nil, text.path == nil, text.authority == nil,
            let status = text.status, status.utf8.count == 3, status.utf8.allSatisfy({ ASCII.isDigit($0) })
        else { return nil }
        text.bytes = Array("HTTP/1.1 \(status) \r\n".utf8)
        text.takeHostAsField()
        text.finish()
        return text
    }

    /// The fields of a trailer section without secrets; nil when there are none or they are malformed (RFC 9113 §8.1).
    static func trailerFields(_ headers: HPACKHeaders, _ desk: inout Desk) -> HTTPFields? {
        guard var text = HeaderText(headers), text.method == nil, text.path == nil, text.authority == nil,
            text.status == nil
        else { return nil }
        text.takeHostAsField()
        text.finish()
        let bytes = text.bytes
        guard (try? FieldSection(unsafe bytes.span.bytes, 0..<bytes.count, &desk)) != nil else { return nil }
        let fields = desk.forms.fields(unsafe bytes.span.bytes)
        return fields.isEmpty ? nil : fields
    }

    private init?(_ headers: HPACKHeaders) {
        var isPseudo = true
        for (name, value, _) in headers {
            guard value.utf8.allSatisfy({ $0 != 0 && !ASCII.isLineEnd($0) }) else { return nil }
            if name.utf8.first == UInt8(ascii: ":") {
                guard isPseudo, takePseudo(name, value) else { return nil }
                continue
            }
            isPseudo = false
            guard !name.isEmpty, name.utf8.allSatisfy({ ASCII.isToken($0) && ASCII.lowercased($0) == $0 }) else {
                return nil
            }
            switch name {
            // RFC 9113 §8.2.2: there is none, and the parser would believe it.
            case "transfer-encoding": return nil
            case "host":
                guard host == nil else { return nil }
                host = value
            default: append(name, value)
            }
        }
    }

    private mutating func takePseudo(_ name: String, _ value: String) -> Bool {
        func set(_ place: inout String?) -> Bool {
            guard place == nil else { return false }
            place = value
            return true
        }
        switch name {
        case ":method": return set(&method)
        case ":path": return set(&path)
        case ":authority": return set(&authority)
        case ":status": return set(&status)
        case ":scheme", ":protocol": return true
        default: return false
        }
    }

    private mutating func append(_ name: String, _ value: String) {
        fields += name.utf8
        fields += [UInt8(ascii: ":"), ASCII.space]
        fields += value.utf8
        fields += [ASCII.carriageReturn, ASCII.lineFeed]
    }

    private mutating func takeHostAsField() {
        if let host { append("host", host) }
    }

    private mutating func finish() {
        bytes += fields
        bytes += [ASCII.carriageReturn, ASCII.lineFeed]
    }

    private static func isClean(_ text: String) -> Bool { !text.isEmpty && !text.unicodeScalars.contains("\u{FFFD}") }
}
