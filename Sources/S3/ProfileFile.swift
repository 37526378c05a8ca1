/// A shared config or credentials file of the AWS command line ("Configuration and credential file settings", AWS CLI
/// User Guide): sections in brackets, `name = value` lines, nested settings on indented lines.
struct ProfileFile: Sendable {
    /// Settings by profile; names in lower case.
    private(set) var profiles: [String: [String: String]] = [:]

    /// Reads the text of a file.
    ///
    /// `isConfig`: sections are called `[profile NAME]`, but for `[default]`. Lines that are none of the above are
    /// skipped, as the AWS command line does.
    init(_ text: String, isConfig: Bool) {
        var profile: String?
        for line in text.split(whereSeparator: \.isNewline) {
            let content = Self.trim(line)
            if content.isEmpty || content.hasPrefix("#") || content.hasPrefix(";") { continue }
            if content.hasPrefix("[") {
                profile = Self.profileName(content, isConfig: isConfig)
                continue
            }
            // An indented line continues the setting above it (`s3 =` with its own table); none of those is used here.
            if line.first == " " || line.first == "\t" { continue }
            guard let profile, let equals = content.firstIndex(of: "=") else { continue }
            let name = Self.trim(content[..<equals]).lowercased()
            var value = Self.trim(content[content.index(after: equals)...])
            // A comment after a value needs whitespace before it; keys hold no spaces.
            if let comment = value.firstRange(of: " #") { value = Self.trim(value[..<comment.lowerBound]) }
            if !value.isEmpty { profiles[profile, default: [:]][name] = String(value) }
        }
    }

    private static func profileName(_ header: Substring, isConfig: Bool) -> String? {
        guard let end = header.firstIndex(of: "]") else { return nil }
        let words = header[header.index(after: header.startIndex)..<end].split(
            maxSplits: 1, whereSeparator: \.isWhitespace)
        if words.count == 2, words[0] == "profile" { return String(trim(words[1])) }
        guard words.count == 1, let name = words.first else { return nil }
        return isConfig && name != "default" ? nil : String(name)
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }
}
