internal import Objects
internal import S3

/// Turns an object's key into names of nested folders and a file, and back. Nothing of a key can leave the folder.
///
/// A key is cut at its slashes; each piece becomes a name:
/// - bytes below 0x20, 0x7F, `%` and `\` become `%XX`, and so does every byte above 0x7F of a piece that is not UTF-8;
/// - `.` becomes `%2E`, `..` becomes `%2E%2E`, and an empty piece (`a//b`, a slash at either end) becomes `%-`;
/// - a piece of more than 200 bytes is cut into names of at most 200 that all but the last end in `%~`.
/// A `%` that no two hexadecimal digits follow is a mark, so reading back is unambiguous. Where a key is also the
/// beginning of other keys (`a` beside `a/b`), the later of file and folder gets the mark `%o` (object) or `%d` (folder)
/// at its end; see `FileTree`.
enum KeyEscaping {
    /// Marks a file whose plain name is taken by a folder.
    static let objectMark = "%o"
    /// Marks a folder whose plain name is taken by a file.
    static let folderMark = "%d"

    private static let emptyMark = "%-"
    private static let goesOnMark = "%~"
    /// Names have at most 255 bytes on Linux; this leaves room for marks.
    private static let nameBytesMax = 200

    /// The names of a key, folders first.
    static func names(of key: ObjectKey) -> [String] {
        key.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).flatMap(names(ofPiece:))
    }

    /// The name of a bucket's folder. A leading dot is escaped, because `.oxbow` is ours.
    static func name(ofBucket bucket: String) -> [String] {
        // A slash in a bucket's name is a byte of the piece, and escaped as such.
        var names = names(ofPiece: Array(bucket.utf8)[...])
        if let first = names.first, first.hasPrefix(".") { names[0] = "%2E" + first.dropFirst() }
        return names
    }

    /// The key that ``names(of:)`` made these of, whichever marks they got; nil when it made them of none.
    static func key(of names: [String]) -> ObjectKey? {
        var bytes: [UInt8] = []
        var isFirst = true
        var goesOn = false
        for (index, name) in names.enumerated() {
            var name = name[...]
            let isLast = index == names.count - 1
            if isLast, name.hasSuffix(objectMark) { name = name.dropLast(2) }
            if !isLast, name.hasSuffix(folderMark) { name = name.dropLast(2) }
            if !isFirst, !goesOn { bytes.append(UInt8(ascii: "/")) }
            isFirst = false
            goesOn = name.hasSuffix(goesOnMark)
            if goesOn { name = name.dropLast(2) }
            if name == emptyMark { continue }
            guard let piece = unescape(name) else { return nil }
            bytes += piece
        }
        return goesOn ? nil : ObjectKey(bytes: bytes)
    }

    private static func names(ofPiece piece: ArraySlice<UInt8>) -> [String] {
        if piece.isEmpty { return [emptyMark] }
        var names: [String] = []
        var name = ""
        for token in tokens(of: piece) {
            if name.utf8.count + token.utf8.count > nameBytesMax {
                names.append(name + goesOnMark)
                name = ""
            }
            name += token
        }
        // Also where a cut leaves a dot or two alone at the end.
        if name == "." || name == ".." { name = name.replacing(".", with: "%2E") }
        return names + [name]
    }

    /// The escaped text of each character, so that a cut falls neither into an escape nor into a character.
    private static func tokens(of piece: ArraySlice<UInt8>) -> [String] {
        if let text = String(validating: piece, as: UTF8.self) {
            return text.unicodeScalars.map { scalar in
                scalar.value < 0x80 ? escape(UInt8(scalar.value)) : String(scalar)
            }
        }
        return piece.map(escape)
    }

    private static func escape(_ byte: UInt8) -> String {
        let isPlain = byte >= 0x20 && byte < 0x7F && !#"%\/"#.utf8.contains(byte)
        return PercentEncoding.encode([byte]) { _ in isPlain }
    }

    /// Strict: every `%` must begin an escape.
    private static func unescape(_ name: Substring) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = Array(name.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard rest.count >= 2,
                    let value = ByteText.bytes(hex: String(decoding: rest.prefix(2), as: UTF8.self))?.first
                else { return nil }
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }
}
