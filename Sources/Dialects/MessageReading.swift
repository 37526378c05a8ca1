internal import Exchanges

/// A request's head as dialects ask for it.
struct RequestReading {
    /// The method as sent.
    let method: String
    /// The path's bytes as sent.
    let rawPath: [UInt8]
    /// The query's items.
    let query: [QueryItem]
    /// The known fields.
    let fields: HeadFields
    /// How it authenticates, if it does.
    let credentials: CredentialScheme?
    /// True when customer keys were there.
    let hasCustomerKey: Bool

    /// Reads a head.
    init(_ head: RequestHead) {
        method = head.method
        rawPath = head.rawPath
        query = head.query
        fields = HeadFields(head.fields)
        credentials = head.credentials
        hasCustomerKey = head.hasCustomerKey
    }

    /// True when the query has an item of this name.
    func asks(_ name: String) -> Bool { query.contains { $0.name == name } }

    /// The value of the first query item of this name: nil when there is none, empty when it has no value.
    func queryValue(_ name: String) -> String? { query.first { $0.name == name }.map { $0.value ?? "" } }
}

/// An answer's head as dialects ask for it.
struct AnswerReading {
    /// The status code.
    let status: Int
    /// The known fields.
    let fields: HeadFields

    /// Reads a head.
    init(_ head: ResponseHead) {
        status = head.status
        fields = HeadFields(head.fields)
    }
}
