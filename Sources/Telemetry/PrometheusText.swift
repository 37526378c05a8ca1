/// Prometheus' text exposition format, version 0.0.4, after its documentation "Exposition formats" and "Data model".
public enum PrometheusText {
    /// The media type that scrapers expect.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    public static func isMetricName(_ name: String) -> Bool {
        guard let first = name.utf8.first, isLetter(first) || first == UInt8(ascii: ":") else { return false }
        return name.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: ":") }
    }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`, without the prefix `__`, which Prometheus keeps for itself.
    public static func isLabelName(_ name: String) -> Bool {
        guard let first = name.utf8.first, isLetter(first), !name.hasPrefix("__") else { return false }
        return name.utf8.allSatisfy { isLetter($0) || isDigit($0) }
    }

    /// Appends the `# HELP` and `# TYPE` lines of a metric.
    static func writeHead(_ name: String, help: String, type: String, to text: inout String) {
        if !help.isEmpty { text += "# HELP \(name) \(escaped(help, quote: false))\n" }
        text += "# TYPE \(name) \(type)\n"
    }

    /// Appends a sample line.
    static func writeSample(_ name: String, labels: String, _ value: String, to text: inout String) {
        text += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
    }

    /// The inside of the braces: `interface="eth0",cause="kernel"`.
    static func labels(_ dimensions: [(String, String)]) -> String {
        dimensions.map { "\($0)=\"\(escaped($1, quote: true))\"" }.joined(separator: ",")
    }

    /// A value as the format writes it: what Go's ParseFloat reads, whole numbers without a fraction.
    static func value(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        // Exact below 2^53; above, the shortest form that reads back as the same number.
        if value == value.rounded(), abs(value) < 9_007_199_254_740_992 { return String(Int64(value)) }
        return "\(value)"
    }

    /// Backslash and line feed escaped; in label values the quote as well.
    private static func escaped(_ text: String, quote: Bool) -> String {
        guard text.utf8.contains(where: { $0 == 0x5C || $0 == 0x0A || (quote && $0 == 0x22) }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quote: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z") || byte == UInt8(ascii: "_")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
