internal import COpenSSL

/// HMAC-SHA-256 (RFC 2104) with one key. Owned by one thread.
@safe
public struct KeyedHash: ~Copyable {
    /// Length of a code in bytes.
    public static let byteCount = 32

    private let context: OpaquePointer

    /// A hash by `key`.
    public init(_ key: SecretBytes) throws(EncryptionError) {
        guard let algorithm = unsafe EVP_MAC_fetch(nil, "HMAC", nil) else { throw .library(operation: "HMAC") }
        // The context holds its own reference.
        defer { unsafe EVP_MAC_free(algorithm) }
        guard let context = unsafe EVP_MAC_CTX_new(algorithm) else { throw .library(operation: "HMAC") }
        var name = Array("SHA256".utf8CString)
        let done = unsafe name.withUnsafeMutableBufferPointer { name in
            var parameters = unsafe [
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.baseAddress, 0),
                OSSL_PARAM_construct_end(),
            ]
            return key.withBytes { key in
                unsafe key.withUnsafeBytes { key in
                    unsafe EVP_MAC_init(
                        context, key.assumingMemoryBound(to: UInt8.self).baseAddress, key.count, &parameters)
                }
            }
        }
        guard done == 1 else {
            unsafe EVP_MAC_CTX_free(context)
            throw .library(operation: "HMAC-SHA-256")
        }
        unsafe self.context = context
    }

    deinit { unsafe EVP_MAC_CTX_free(context) }

    /// The code of one after the other of two runs of bytes.
    public mutating func code(of bytes: RawSpan, _ more: RawSpan = RawSpan()) throws(EncryptionError) -> [32 of UInt8] {
        var code = [32 of UInt8](repeating: 0)
        var span = code.mutableSpan
        var count = 0
        let isDone = unsafe span.withUnsafeMutableBufferPointer { room in
            // Without a key: the one of `init` again.
            unsafe EVP_MAC_init(context, nil, 0, nil) == 1 && take(bytes) && take(more)
                && EVP_MAC_final(context, room.baseAddress, &count, room.count) == 1
        }
        guard isDone, count == Self.byteCount else { throw .library(operation: "HMAC-SHA-256") }
        return code
    }

    private func take(_ bytes: RawSpan) -> Bool {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe bytes.isEmpty
                || EVP_MAC_update(context, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count) == 1
        }
    }
}
