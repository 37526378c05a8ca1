/// How long a thread sleeps that finds nothing to do: twice as long each time, so that a tap at rest costs next to nothing,
/// and briefly again as soon as there was something.
///
/// What comes wakes the thread. The pause bounds only how late it sees that time has passed.
struct IdlePause {
    /// The pause that is due, milliseconds.
    private(set) var milliseconds: Int
    private let first: Int

    /// Pauses that grow from this many milliseconds to ``longest``.
    init(first: Int) {
        self.first = first
        milliseconds = first
    }

    /// Milliseconds.
    static var longest: Int { 100 }

    /// Nothing came: the next pause is longer.
    mutating func lengthen() { milliseconds = max(first, min(Self.longest, milliseconds * 2)) }

    /// Something came.
    mutating func reset() { milliseconds = first }
}
