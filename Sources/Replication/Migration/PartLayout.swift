/// In which pieces an object is sent. The pieces decide the ETag of an object stored in parts, so they follow the
/// source's where that is possible.
enum PartLayout: Equatable, Sendable {
    /// One request.
    case whole
    /// Parts of these sizes, in order.
    case parts([UInt64])

    /// The layout for an object of `size` bytes that came to the source in `sourceParts` (empty: whole or unknown).
    init(size: UInt64, sourceParts: [UInt64], rules: TargetRules, options: MigrationOptions) {
        if Self.isAllowed(sourceParts, size: size, rules: rules) {
            self = .parts(sourceParts)
            return
        }
        if size <= min(options.singlePutBytesMax, rules.singlePutBytesMax) {
            self = .whole
            return
        }
        let partsMax = UInt64(min(rules.partsMax, 10_000))
        var partSize = min(max(options.partBytes, rules.partBytesMin), rules.partBytesMax)
        while size > partSize * partsMax, partSize < rules.partBytesMax {
            partSize = min(partSize * 2, rules.partBytesMax)
        }
        var sizes = Array(repeating: partSize, count: Int(size / partSize))
        if !size.isMultiple(of: partSize) { sizes.append(size % partSize) }
        self = .parts(sizes)
    }

    /// The pieces with their places; one for ``whole``.
    func ranges(size: UInt64) -> [PartRange] {
        guard case .parts(let sizes) = self else { return [PartRange(number: 1, range: 0..<size)] }
        var start: UInt64 = 0
        return sizes.enumerated().map { index, size in
            defer { start += size }
            return PartRange(number: index + 1, range: start..<start + size)
        }
    }

    /// Sizes of the pieces.
    func sizes(of size: UInt64) -> [UInt64] {
        if case .parts(let sizes) = self { sizes } else { [size] }
    }

    private static func isAllowed(_ parts: [UInt64], size: UInt64, rules: TargetRules) -> Bool {
        guard let last = parts.last, parts.count <= rules.partsMax else { return false }
        var sum: UInt64 = 0
        for part in parts {
            let (next, overflow) = sum.addingReportingOverflow(part)
            if overflow { return false }
            sum = next
        }
        return sum == size && (1...rules.partBytesMax).contains(last)
            && parts.dropLast().allSatisfy { (rules.partBytesMin...rules.partBytesMax).contains($0) }
    }
}
