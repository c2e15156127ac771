// FileOutput: a file that is there whole or not at all.
import Foundation

/// Why a file was not written.
public enum ExportError: Error, Equatable, CustomStringConvertible {
    case exists(path: String)
    case failed(path: String, doing: String, reason: String)
    case unknownEnding(path: String, known: [String])
    case notYet(ending: String)
    case doesNotFit(String)

    public var description: String {
        switch self {
        case .exists(let path): "\(path) exists already; choose another name, or take --force to replace it."
        case .failed(let path, let doing, let reason): "\(path): \(doing) failed (\(reason))."
        case .unknownEnding(let path, let known):
            "\(path) has an ending that nothing is written as; known are \(known.joined(separator: ", ")), and a folder for TensorBoard."
        case .notYet(let ending): "Files \(ending) are not in this version."
        case .doesNotFit(let sentence): sentence
        }
    }
}

/// Writes files beside their place and then gives them their name.
public enum FileOutput {
    /// Writes `data` to `path`; what was there goes only with `force`.
    /// - Throws: ``ExportError``.
    public static func write(_ data: Data, to path: String, force: Bool) throws(ExportError) {
        func failed(_ doing: String) -> ExportError {
            .failed(path: path, doing: doing, reason: String(cString: strerror(errno)))
        }
        var status = stat()
        if lstat(path, &status) == 0, !force { throw .exists(path: path) }
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            throw .failed(path: path, doing: "replacing it", reason: "it is not a file")
        }
        let url = URL(fileURLWithPath: path)
        let draft = "\(url.deletingLastPathComponent().path)/.\(url.lastPathComponent).\(getpid()).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failed("making it") }
        defer { unlink(draft) }
        var written = 0
        while written < data.count {
            let count = data.withUnsafeBytes { bytes in
                Glibc.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = failed("writing it")
                close(descriptor)
                throw error
            }
            written += count
        }
        let isSafe = fsync(descriptor) == 0
        guard close(descriptor) == 0, isSafe else { throw failed("writing it") }
        if force {
            guard rename(draft, path) == 0 else { throw failed("naming it") }
        } else if link(draft, path) != 0 {
            // Somebody was quicker; or the file system has no hard links.
            if errno == EEXIST { throw .exists(path: path) }
            guard rename(draft, path) == 0 else { throw failed("naming it") }
        }
    }

    /// SHA-256 of `data`, hexadecimal.
    public static func sha256(_ data: Data) -> String { data.withUnsafeBytes { SHA256.hex($0) } }
}
