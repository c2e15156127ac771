// SHA-256 by libcrypto: the identity of data and weights.
import CImages

/// SHA-256 digests as 64 lower-case hexadecimal digits.
public enum SHA256 {
    /// The digest of raw memory.
    public static func hex(_ bytes: UnsafeRawBufferPointer) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        let done = wb_sha256(bytes.baseAddress, bytes.count, &digest)
        precondition(done, "libcrypto has no SHA-256")
        return hex(digest: digest)
    }

    private static func hex(digest: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let text = digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }

    /// The digest of what comes piece by piece.
    final class Stream {
        private let state = wb_sha256_begin()

        /// Takes the next piece.
        func add(_ bytes: UnsafeRawBufferPointer) {
            precondition(wb_sha256_add(state, bytes.baseAddress, bytes.count), "libcrypto has no SHA-256")
        }

        /// The digest of all pieces; nothing can be added after.
        func hex() -> String {
            var digest = [UInt8](repeating: 0, count: 32)
            precondition(wb_sha256_end(state, &digest), "libcrypto has no SHA-256")
            return SHA256.hex(digest: digest)
        }

        deinit { wb_sha256_free(state) }
    }

    /// The digest of bytes in memory (`Data`, `[UInt8]`).
    public static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.withContiguousStorageIfAvailable { hex(UnsafeRawBufferPointer($0)) }
            ?? Array(bytes).withUnsafeBytes { hex($0) }
    }
}
