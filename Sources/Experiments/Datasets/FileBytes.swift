// Reading files and folders whole, with limits, and with names that need not be valid UTF-8.
import Glibc

/// A path as the system knows it (any bytes but zero), and as a person reads it.
struct DiskPath: Hashable, Sendable {
    let bytes: [UInt8]

    init(_ text: String) { bytes = Array(text.utf8) }
    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Invalid UTF-8 replaced.
    var text: String { String(decoding: bytes, as: UTF8.self) }
    /// What stands after the last slash.
    var name: String { String(decoding: bytes.split(separator: 0x2f).last ?? [], as: UTF8.self) }

    func appending(_ component: [UInt8]) -> DiskPath {
        DiskPath(bytes: bytes.last == 0x2f ? bytes + component : bytes + [0x2f] + component)
    }
    func appending(_ component: String) -> DiskPath { appending(Array(component.utf8)) }

    /// The folder that this is in.
    var parent: DiskPath {
        guard let slash = bytes.lastIndex(of: 0x2f) else { return DiskPath(".") }
        return DiskPath(bytes: slash == 0 ? [0x2f] : Array(bytes[..<slash]))
    }

    fileprivate func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (bytes + [0]).withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { chars in
                guard let base = chars.baseAddress else { preconditionFailure("never empty") }
                return body(base)
            }
        }
    }
}

/// What stands at a path.
enum DiskEntry: Equatable {
    case file(bytes: Int)
    case folder
    /// A pipe, a device or a socket: reading one could wait for ever.
    case other
}

enum FileBytes {
    /// Looks through links. Throws when there is nothing, or nothing that may be looked at.
    static func entry(at path: DiskPath) throws(DatasetError) -> DiskEntry {
        var facts = stat()
        // A zero byte would cut the path short for the system.
        guard !path.bytes.contains(0), path.withCString({ stat($0, &facts) }) == 0 else {
            throw .unreadable(path: path.text, reason: path.bytes.contains(0) ? "not a path" : systemReason())
        }
        switch facts.st_mode & S_IFMT {
        case S_IFREG: return .file(bytes: Int(facts.st_size))
        case S_IFDIR: return .folder
        default: return .other
        }
    }

    /// Whether anything stands there that may be looked at.
    static func exists(_ path: DiskPath) -> Bool {
        var facts = stat()
        return !path.bytes.contains(0) && path.withCString { stat($0, &facts) } == 0
    }

    /// Whether a folder, or a link to one, stands there.
    static func isFolder(_ path: DiskPath) -> Bool {
        var facts = stat()
        return !path.bytes.contains(0) && path.withCString { stat($0, &facts) } == 0
            && facts.st_mode & S_IFMT == S_IFDIR
    }

    /// The names in a folder without those that start with a dot, sorted by their bytes.
    static func names(in folder: DiskPath) throws(DatasetError) -> [[UInt8]] {
        guard let stream = folder.withCString({ opendir($0) }) else {
            throw .unreadable(path: folder.text, reason: systemReason())
        }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name.first != 0x2e { names.append(name) }
        }
        return names.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// A file's content, or its first `prefix` bytes. Pipes and devices are refused.
    static func read(_ path: DiskPath, limit: Int, prefix: Int = .max) throws(DatasetError) -> [UInt8] {
        guard case .file(let size) = try entry(at: path) else {
            throw .unreadable(path: path.text, reason: "it is not a regular file")
        }
        guard size <= limit || prefix <= limit else { throw .fileTooLarge(path: path.text, bytes: size, limit: limit) }
        let descriptor = path.withCString { open($0, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw .unreadable(path: path.text, reason: systemReason()) }
        defer { close(descriptor) }
        return try read(descriptor, name: path.text, expected: min(size, prefix), limit: limit, prefix: prefix)
    }

    /// All of standard input.
    static func readStandardInput(limit: Int) throws(DatasetError) -> [UInt8] {
        try read(STDIN_FILENO, name: "standard input", expected: 1 << 20, limit: limit, prefix: .max)
    }

    // A file may grow or shrink while it is read: what counts is what read() gives. One byte more than expected is
    // asked for, so that the end shows itself.
    private static func read(
        _ descriptor: Int32, name: String, expected: Int, limit: Int, prefix: Int
    ) throws(DatasetError) -> [UInt8] {
        let most = min(prefix, limit + 1)
        var bytes: [UInt8] = []
        var ended = false
        while !ended && bytes.count < most {
            let piece = min(most - bytes.count, expected + 1)
            var failure: Int32 = 0
            let fresh = [UInt8](unsafeUninitializedCapacity: piece) { buffer, count in
                while count < piece {
                    let got = Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, piece - count)
                    if got < 0 && errno == EINTR { continue }
                    if got < 0 { failure = errno }
                    if got <= 0 { break }
                    count += got
                }
            }
            if failure != 0 { throw .unreadable(path: name, reason: String(cString: strerror(failure))) }
            ended = fresh.count < piece
            if bytes.isEmpty { bytes = fresh } else { bytes += fresh }
        }
        if bytes.count > limit { throw .fileTooLarge(path: name, bytes: bytes.count, limit: limit) }
        return bytes
    }

    private static func systemReason() -> String { String(cString: strerror(errno)) }
}

/// What a data set may take of this machine's memory.
enum MemoryBudget {
    /// Bytes that the machine has, or that this process may have.
    static var available: Int {
        var available = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < UInt64(available) {
            available = Int(limit.rlim_cur)
        }
        return available
    }

    /// Throws when `bytes` are more than can be had.
    static func check(_ what: String, bytes: Int) throws(DatasetError) {
        let available = available
        if bytes > available / 10 * 9 { throw .memory(what: what, bytes: bytes, available: available) }
    }
}
