/// A place beyond the vault's folder where sealed segments are kept under names: a bucket, or a folder on another file
/// system.
///
/// What is built on it, and every implementation therefore promises:
/// - **Durable**: when ``put(_:_:onlyIfAbsent:)`` has returned, the object survives whatever the medium is made to survive.
/// - **Whole**: others see an object whole or not at all. A put that failed, or whose caller died, left the whole object,
///   what was there before, or nothing.
/// - **Read after write**: an object can be read by whoever put it as soon as the put has returned. For others it may
///   appear later, and ``objects(under:)`` may lag for everybody: who lists takes it for a hint.
/// - **Honest**: what cannot be read is an error, never made up. That the bytes are right is checked by the reader.
///
/// Not asked for: conditional puts (an implementation says in ``put(_:_:onlyIfAbsent:)`` when a name was taken, if it can
/// tell; names are unique without it), locks, renames, appends, an order of events between two names.
///
/// Calls block, and come from several threads at once, none of them of the cooperative pool.
public protocol SegmentMedium: Sendable {
    /// The place as people write it, without secrets: for messages.
    var place: String { get }

    /// Requests that it repeated by itself so far, before a call returned; 0 for a medium that makes none.
    var repeatedRequests: UInt64 { get }

    /// Stores an object. With `onlyIfAbsent` one that is there already should stay as it is, if the medium can do that.
    func put(_ name: String, _ bytes: [UInt8], onlyIfAbsent: Bool) throws(StorageError) -> MediumPut

    /// Length of an object in bytes; nil when there is none of that name.
    func size(of name: String) throws(StorageError) -> UInt64?

    /// Exactly the bytes `range` of an object.
    func read(_ name: String, _ range: Range<UInt64>) throws(StorageError) -> [UInt8]

    /// The objects whose names begin with `prefix`, in the order of names.
    func objects(under prefix: String) throws(StorageError) -> [MediumObject]

    /// Removes an object; one that is not there is fine.
    func remove(_ name: String) throws(StorageError)
}

/// What became of a put.
public enum MediumPut: Sendable, Equatable {
    /// Stored, durable and whole.
    case stored
    /// Left as it is: there is an object of that name.
    case present
}

/// An object in a listing.
public struct MediumObject: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Its length in bytes.
    public var size: UInt64

    /// An object of its parts.
    public init(name: String, size: UInt64) {
        self.name = name
        self.size = size
    }
}

extension SegmentMedium {
    /// None.
    public var repeatedRequests: UInt64 { 0 }

    /// All bytes of a small object; nil when there is none. More than `limit` bytes are refused.
    public func contents(of name: String, limit: UInt64) throws(StorageError) -> [UInt8]? {
        guard let size = try size(of: name) else { return nil }
        guard size <= limit else {
            throw .tooLarge(what: "\(place)/\(name)", bytes: Int(clamping: size), limit: Int(clamping: limit))
        }
        return size == 0 ? [] : try read(name, 0..<size)
    }
}
