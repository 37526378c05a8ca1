/// Values at stable indices, whose places are used again.
struct Slab<Element> {
    /// The values; nil where a place is free. Mutate a value in place through this.
    var places: [Element?] = []
    private var free: [Int32] = []

    /// Number of values.
    var count: Int { places.count - free.count }

    /// Puts the value in a free place and gives its index.
    mutating func insert(_ element: Element) -> Int {
        if let index = free.popLast() {
            places[Int(index)] = element
            return Int(index)
        }
        places.append(element)
        return places.count - 1
    }

    /// Takes the value out and frees its place.
    mutating func remove(_ index: Int) -> Element? {
        guard places.indices.contains(index), let element = places[index] else { return nil }
        places[index] = nil
        free.append(Int32(truncatingIfNeeded: index))
        return element
    }
}
