/// Patterns with `*` for any run of characters and `?` for one, compared by Unicode scalars.
enum Glob {
    /// True when `text` as a whole is of the pattern. Time is at most pattern times text, memory is their length.
    static func matches(_ pattern: String, _ text: String) -> Bool {
        let pattern = Array(pattern.unicodeScalars)
        let text = Array(text.unicodeScalars)
        var at = 0
        var textAt = 0
        // Where the last star stood, and the text position it has swallowed up to: the only place to fall back to.
        var star: Int?
        var swallowed = 0
        while textAt < text.count {
            if at < pattern.count, pattern[at] == "*" {
                star = at
                swallowed = textAt
                at += 1
            } else if at < pattern.count, pattern[at] == "?" || pattern[at] == text[textAt] {
                at += 1
                textAt += 1
            } else if let star {
                swallowed += 1
                at = star + 1
                textAt = swallowed
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == "*" }
    }
}
