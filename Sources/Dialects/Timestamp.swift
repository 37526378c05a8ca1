/// Reads the date forms of HTTP and of the clouds' XML without a calendar library: they are few, fixed and in UTC.
enum Timestamp {
    /// Seconds since 1970 UTC of an HTTP date in any of the three forms of RFC 9110 §5.6.7.
    static func seconds(httpDate text: String) -> Int64? {
        if let seconds = seconds(fixedDate: Array(text.utf8)) { return seconds }
        let words = text.trimmed.split { $0 == " " || $0 == "," || $0 == "-" }
        switch words.count {
        case 6:
            // IMF-fixdate `Sun, 06 Nov 1994 08:49:37 GMT`, or RFC 850 `Sunday, 06-Nov-94 08:49:37 GMT`.
            guard words[5] == "GMT", let year = year(words[3]) else { return nil }
            return seconds(year: year, month: month(words[2]), day: Int(words[1]), clock: words[4])
        case 5:
            // asctime `Sun Nov  6 08:49:37 1994`.
            guard let year = year(words[4]) else { return nil }
            return seconds(year: year, month: month(words[1]), day: Int(words[2]), clock: words[3])
        default: return nil
        }
    }

    /// The form that nearly every server sends, `Sun, 06 Nov 1994 08:49:37 GMT`, by the places of its digits: it stands
    /// in every answer, and splitting text costs twenty times as much.
    private static func seconds(fixedDate text: [UInt8]) -> Int64? {
        guard text.count == 29, text[3] == UInt8(ascii: ","), text[19] == UInt8(ascii: ":"),
            text[22] == UInt8(ascii: ":"), text[26...].elementsEqual("GMT".utf8)
        else { return nil }
        func number(_ places: Range<Int>) -> Int? {
            var value = 0
            for place in places {
                guard case UInt8(ascii: "0")...UInt8(ascii: "9") = text[place] else { return nil }
                value = value * 10 + Int(text[place] - UInt8(ascii: "0"))
            }
            return value
        }
        let name = text[8..<11].map { $0 | 0x20 }
        let month = monthNames.firstIndex { $0.utf8.elementsEqual(name) }.map { $0 + 1 }
        guard let year = number(12..<16), let day = number(5..<7), let hour = number(17..<19),
            let minute = number(20..<22), let second = number(23..<25)
        else { return nil }
        return seconds(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
    }

    private static let monthNames = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]

    /// Seconds since 1970 UTC of `2026-11-21T03:08:36.000Z`, the fraction cut off.
    static func seconds(iso8601 text: String) -> Int64? {
        let halves = text.trimmed.split(separator: "T", omittingEmptySubsequences: false)
        guard halves.count == 2, halves[1].last == "Z" else { return nil }
        let date = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard date.count == 3, let year = Int(date[0]) else { return nil }
        let clock = halves[1].dropLast().prefix { $0 != "." }
        return seconds(year: year, month: Int(date[1]), day: Int(date[2]), clock: clock)
    }

    private static func year(_ text: Substring) -> Int? {
        guard let number = Int(text), number >= 0 else { return nil }
        // A two-digit year of the obsolete form: the century that makes it not lie far in the future.
        return text.utf8.count == 2 ? (number < 70 ? 2_000 + number : 1_900 + number) : number
    }

    private static func month(_ text: Substring) -> Int? {
        monthNames.firstIndex(of: text.lowercased()).map { $0 + 1 }
    }

    private static func seconds(year: Int, month: Int?, day: Int?, clock: some StringProtocol) -> Int64? {
        let parts = clock.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 3, let hour = parts[0], let minute = parts[1], let second = parts[2] else { return nil }
        return seconds(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
    }

    private static func seconds(
        year: Int, month: Int?, day: Int?, hour: Int, minute: Int, second: Int
    ) -> Int64? {
        guard let month, let day, (1_000...9_999).contains(year), (1...12).contains(month), (1...31).contains(day),
            (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        // Days from civil: years begin in March, so the leap day is the last of its year.
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return Int64(days) * 86_400 + Int64(hour * 3_600 + minute * 60 + second)
    }
}
