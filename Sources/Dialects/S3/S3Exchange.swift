internal import Objects

/// A finished exchange with S3, and what is read from it alike for all operations.
struct S3Exchange {
    /// What was asked.
    let operation: S3Operation
    /// What was seen.
    let record: ExchangeRecord
    /// What is kept.
    let options: DialectOptions
    /// The request's body as XML, where it was read as such.
    let requestDocument: XMLDocument?
    /// The answer's body as XML, where it was read as such.
    let answerDocument: XMLDocument?

    /// The answer's ETag.
    let tag: EntityTag?

    /// Reads the bodies that were gathered, each once.
    init(operation: S3Operation, record: ExchangeRecord, options: DialectOptions) {
        self.operation = operation
        self.record = record
        self.options = options
        tag = EntityTag(record.response?.fields[.etag])
        requestDocument = record.requestBody.document(options.limits)
        answerDocument = record.responseBody.document(options.limits)
    }

    /// The operation's name.
    var label: String { operation.action.rawValue }

    /// The answer's fields; empty without an answer.
    var answer: HeadFields { record.response?.fields ?? HeadFields() }

    /// `x-amz-version-id` of the answer.
    var versionID: String? { answer[.amazonVersionID] }

    /// True when the ETag is no digest: KMS keys and customer keys make it something else.
    var isTagOpaque: Bool {
        if record.request.hasCustomerKey || answer.has(.amazonCustomerAlgorithm) {
            return true
        }
        return [answer, record.request.fields].contains {
            $0[.amazonEncryption]?.hasPrefix("aws:kms") ?? false
        }
    }

    /// The verdict that a body gives where the status alone does not ("200 OK" may come before the work is done).
    enum Verdict {
        /// The body is the answer expected, whole or cut behind its beginning.
        case success(XMLDocument)
        /// The body is an error.
        case failure(code: String?)
        /// The body was not seen, or is no XML.
        case unseen
    }

    /// The verdict of the answer's body, whose root must be one of these.
    func verdict(expecting roots: [String]) -> Verdict {
        guard let document = answerDocument else { return .unseen }
        if document.root.name == "Error" { return .failure(code: Self.code(document.root)) }
        return roots.contains(document.root.name) ? .success(document) : .unseen
    }

    /// The code of an error answer, when its body was read.
    var errorCode: String? {
        guard !record.hasSucceeded, let document = answerDocument else { return nil }
        return document.root.name == "Error" ? Self.code(document.root) : nil
    }

    /// Adds an attempt with what the answer's status and error body say.
    func attempt(_ conclusion: inout Conclusion) {
        conclusion.attempt(operation.name, label, record, code: errorCode)
    }

    /// Adds an attempt for an operation whose outcome its answer's body decides.
    func attempt(_ verdict: Verdict, _ conclusion: inout Conclusion) {
        switch verdict {
        case .failure(let code):
            conclusion.count(\.errorsInSuccess)
            let reason = code.map { "refused: \($0)" } ?? "refused"
            conclusion.attempt(operation.name, label, record, reason: "\(reason), in an answer of status 200")
        case .success, .unseen:
            conclusion.count(\.unreadableBodies)
            conclusion.attempt(
                operation.name, label, record, reason: "outcome unknown: the answer's body was not seen whole")
        }
    }

    /// True when the scope keeps this object.
    func keeps(_ name: ObjectName) -> Bool { options.scope.keeps(name, on: record.connection) }

    /// The `Code` of an error element: a word, never text that could carry what a client sent.
    static func code(_ element: XMLDocument.Element) -> String? {
        guard let code = element.childText("Code")?.trimmed, code.utf8.count <= 64 else { return nil }
        let isWord = code.utf8.allSatisfy { byte in
            let letter = byte | 0x20
            return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".")
        }
        return isWord && !code.isEmpty ? code : nil
    }
}
