internal import CRocksDB
internal import Glibc

/// Owns one object of RocksDB's C interface and destroys it in the end. Safe: the pointer is made and freed only here,
/// and every use borrows the owner for the length of the call.
@safe struct RocksResource: ~Copyable {
    private let resource: OpaquePointer
    private let destroy: (OpaquePointer?) -> Void

    /// Takes ownership of `resource`, which `destroy` frees; nil when RocksDB could not make it.
    init?(_ resource: OpaquePointer?, destroy: @escaping (OpaquePointer?) -> Void) {
        guard let resource = unsafe resource else { return nil }
        unsafe self.resource = unsafe resource
        unsafe self.destroy = destroy
    }

    deinit { unsafe destroy(resource) }

    /// The object, for calls while the owner is alive.
    @unsafe var pointer: OpaquePointer { unsafe resource }
}

/// Collects the message that a call of RocksDB's C interface may leave, and frees it.
@safe struct RocksFailure: ~Copyable {
    private var message: UnsafeMutablePointer<CChar>?

    init() { unsafe message = nil }

    deinit { if let message = unsafe message { unsafe free(message) } }

    /// Makes a call that may leave a message and returns what it returned.
    mutating func collect<T>(
        _ call: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> T
    ) -> T {
        unsafe withUnsafeMutablePointer(to: &message) { unsafe call($0) }
    }

    /// The message, or nil when the call succeeded.
    var text: String? { unsafe message.map { unsafe String(cString: $0) } }
}

extension CatalogError {
    /// Sorts a message of RocksDB by what a person has to do. RocksDB's C interface passes nothing but text: its first
    /// word is the status code, and the lock is told by the words of its POSIX layer.
    init(rocksDB message: String, path: String, operation: String) {
        if message.hasPrefix("Corruption") {
            self = .corrupt(path: path, reason: message)
        } else if message.contains("LOCK") || message.contains("lock hold by current process") {
            self = .locked(path: path)
        } else if operation == "open", message.contains("Column family not found") {
            // Tables are made one by one: the rest of them, and the first row, were to come.
            self = .unfinished(path: path)
        } else if message.contains("Column famil") || message.contains("column famil") {
            self = .wrongVersion(path: path, found: "other tables", expected: RocksCatalog.format)
        } else if operation == "open", message.contains("No such file") {
            // CURRENT was there before: one of the files that it leads to is not.
            self = .corrupt(path: path, reason: message)
        } else {
            self = .storage(path: path, operation: operation, reason: message)
        }
    }
}
