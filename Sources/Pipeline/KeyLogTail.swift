internal import Capture
internal import Cleartext
internal import Synchronization

/// Follows key logs on a thread of its own and brings what it finds to the front ends of a tap.
///
/// It looks every 20 ms, since a file on a network or an overlay tells nobody that it has grown; a look costs two system
/// calls a file. When a front end does not take what it is brought, reading stops until it does: the file is the queue.
final class KeyLogTail: Sendable {
    private struct State: ~Copyable {
        var files: KeyLogFiles
        var problems: [String] = []
    }

    private let state: Mutex<State>
    private let mailboxes = Mutex<[SecretMailbox]>([])
    private let isEnded = Atomic<Bool>(false)
    private let wake = WakeDescriptor()

    private static var intervalMilliseconds: Int { 20 }
    /// Bytes read of each log at once: some thousands of secrets.
    private static var stepBytes: Int { 1 << 20 }

    /// A tail of these logs, which are open.
    init(_ files: consuming sending KeyLogFiles) { state = Mutex(State(files: files)) }

    /// Brings what is read from now on to this mailbox too. Before the thread runs.
    func feed(_ mailbox: SecretMailbox) { mailboxes.withLock { $0.append(mailbox) } }

    /// The body of its thread.
    func run() {
        state.withLock { $0.files.checkAccess() }
        while !isEnded.load(ordering: .acquiring) {
            if readOn() { wake.wait(milliseconds: Self.intervalMilliseconds) }
        }
    }

    /// Reads what there is now, once more before the end; a last line need not be whole.
    func readLast() {
        let events = state.withLock { $0.files.read(isLast: true) }
        if !events.isEmpty { for mailbox in mailboxes.withLock({ $0 }) { mailbox.put(events) } }
    }

    /// Ends the thread.
    func end() {
        isEnded.store(true, ordering: .releasing)
        wake.wake()
    }

    /// Opens all logs anew, or other ones instead.
    func reopen(_ paths: [String]?) {
        state.withLock { $0.problems += $0.files.reopen(paths) }
        wake.wake()
    }

    /// Lines that could not be read.
    var unreadableLines: UInt64 { state.withLock { $0.files.unreadableLines } }

    /// What the user should know of since the last call.
    func takeProblems() -> [String] {
        state.withLock { state in
            defer { state.problems = [] }
            return state.problems + state.files.takeProblems()
        }
    }

    /// True when there is nothing more now, or somebody has not taken what was brought.
    private func readOn() -> Bool {
        let boxes = mailboxes.withLock { $0 }
        guard boxes.allSatisfy({ !$0.isFull }) else { return true }
        // Brought under the same lock: whoever reads for the last time must not miss what is on its way.
        return state.withLock { state in
            var events: [SecretEvent] = []
            let isDone = state.files.readSome(Self.stepBytes, into: &events)
            if !events.isEmpty { for mailbox in boxes { mailbox.put(events) } }
            return isDone
        }
    }
}

/// Secrets on their way to the thread of a front end: for it, one relaxed load while there are none.
final class SecretMailbox: Sendable {
    private let waiting = Mutex<[SecretEvent]>([])
    private let hasSome = Atomic<Bool>(false)
    private let bell: WakeDescriptor?

    private static var eventsMax: Int { 65_536 }

    /// A mailbox whose owner waits on `bell`.
    init(bell: WakeDescriptor? = nil) { self.bell = bell }

    /// True while the owner has enough to do.
    var isFull: Bool { waiting.withLock { $0.count >= Self.eventsMax } }

    /// Leaves secrets, and wakes the owner.
    func put(_ events: [SecretEvent]) {
        waiting.withLock { $0 += events }
        hasSome.store(true, ordering: .releasing)
        bell?.wake()
    }

    /// What was left since the last call.
    func take() -> [SecretEvent] {
        guard hasSome.load(ordering: .relaxed), hasSome.exchange(false, ordering: .acquiring) else { return [] }
        return waiting.withLock { events in
            defer { events = [] }
            return events
        }
    }
}
