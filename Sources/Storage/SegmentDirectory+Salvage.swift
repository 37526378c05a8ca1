internal import Blocks

extension SegmentDirectory {
    /// Opens a segment of which a scrub says that it is damaged: as ``openSegment(_:)`` does, and when only its first page is
    /// bad, by what that page must have said. For repairs, which prove each block and record that they take from it.
    public func salvageSegment(_ number: UInt64) throws(StorageError) -> SegmentReader {
        do throws(StorageError) {
            return try openSegment(number)
        } catch {
            switch error {
            case .damaged, .notASegment:
                let header = SegmentHeader(
                    vault: vault, number: number, writer: 0, createdTime: 0, blockSize: blockSize,
                    isEncrypted: keys != nil)
                return try SegmentReader(salvaging: path(of: number), header: header, options: options, keys: keys)
            default: throw error
            }
        }
    }
}
