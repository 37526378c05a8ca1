import Glibc

/// What libFuzzer calls with each input: address and length in bytes. It returns 0.
public typealias FuzzCallback = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

/// libFuzzer's own entry: SwiftPM renames `main`, so the targets call the driver instead of lending it theirs.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>, _ callback: FuzzCallback
) -> CInt

/// Runs libFuzzer on `callback` with this process's arguments, and ends the process.
public func fuzz(_ callback: FuzzCallback) -> Never {
    // Swift's backtracer, where it is enabled, would keep these from libFuzzer, and the input would be lost.
    for number in [SIGABRT, SIGILL, SIGTRAP, SIGQUIT] { signal(number, SIG_DFL) }
    var count = CommandLine.argc
    var arguments = CommandLine.unsafeArgv
    exit(runDriver(&count, &arguments, callback))
}

/// Ends the process, which libFuzzer takes for a finding, unless `condition` holds. Unlike `precondition` it keeps its
/// message in an optimised build.
@inline(__always)
public func require(
    _ condition: Bool, _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
    if !condition { breach(message(), file, line) }
}

/// Reports a broken promise and ends the process.
@inline(never)
public func breach(_ message: String, _ file: StaticString = #fileID, _ line: UInt = #line) -> Never {
    let text = Array("BROKEN PROMISE: \(message) (\(file):\(line))\n".utf8)
    _ = write(STDERR_FILENO, text, text.count)
    abort()
}

private let isVerbose = getenv("FUZZ_VERBOSE") != nil

/// Says how a target reads its input, to explain a finding; only when the environment has FUZZ_VERBOSE.
public func explain(_ text: @autoclosure () -> String) {
    guard isVerbose else { return }
    let line = Array((text() + "\n").utf8)
    _ = write(STDERR_FILENO, line, line.count)
}
