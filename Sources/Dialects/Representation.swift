internal import Exchanges

/// What the body of an answer to a GET is of the object (RFC 9110 §15.3.1, §15.3.7).
enum Representation {
    /// The whole object.
    case whole
    /// One range of it.
    case range(ContentRange)
    /// Several ranges between boundaries.
    case ranges(boundary: [UInt8])
    /// The object in a content coding that was applied for this answer: other bytes than the stored ones.
    case coded
    /// Head and framing contradict each other, so no byte has a sure place.
    case contradictory
    /// No bytes of the object.
    case none

    /// Reads an answer's head. `variesByCoding` says that `Vary: Accept-Encoding` beside a content coding proves one
    /// made on the fly; servers of S3 send it on everything.
    init(_ response: AnswerReading, _ framing: BodyFraming, variesByCoding: Bool) {
        let fields = response.fields
        guard response.status == 200 || response.status == 206 else {
            self = .none
            return
        }
        if Self.isCodedOnTheFly(fields, variesByCoding: variesByCoding) {
            self = .coded
        } else if response.status == 200 {
            self = .whole
        } else if let text = fields[.contentRange] {
            let range = ContentRange(text)
            if let range, Self.length(framing).map({ $0 == range.length }) ?? true {
                self = .range(range)
            } else {
                self = .contradictory
            }
        } else if let boundary = ByteRangesDecoder.boundary(ofContentType: fields[.contentType]) {
            self = .ranges(boundary: boundary)
        } else {
            self = .contradictory
        }
    }

    /// The length that a framing announces.
    static func length(_ framing: BodyFraming) -> UInt64? {
        switch framing {
        case .none: 0
        case .length(let length): length
        case .chunked, .untilClose: nil
        }
    }

    /// A coding made on the fly shows by a weak ETag (the bytes differ from those the strong one would name), or by the
    /// answer varying with what the client accepts.
    private static func isCodedOnTheFly(_ fields: HeadFields, variesByCoding: Bool) -> Bool {
        guard let coding = fields[.contentEncoding]?.lowercased(), coding != "identity", !coding.isEmpty else {
            return false
        }
        if EntityTag(fields[.etag])?.isWeak ?? false { return true }
        guard variesByCoding, let vary = fields[.vary]?.lowercased() else { return false }
        return vary.split(separator: ",").contains { $0.trimmed == "accept-encoding" || $0.trimmed == "*" }
    }
}
