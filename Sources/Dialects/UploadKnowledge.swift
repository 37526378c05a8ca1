/// Sizes of parts, by upload, so that a part can be placed on the object's grid before the upload is complete.
///
/// Clients cut all parts but the last to one size, so part n begins at (n - 1) times that size. The size of the part
/// with the lowest number seen is taken for it: the last part, the only shorter one, has the highest number. Until
/// another part was seen, a part's own size is the best there is. A wrong guess costs short blocks, never wrong bytes.
struct UploadKnowledge {
    private struct FirstPart {
        var number: Int
        var size: UInt64
    }

    private var table: RecentTable<String, FirstPart>
    /// Who else is to know what is learnt here.
    var peers: (any DialectPeers)?

    /// Knows nothing yet, and at most `limit` uploads.
    init(limit: Int) { table = RecentTable(limit: limit) }

    /// Uploads forgotten at the limit.
    var forgotten: UInt64 { table.forgotten }

    /// The likely offset of a part's first byte, and remembers the part's size for later ones.
    mutating func offset(ofPart number: Int, size: UInt64?, upload: String) -> UInt64 {
        let known = table.value(of: upload)
        if let size, size > 0, known.map({ number < $0.number }) ?? true {
            table.store(FirstPart(number: number, size: size), upload)
            peers?.tell(DialectFact(kind: .part(number: number, size: size, upload: upload)))
        }
        guard number > 1, let partSize = known?.size ?? size else { return 0 }
        let (offset, overflow) = UInt64(number - 1).multipliedReportingOverflow(by: partSize)
        return overflow ? 0 : offset
    }

    /// Forgets an upload that ended.
    mutating func forget(_ upload: String) {
        table.remove(upload)
        peers?.tell(DialectFact(kind: .uploadEnded(upload)))
    }
}
