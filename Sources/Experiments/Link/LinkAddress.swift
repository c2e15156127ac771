// LinkAddress: where the socket of a session is, and who may be at its other end.

import Foundation

/// What is wrong with the link between an engine and its screens.
public enum LinkError: Error, Equatable, CustomStringConvertible {
    /// The folder for sockets is not safe to use.
    case badFolder(path: String, reason: String)
    /// Another engine answers at this session's socket.
    case taken(session: String)
    case failed(doing: String, detail: String)

    public var description: String {
        switch self {
        case .badFolder(let path, let reason):
            "The folder \(JSONText.quoted(path)) cannot hold the engine's socket: \(reason); remove it or set XDG_RUNTIME_DIR."
        case .taken(let session): "Another engine already answers for \(JSONText.quoted(session))."
        case .failed(let doing, let detail): "The engine's socket failed at \(doing): \(detail)."
        }
    }

    static func system(_ doing: String, code: Int32 = errno) -> LinkError {
        .failed(doing: doing, detail: String(cString: strerror(code)))
    }
}

/// Who answers at a socket of a session: the engine that trains it, or one that looks into its model.
public enum LinkRole: String, Sendable {
    case run = ".sock"
    case analyst = ".ask"
}

/// The place of a session's socket: a folder of this user's, in the runtime folder or else in /tmp. The engine and the
/// screen may have been started from different environments, so a screen looks in all that an engine could have chosen.
enum LinkAddress {
    /// Folders where the socket of a session may be, the preferred first.
    static func folders(environment: [String: String] = ProcessInfo.processInfo.environment) -> [String] {
        var folders: [String] = []
        // sun_path takes 107 bytes; the socket's own name takes 22.
        if let runtime = environment["XDG_RUNTIME_DIR"], runtime.hasPrefix("/"), runtime.utf8.count <= 70 {
            folders.append(runtime + "/workbench")
        }
        let usual = "/run/user/\(geteuid())"
        if folders.isEmpty || environment["XDG_RUNTIME_DIR"] != usual {
            // Where a login session would have put it.
            var status = stat()
            if stat(usual, &status) == 0 { folders.append(usual + "/workbench") }
        }
        folders.append("/tmp/workbench-\(geteuid())")
        return folders
    }

    /// The file name of a session's socket: a hash (FNV-1a, 64 bits) of its canonical path, because paths can be longer
    /// than a socket's name may be.
    static func fileName(sessionPath: String, role: LinkRole = .run) throws(LinkError) -> String {
        guard let resolved = realpath(sessionPath, nil) else { throw .system("finding the session") }
        defer { free(resolved) }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in String(cString: resolved).utf8 {
            hash ^= UInt64(byte)
            hash &*= 0x0000_0100_0000_01b3
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits + role.rawValue
    }

    /// Makes the folder (mode 0700) or checks the one that is there: ours, a real folder, closed to others.
    static func prepare(_ folder: String) throws(LinkError) {
        if mkdir(folder, 0o700) != 0, errno != EEXIST {
            throw .badFolder(path: folder, reason: String(cString: strerror(errno)))
        }
        if let reason = objection(to: folder) { throw .badFolder(path: folder, reason: reason) }
    }

    /// Why the folder is not safe; nil when it is.
    static func objection(to folder: String) -> String? {
        var status = stat()
        guard lstat(folder, &status) == 0 else { return String(cString: strerror(errno)) }
        if status.st_mode & S_IFMT == S_IFLNK { return "it is a symbolic link" }
        if status.st_mode & S_IFMT != S_IFDIR { return "it is not a folder" }
        if status.st_uid != geteuid() { return "it belongs to another user" }
        if status.st_mode & 0o077 != 0, chmod(folder, 0o700) != 0 { return "others may enter it" }
        return nil
    }

    /// Calls `body` with the address of a socket at `path`; nil when the path is too long for one.
    static func withAddress<Result>(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// A socket that is not inherited by other programs.
    static func makeSocket() throws(LinkError) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { throw .system("making a socket") }
        return descriptor
    }

    /// The process at the other end runs as this user.
    static func peerIsSameUser(_ descriptor: Int32) -> Bool {
        // struct ucred { pid, uid, gid } needs _GNU_SOURCE, which Swift does not set.
        var credentials: (pid: Int32, user: UInt32, group: UInt32) = (0, .max, .max)
        var length = socklen_t(MemoryLayout.size(ofValue: credentials))
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 else { return false }
        return credentials.user == geteuid()
    }

    /// Connects to the socket at `path`, without waiting.
    /// - Returns: nil when nobody of this user answers there.
    static func connect(to path: String) -> Int32? {
        let descriptor: Int32
        do throws(LinkError) {
            descriptor = try makeSocket()
        } catch {
            return nil  // Out of descriptors: as good as nobody there, and nothing a caller could do about it here.
        }
        let result = withAddress(path) { Glibc.connect(descriptor, $0, $1) } ?? -1
        guard result == 0, peerIsSameUser(descriptor) else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}
