internal import COpenSSL

/// The hash of a cipher suite: of its transcript, its HKDF and its PRF.
enum HashAlgorithm: UInt8, Sendable, Hashable {
    case sha1, sha256, sha384

    /// Bytes of a digest.
    var byteCount: Int {
        switch self {
        case .sha1: 20
        case .sha256: 32
        case .sha384: 48
        }
    }

    /// OpenSSL's static description of the algorithm.
    private var algorithm: OpaquePointer? {
        switch self {
        case .sha1: unsafe EVP_sha1()
        case .sha256: unsafe EVP_sha256()
        case .sha384: unsafe EVP_sha384()
        }
    }

    /// OpenSSL's name.
    var name: String {
        switch self {
        case .sha1: "SHA1"
        case .sha256: "SHA256"
        case .sha384: "SHA384"
        }
    }

    /// The digest of some bytes. Once or twice a connection.
    func digest(_ bytes: [UInt8]) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: byteCount)
        let done = unsafe bytes.withUnsafeBytes { bytes in
            unsafe result.withUnsafeMutableBytes { room in
                unsafe EVP_Digest(bytes.baseAddress, bytes.count, room.baseAddress, nil, algorithm, nil)
            }
        }
        precondition(done == 1, "OpenSSL has no \(name)")
        return result
    }

    /// HMAC (RFC 2104) of `message` under `key`, written to `result`, which has room for ``byteCount`` bytes. A few
    /// times a connection.
    func authenticate(_ message: [UInt8], key: SecretBytes, into result: UnsafeMutablePointer<UInt8>) {
        let length = Int32(key.count)
        let done = unsafe key.withBytes { key in
            unsafe message.withUnsafeBufferPointer { message in
                unsafe HMAC(algorithm, key, length, message.baseAddress, message.count, result, nil) != nil
            }
        }
        precondition(done, "OpenSSL refused an HMAC")
    }
}
