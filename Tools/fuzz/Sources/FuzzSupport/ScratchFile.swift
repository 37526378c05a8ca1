import Glibc

/// A file without a name that holds one input at a time: what reads files by path can read it, and nothing stays behind.
public struct ScratchFile: ~Copyable {
    private let stream: UnsafeMutablePointer<FILE>

    /// Makes the file in the system's temporary folder; ends the process when that is impossible.
    public init() {
        guard let stream = tmpfile() else { breach("cannot make a temporary file: errno \(errno)") }
        self.stream = stream
    }

    deinit { fclose(stream) }

    /// Path for this process.
    public var path: String { "/proc/self/fd/\(fileno(stream))" }

    /// Replaces the content.
    public func fill(_ start: UnsafePointer<UInt8>?, _ count: Int) {
        let descriptor = fileno(stream)
        require(ftruncate(descriptor, 0) == 0, "cannot empty the temporary file: errno \(errno)")
        require(count == 0 || pwrite(descriptor, start, count, 0) == count, "cannot write: errno \(errno)")
    }
}
