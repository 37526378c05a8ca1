internal import Foundation
internal import Objects
internal import S3

/// Turns an object's metadata into request headers, and names what has no place in them.
struct S3MetadataHeaders {
    /// A group of metadata that a target may refuse as a whole.
    enum Group: String, Sendable, Hashable {
        case storageClass = "storage-class"
        case acl
        case tags
        case user = "user-metadata"
    }

    private(set) var headers: [(name: String, value: String)] = []
    /// The name of each that is left out, and why.
    private(set) var notApplied: [String] = []

    private static let systemHeaders = [
        "content-type", "content-encoding", "content-disposition", "content-language", "cache-control", "expires",
    ]

    /// Headers for `metadata`; `refused` holds the groups that the target does not take.
    init(_ metadata: ObjectMetadata, settings: S3Settings, refused: Set<Group>) {
        addSystem(metadata)
        addUser(metadata, refused: refused)
        addTags(metadata, refused: refused)
        addStorageClass(metadata, settings: settings, refused: refused)
        if let acl = metadata.acl {
            if !settings.appliesACL {
                notApplied.append("acl \(Self.printable(acl)): ACLs are not asked for")
            } else if refused.contains(.acl) {
                notApplied.append("acl \(Self.printable(acl)): the target refuses ACLs")
            } else {
                add("x-amz-acl", acl, called: "acl")
            }
        }
    }

    private mutating func addSystem(_ metadata: ObjectMetadata) {
        for (name, value) in metadata.headers.sorted(by: { $0.key < $1.key }) {
            guard Self.systemHeaders.contains(name) else {
                notApplied.append("\(Self.printable(name)): S3 keeps no such header")
                continue
            }
            // aws-chunked frames a transfer; it is no property of the object.
            let kept = name == "content-encoding" ? Self.withoutTransferCoding(value) : value
            if !kept.isEmpty { add(name, kept, called: name) }
        }
    }

    private mutating func addUser(_ metadata: ObjectMetadata, refused: Set<Group>) {
        for (name, value) in metadata.user.sorted(by: { $0.key < $1.key }) {
            let called = "user metadata \(Self.printable(name))"
            if refused.contains(.user) {
                notApplied.append("\(called): the target refuses the object's user metadata")
            } else if name.isEmpty || !name.utf8.allSatisfy(Self.isToken) {
                notApplied.append("\(called): the name cannot be a header")
            } else if value.utf8.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) {
                notApplied.append("\(called): the value holds control characters")
            } else {
                let isPlain = value.utf8.allSatisfy { $0 < 0x80 }
                headers.append(("x-amz-meta-\(name)", isPlain ? value : Self.encodedWords(value)))
            }
        }
    }

    private mutating func addTags(_ metadata: ObjectMetadata, refused: Set<Group>) {
        guard !metadata.tags.isEmpty else { return }
        if refused.contains(.tags) {
            notApplied.append("tags: the target refuses them")
            return
        }
        let pairs = metadata.tags.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
        headers.append(("x-amz-tagging", SignatureV4.queryString(pairs, isSorted: false)))
    }

    private mutating func addStorageClass(_ metadata: ObjectMetadata, settings: S3Settings, refused: Set<Group>) {
        switch settings.storageClass {
        case .fixed(let wanted): add("x-amz-storage-class", wanted, called: "storage class")
        case .targetDefault:
            if let stated = metadata.storageClass, stated != "STANDARD" {
                notApplied.append("storage class \(Self.printable(stated)): left to the target as asked")
            }
        case .asSource:
            // STANDARD is what every target takes when nothing is said, and some know no other word.
            guard let stated = metadata.storageClass, stated != "STANDARD" else { return }
            if refused.contains(.storageClass) {
                notApplied.append("storage class \(Self.printable(stated)): the target has none of that name")
            } else {
                add("x-amz-storage-class", stated, called: "storage class")
            }
        }
    }

    /// Adds a header whose value must be visible ASCII, blanks and tabs; anything else is listed instead.
    private mutating func add(_ name: String, _ value: String, called: String) {
        if value.utf8.allSatisfy({ ($0 >= 0x20 && $0 < 0x7F) || $0 == 0x09 }) {
            headers.append((name, value))
        } else {
            notApplied.append("\(called): the value cannot stand in a header")
        }
    }

    private static func withoutTransferCoding(_ value: String) -> String {
        value.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { $0.lowercased() != "aws-chunked" }.joined(separator: ", ")
    }

    /// RFC 2047 §2: encoded words of at most 75 characters, cut between characters of the text. It is the form S3 itself
    /// states for such metadata ("Working with object metadata", Amazon S3 User Guide).
    static func encodedWords(_ text: String) -> String {
        // `=?UTF-8?B?` and `?=` leave 63 characters, which hold 45 bytes of Base64's input.
        var words: [String] = []
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            let next = Array(String(scalar).utf8)
            if bytes.count + next.count > 45 {
                words.append(word(bytes))
                bytes.removeAll()
            }
            bytes += next
        }
        if !bytes.isEmpty { words.append(word(bytes)) }
        return words.joined(separator: " ")
    }

    private static func word(_ bytes: [UInt8]) -> String { "=?UTF-8?B?\(Data(bytes).base64EncodedString())?=" }

    /// RFC 9110 §5.6.2: the characters of a header's name.
    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private static func printable(_ text: String) -> String {
        PercentEncoding.encode(text.utf8.prefix(100)) { $0 >= 0x21 && $0 < 0x7F && $0 != UInt8(ascii: "%") }
    }
}
