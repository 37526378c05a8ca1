internal import COpenSSL

/// OpenSSL as a whole.
public enum OpenSSLLibrary {
    /// Keeps the library as it is until the process is gone. To be called before anything else of OpenSSL is used.
    ///
    /// By itself it takes itself apart when the process exits (`OPENSSL_cleanup`, OPENSSL_init_crypto(3)), and a thread of a pool
    /// that ends in the same moment looks for its share among what was just freed: a command that had done all its work
    /// died of signal 11.
    public static func keepUntilExit() {
        // False only when memory is short, and then the library works all the same.
        _ = OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
    }
}
