extension FileBlockStore {
    /// Lets the kernel begin to read blocks that are asked for soon, so that the medium works while others are looked at.
    /// Promises nothing: what is wrong with a place, the read of it will say. Segments on a vault's medium are left alone.
    public func prefetch(_ locations: [BlockLocation]) {
        var next: Range<UInt64>?
        var segment: UInt64 = 0
        func flush() {
            guard let range = next else { return }
            next = nil
            if let reader = try? openSegment(segment) { reader.prefetch(range) }
        }
        let order = locations.indices.sorted {
            (locations[$0].segment, locations[$0].payloadOffset) < (locations[$1].segment, locations[$1].payloadOffset)
        }
        for index in order {
            let location = locations[index]
            let (end, overflow) = location.payloadOffset.addingReportingOverflow(UInt64(location.storedLength))
            if overflow { continue }
            if let range = next, location.segment == segment, location.payloadOffset <= range.upperBound + Self.gapMax {
                next = range.lowerBound..<max(range.upperBound, end)
            } else {
                flush()
                segment = location.segment
                next = location.payloadOffset..<end
            }
        }
        flush()
    }

    /// Bytes between two blocks that are rather read than skipped.
    private static var gapMax: UInt64 { 16 << 10 }
}

extension SegmentReader {
    func prefetch(_ range: Range<UInt64>) { file.prefetch(range) }
}

extension SegmentSource {
    fileprivate func prefetch(_ range: Range<UInt64>) {
        switch self {
        case .file(let file): file.prefetch(range)
        case .remote: break
        }
    }
}
