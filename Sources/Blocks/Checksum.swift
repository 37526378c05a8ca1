internal import CChecksums

/// CRC-32C (Castagnoli), which guards every stored record.
public enum CRC32C {
    /// Continues `checksum`, 0 at the beginning, over `bytes`.
    public static func update(_ checksum: UInt32, _ bytes: RawSpan) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe oxbow_crc32c(checksum, $0.baseAddress, $0.count) }
    }

    /// The checksum of `bytes`.
    public static func of(_ bytes: RawSpan) -> UInt32 { update(0, bytes) }

    /// As on a processor without carry-less multiplication; for tests to compare.
    static func updateWithTables(_ checksum: UInt32, _ bytes: RawSpan) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe oxbow_crc32c_portable(checksum, $0.baseAddress, $0.count) }
    }
}

/// CRC-32 of IEEE 802.3, as in `x-amz-checksum-crc32`.
public enum CRC32 {
    /// Continues `checksum`, 0 at the beginning, over `bytes`.
    public static func update(_ checksum: UInt32, _ bytes: RawSpan) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe oxbow_crc32(checksum, $0.baseAddress, $0.count) }
    }

    /// As on a processor without carry-less multiplication; for tests to compare.
    static func updateWithTables(_ checksum: UInt32, _ bytes: RawSpan) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe oxbow_crc32_portable(checksum, $0.baseAddress, $0.count) }
    }
}

/// CRC-64/NVME, as in `x-amz-checksum-crc64nvme`.
public enum CRC64NVME {
    /// Continues `checksum`, 0 at the beginning, over `bytes`.
    public static func update(_ checksum: UInt64, _ bytes: RawSpan) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe oxbow_crc64nvme(checksum, $0.baseAddress, $0.count) }
    }

    /// As on a processor without carry-less multiplication; for tests to compare.
    static func updateWithTables(_ checksum: UInt64, _ bytes: RawSpan) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe oxbow_crc64nvme_portable(checksum, $0.baseAddress, $0.count) }
    }
}

/// Which implementation of the checksums runs on this processor: `vpclmulqdq`, `pclmulqdq` or `tables`.
public var checksumKernelName: String { unsafe String(cString: oxbow_checksum_kernel()) }
