internal import COpenSSL

/// How secrets become keys: HKDF-Expand-Label of TLS 1.3 and the PRF of TLS 1.2.
///
/// The intermediate values pass through `SecretBytes`, so that no copy outlives its use.
enum KeySchedule {
    /// HKDF-Expand (RFC 5869 §2.3).
    static func expand(_ secret: SecretBytes, info: [UInt8], count: Int, _ hash: HashAlgorithm) -> SecretBytes {
        precondition(count <= 255 * hash.byteCount)
        return unsafe SecretBytes(count: count) { output in
            var block = [UInt8](repeating: 0, count: hash.byteCount)
            var message: [UInt8] = []
            // At once: an array that grows leaves copies behind.
            message.reserveCapacity(hash.byteCount + info.count + 1)
            var filled = 0
            var counter: UInt8 = 0
            while filled < count {
                counter += 1
                message.append(contentsOf: info)
                message.append(counter)
                unsafe block.withUnsafeMutableBufferPointer { room in
                    guard let start = room.baseAddress else { return }
                    unsafe hash.authenticate(message, key: secret, into: start)
                }
                let part = min(count - filled, block.count)
                for index in 0..<part { unsafe output[filled + index] = block[index] }
                filled += part
                wipe(&message)
                message.append(contentsOf: block)
            }
            wipe(&block)
            wipe(&message)
        }
    }

    /// HKDF-Extract (RFC 5869 §2.2).
    static func extract(salt: SecretBytes, _ material: [UInt8], _ hash: HashAlgorithm) -> SecretBytes {
        unsafe SecretBytes(count: hash.byteCount) { unsafe hash.authenticate(material, key: salt, into: $0) }
    }

    /// HKDF-Expand-Label (RFC 8446 §7.1).
    static func expandLabel(
        _ secret: SecretBytes, _ label: String, context: [UInt8] = [], count: Int, _ hash: HashAlgorithm
    ) -> SecretBytes {
        let label = [UInt8]("tls13 \(label)".utf8)
        let info =
            [UInt8(count >> 8), UInt8(count & 0xFF), UInt8(label.count)] + label + [UInt8(context.count)] + context
        return expand(secret, info: info, count: count, hash)
    }

    /// The traffic secret that follows a KeyUpdate (RFC 8446 §7.2).
    static func next(_ secret: SecretBytes, _ hash: HashAlgorithm) -> SecretBytes {
        expandLabel(secret, "traffic upd", count: hash.byteCount, hash)
    }

    /// The PRF of TLS 1.2 (RFC 5246 §5): P_hash of label and seed.
    static func pseudoRandom(
        _ secret: SecretBytes, _ label: String, seed: [UInt8], count: Int, _ hash: HashAlgorithm
    ) -> SecretBytes {
        unsafe SecretBytes(count: count) { output in
            let start = [UInt8](label.utf8) + seed
            var step = start
            var block = [UInt8](repeating: 0, count: hash.byteCount)
            var filled = 0
            func authenticate(_ message: [UInt8]) {
                unsafe block.withUnsafeMutableBufferPointer { room in
                    guard let start = room.baseAddress else { return }
                    unsafe hash.authenticate(message, key: secret, into: start)
                }
            }
            while filled < count {
                // A(i) = HMAC(A(i-1)), then HMAC(A(i) + label + seed).
                authenticate(step)
                wipe(&step)
                step.append(contentsOf: block)
                var message = step + start
                authenticate(message)
                wipe(&message)
                let part = min(count - filled, block.count)
                for index in 0..<part { unsafe output[filled + index] = block[index] }
                filled += part
            }
            wipe(&step)
            wipe(&block)
        }
    }

    /// Writes over an array that held a secret, and empties it.
    static func wipe(_ bytes: inout [UInt8]) {
        unsafe bytes.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
        bytes.removeAll(keepingCapacity: true)
    }

    /// Writes over an array that held a secret and that goes with its owner, in the owner's `deinit`. There it cannot be changed,
    /// and a copy that is wiped would leave the array itself as it was.
    static func wipeLast(_ bytes: borrowing [UInt8]) {
        // Safe: nobody reads the array any more, and no other array shares its room.
        unsafe bytes.withUnsafeBytes { unsafe OPENSSL_cleanse(.init(mutating: $0.baseAddress), $0.count) }
    }
}
