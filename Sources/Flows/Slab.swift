/// Plain structs addressed by a dense `Int32` slot, with a free list.
///
/// It owns one aligned allocation that doubles when it is full, so an element costs its stride and four bytes of free
/// list, no reference counting, and no separate allocation. Slots are handed out last-in first-out, which makes their
/// numbering a function of the calls alone.
@safe
struct Slab<Element: BitwiseCopyable & Sendable>: ~Copyable {
    /// First element; owned, replaced only by `grow`.
    private var base: UnsafeMutablePointer<Element>
    /// Slots below this were handed out at least once, so their memory is initialised.
    private var used: Int32 = 0
    private var capacity: Int32
    private var free: [Int32] = []

    /// A cache line, so that an element of 64 or 128 bytes never straddles one more line than it must.
    private static var alignment: Int { 64 }

    /// Number of elements in use.
    var count: Int { Int(used) - free.count }
    /// One past the greatest slot ever handed out.
    var end: Int32 { used }

    init(capacity: Int32) {
        self.capacity = capacity
        unsafe base = Self.allocate(capacity)
    }

    deinit {
        unsafe UnsafeMutableRawPointer(base).deallocate()
    }

    /// The element in a slot. A slot that was never handed out is a mistake of this module, not of the input, and
    /// traps.
    subscript(slot: Int32) -> Element {
        @inline(__always)
        unsafeAddress {
            precondition(UInt32(bitPattern: slot) < UInt32(bitPattern: used))
            return unsafe UnsafePointer(base + Int(slot))
        }
        @inline(__always)
        unsafeMutableAddress {
            precondition(UInt32(bitPattern: slot) < UInt32(bitPattern: used))
            return unsafe base + Int(slot)
        }
    }

    /// Puts an element into a free slot.
    mutating func insert(_ element: Element) -> Int32 {
        if let slot = free.popLast() {
            self[slot] = element
            return slot
        }
        if used == capacity { grow() }
        let slot = used
        unsafe (base + Int(slot)).initialize(to: element)
        used += 1
        return slot
    }

    /// Gives a slot back. The caller calls it once per `insert`.
    mutating func remove(_ slot: Int32) {
        free.append(slot)
    }

    private mutating func grow() {
        let larger = capacity * 2
        let target = unsafe Self.allocate(larger)
        unsafe target.initialize(from: base, count: Int(used))
        unsafe UnsafeMutableRawPointer(base).deallocate()
        unsafe base = target
        capacity = larger
    }

    private static func allocate(_ capacity: Int32) -> UnsafeMutablePointer<Element> {
        let byteCount = Int(capacity) * MemoryLayout<Element>.stride
        let raw = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: alignment)
        return unsafe raw.bindMemory(to: Element.self, capacity: Int(capacity))
    }
}

// The pointer is reachable through this value only, which cannot be copied: whoever holds it holds the memory alone.
extension Slab: @unchecked Sendable {}
