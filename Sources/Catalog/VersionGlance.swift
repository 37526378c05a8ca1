internal import Objects

/// What the bytes of a version's row say at a glance: which of them are worth decoding when all versions are looked
/// through for work that is left. Nearly none are, and a glance costs a tenth of decoding.
struct VersionGlance {
    /// False when no digest is left to check.
    private(set) var mayNeedCheck = false
    /// False when every piece is a whole block.
    private(set) var mayNeedRegrid = false
    /// True for a copy whose source may have more.
    private(set) var isCopy = false

    /// Looks at the row's value.
    init(bytes: [UInt8]) throws(CatalogError) {
        var decoder = RecordDecoder(bytes, record: "version")
        var isComplete = false
        var hasUntested = false
        while let field = try decoder.next() {
            // The numbers are those of ``VersionRecord/encoded``.
            switch field.number {
            case 2: isComplete = try decoder.number(field) == ObjectState.complete.code
            case 10: if try Self.isUntested(try decoder.message(field)) { hasUntested = true }
            case 13: if try Self.hasSlices(try decoder.message(field)) { mayNeedRegrid = true }
            case 17: if try decoder.number(field) > 0 { mayNeedRegrid = true }
            case 20: isCopy = true
            default: break
            }
        }
        mayNeedCheck = isComplete && hasUntested
    }

    private static func isUntested(_ digest: RecordDecoder) throws(CatalogError) -> Bool {
        var decoder = digest
        while let field = try decoder.next() {
            if field.number == 6 { return try decoder.number(field) == UInt64(DigestOutcome.untested.rawValue) }
        }
        // Zero is left out.
        return true
    }

    private static func hasSlices(_ holdings: RecordDecoder) throws(CatalogError) -> Bool {
        var decoder = holdings
        while let field = try decoder.next() {
            if field.number == 3 { return true }
        }
        return false
    }
}
