internal import Capture

/// The open captures of a tap before their threads take them.
///
/// `LiveCapture` cannot be copied, so the standard collections cannot hold it.
@safe
struct LiveCaptures: ~Copyable {
    let count: Int
    private(set) var warnings: [String] = []
    private let slots: UnsafeMutablePointer<LiveCapture>
    /// Captures taken out; those from here to `opened` are still in their slots.
    private var taken = 0
    private var opened = 0

    /// Room for so many.
    private init(count: Int) {
        self.count = count
        unsafe slots = .allocate(capacity: count)
    }

    /// Opens so many rings of each interface, those of one interface in a row; fails for the first that cannot be opened.
    static func open(_ interfaces: [String], rings: Int, _ options: LiveOptions) throws(LiveError) -> LiveCaptures {
        guard !interfaces.isEmpty else { throw .badOption("no interface was named") }
        guard Set(interfaces).count == interfaces.count else {
            throw .badOption("an interface was named twice: \(interfaces.joined(separator: ", "))")
        }
        if interfaces.count > 1, interfaces.contains("any") {
            throw .badOption("'any' takes in every interface; name no other beside it")
        }
        guard (1...ringsMax).contains(rings) else {
            throw .badOption("there cannot be \(rings) rings of an interface, but 1 to \(ringsMax)")
        }
        var captures = LiveCaptures(count: interfaces.count * rings)
        for interface in interfaces {
            let fanout = rings > 1 ? FanoutGroup() : nil
            for _ in 0..<rings {
                captures.append(try LiveCapture(interface: interface, options: options, fanout: fanout))
            }
        }
        if rings > 1 { captures.beginTogether() }
        return captures
    }

    /// Beyond it there are more threads than any machine's interrupts keep busy.
    private static var ringsMax: Int { 16 }

    /// Until its whole group was there, a ring had packets that are another's share, too.
    private mutating func beginTogether() {
        let now = SystemClock.wall
        // Safe: these slots were filled, and none was taken yet.
        for index in 0..<opened { unsafe slots[index].begin(at: now) }
    }

    private mutating func append(_ capture: consuming LiveCapture) {
        precondition(opened < count)
        if let warning = capture.warning { warnings.append("\(capture.interface): \(warning)") }
        // Safe: there is a slot for each interface, and this one was never used.
        unsafe (slots + opened).initialize(to: capture)
        opened += 1
    }

    deinit {
        for index in taken..<opened { unsafe (slots + index).deinitialize(count: 1) }
        unsafe slots.deallocate()
    }

    /// The next capture that was not taken yet.
    mutating func takeNext() -> LiveCapture? {
        guard taken < opened else { return nil }
        taken += 1
        return unsafe (slots + (taken - 1)).move()
    }
}
