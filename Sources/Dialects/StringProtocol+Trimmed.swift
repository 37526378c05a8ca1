extension StringProtocol where UTF8View: BidirectionalCollection {
    /// The text without spaces and tabs at its ends (optional white space of RFC 9110 §5.6.3).
    var trimmed: String {
        func isSpace(_ byte: UInt8?) -> Bool { byte == 0x20 || byte == 0x09 }
        if !isSpace(utf8.first), !isSpace(utf8.last) { return String(self) }
        let rest = utf8.drop(while: isSpace)
        guard let last = rest.lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(self[rest.startIndex...last])
    }
}
