internal import Packets

/// The files of a stream that are open: slots at stable places, one for each file of the stream.
///
/// `CaptureFile` cannot be copied, so the standard collections cannot hold it.
@safe
struct OpenCaptures: ~Copyable {
    private let slots: UnsafeMutablePointer<CaptureFile>
    private var isOpen: [Bool]

    /// Slots for `count` files, all closed.
    init(count: Int) {
        unsafe slots = .allocate(capacity: count)
        isOpen = Array(repeating: false, count: count)
    }

    deinit {
        for index in isOpen.indices where isOpen[index] { unsafe (slots + index).deinitialize(count: 1) }
        unsafe slots.deallocate()
    }

    /// Puts an open file into its slot, which is closed.
    mutating func insert(_ file: consuming CaptureFile, at index: Int) {
        precondition(!isOpen[index])
        // Safe: `isOpen` has one element for each slot, and says that this one holds nothing.
        unsafe (slots + index).initialize(to: file)
        isOpen[index] = true
    }

    /// Closes a file. Its counters are gone with it.
    mutating func close(_ index: Int) {
        precondition(isOpen[index])
        isOpen[index] = false
        unsafe (slots + index).deinitialize(count: 1)
    }

    /// Makes the next frame of an open file current.
    @inline(__always)
    mutating func advance(_ index: Int) -> CapturedFrame? {
        precondition(isOpen[index])
        return unsafe slots[index].advance()
    }

    /// Where the current frame of an open file stands in memory.
    @inline(__always)
    func frameStart(_ index: Int) -> UnsafeRawPointer {
        precondition(isOpen[index])
        return unsafe slots[index].frameStart
    }

    /// What is known of an open file; nil for a closed one.
    func summary(_ index: Int) -> CaptureFileSummary? {
        guard isOpen[index] else { return nil }
        return unsafe CaptureFileSummary(slots[index])
    }

    /// Bytes given out of an open file; 0 for a closed one.
    func bytesRead(_ index: Int) -> UInt64 {
        guard isOpen[index] else { return 0 }
        return unsafe slots[index].bytesRead
    }

    /// Secrets that an open file met since the last call.
    mutating func takeSecrets(_ index: Int) -> [CapturedSecrets] {
        guard isOpen[index] else { return [] }
        return unsafe slots[index].takeSecrets()
    }

    /// Number of slots.
    var count: Int { isOpen.count }
}

/// The owner of its slots and of the files in them, none of which belongs to a thread; it moves between threads as a whole.
extension OpenCaptures: @unchecked Sendable {}

/// What a stream knows of one of its files.
public struct CaptureFileSummary: Hashable, Sendable {
    /// The file.
    public var path: String
    /// Bytes it had when the stream was opened.
    public var bytesTotal: UInt64
    /// Its counters; what a filter leaves out is not in them but in the stream's.
    public var statistics: CaptureStatistics
    /// The interfaces it described so far.
    public var interfaces: [CaptureInterface]
    /// Why it ended early; nil when it did not.
    public var fault: CaptureFault?

    init(_ file: borrowing CaptureFile) {
        path = file.path
        bytesTotal = file.bytesTotal
        statistics = file.statistics
        interfaces = file.interfaces
        fault = file.fault
    }
}
