import Foundation

/// The terminal or whatever stands in its place: data goes to standard output, all else to standard error.
enum Terminal {
    /// True when standard error is a terminal: progress bars are drawn only then.
    static var showsProgress: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes bytes to standard output; a closed pipe ends the program quietly, as `head` expects.
    static func write(_ bytes: RawSpan) throws {
        var written = 0
        while written < bytes.byteCount {
            let rest = bytes.extracting(written..<bytes.byteCount)
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EPIPE { endByBrokenPipe() }
                throw CommandFailure(description: unsafe "standard output: \(String(cString: strerror(errno)))")
            }
            written += count
        }
    }

    /// Ends the program as the signal would whose default the parent process may have turned off.
    private static func endByBrokenPipe() -> Never {
        signal(SIGPIPE, SIG_DFL)
        raise(SIGPIPE)
        exit(128 + SIGPIPE)
    }

    /// Writes a line to standard output.
    static func print(_ line: String) throws {
        let bytes = Array((line + "\n").utf8)
        unsafe try write(bytes.span.bytes)
    }

    /// Writes a line to standard error.
    static func note(_ line: String) {
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }
}

/// One line of progress, redrawn in place on a terminal at most ten times a second; silent elsewhere.
struct ProgressLine {
    private var lastDrawn: ContinuousClock.Instant?
    private var isDrawn = false
    private let isEnabled: Bool

    /// A line that draws only when `isEnabled` and standard error is a terminal.
    init(isEnabled: Bool = true) { self.isEnabled = isEnabled && Terminal.showsProgress }

    /// Draws `done` of `total` (unit-free) with a text beside the bar, which is made only when it is drawn.
    mutating func draw(done: UInt64, total: UInt64, text: @autoclosure () -> String) {
        if !isEnabled { return }
        let now = ContinuousClock.now
        if let lastDrawn, now - lastDrawn < .milliseconds(100), done < total { return }
        lastDrawn = now
        isDrawn = true
        let share = total == 0 ? 1 : min(1, Double(done) / Double(total))
        let width = 24
        let filled = Int(share * Double(width))
        let bar = String(repeating: "=", count: filled) + String(repeating: " ", count: width - filled)
        FileHandle.standardError.write(Data("\r\u{1B}[K[\(bar)] \(Int(share * 100))% \(text())".utf8))
    }

    /// Removes the line.
    mutating func clear() {
        guard isDrawn else { return }
        isDrawn = false
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }
}

/// Sizes as people read them.
enum ByteText {
    /// `1.5 MiB`, `312 B`.
    static func text(_ count: UInt64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var value = Double(count)
        var unit = 0
        while value >= 1024 && unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return unit == 0 ? "\(count) B" : String(format: "%.1f %@", value, units[unit])
    }

    /// The number that `64k`, `256MiB`, `1g` or `4096` names, or nil.
    static func parse(_ text: String) -> UInt64? {
        let digits = text.prefix { $0.isNumber }
        guard let number = UInt64(digits) else { return nil }
        let power: UInt64? =
            switch text[digits.endIndex...].lowercased() {
            case "", "b": 0
            case "k", "kb", "kib": 1
            case "m", "mb", "mib": 2
            case "g", "gb", "gib": 3
            case "t", "tb", "tib": 4
            default: nil
            }
        guard let power else { return nil }
        let (value, overflow) = number.multipliedReportingOverflow(by: UInt64(1) << (10 * power))
        return overflow ? nil : value
    }
}
