// SessionLock: one writer a session, by a lock that the kernel drops with the process that held it.
//
// Which lock. SQLite locks the bytes 0x40000000...0x400001FF of the file by fcntl (POSIX) locks. Ours is an "open file
// description" lock (fcntl F_OFD_SETLK, Linux 3.15) on one byte behind them, so the two never meet. flock(2) would do on
// a local disk, but NFS and SMB turn a flock into a lock of the whole file, and then every reader of SQLite would be shut
// out for as long as a run lasts; a byte is a byte there too. Like flock it belongs to the open file, not to the process:
// two writers in one process exclude each other as well.
//
// The trap. When a process closes *any* descriptor of a file, the kernel drops *all* POSIX locks that the process has on
// that file (fcntl(2)); SQLite, in the middle of a transaction on a descriptor of its own, would go on without its lock,
// and another process could write at the same time. SQLite takes care of its own descriptors; ours must not be closed
// while SQLite has the file open anywhere in this process. So every use of a session by SQLite is counted here, by device
// and inode, and a descriptor that is done is parked until the count is zero. Nothing else in this program opens a
// session file other than through SQLite, not even to look at its first bytes.

import Foundation
import Synchronization

/// Which file it is, whatever its name.
struct FileIdentity: Hashable {
    var device: UInt64
    var inode: UInt64

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}

/// The session files that this process has open.
enum OpenSessions {
    private struct Uses {
        var count = 0
        var parked: [Int32] = []
    }
    private static let uses = Mutex<[FileIdentity: Uses]>([:])

    /// SQLite is about to open the file.
    static func begin(_ file: FileIdentity) {
        uses.withLock { $0[file, default: Uses()].count += 1 }
    }

    /// SQLite has closed the file.
    static func end(_ file: FileIdentity) {
        uses.withLock { uses in
            guard var use = uses[file] else { return }
            use.count -= 1
            if use.count <= 0 { uses[file] = nil } else { uses[file] = use }
            if use.count <= 0 { for descriptor in use.parked { _ = Glibc.close(descriptor) } }
        }
    }

    /// Closes a descriptor of the file as soon as that does no harm.
    static func close(_ descriptor: Int32, of file: FileIdentity) {
        uses.withLock { uses in
            if uses[file] != nil { uses[file]?.parked.append(descriptor) } else { _ = Glibc.close(descriptor) }
        }
    }
}

/// The right to write a session; held until `release`, which is called once.
struct SessionLock: Sendable {
    let file: FileIdentity
    private let descriptor: Int32

    // <fcntl.h> has it only under _GNU_SOURCE, which Swift does not set; the number is the kernel's interface.
    private static let setOpenFileLock: Int32 = 37
    /// The byte that stands for the right to write; SQLite's end at 0x400001FF.
    private static let lockByte = off_t(0x4000_1000)

    /// Takes the right to write the file at `path`.
    /// - Returns: nil when another writer has it.
    static func take(_ path: String) throws(SessionError) -> SessionLock? {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(path, doing: "opening it") }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            _ = Glibc.close(descriptor)
            throw .system(path, doing: "looking at it", code: code)
        }
        let file = FileIdentity(status)
        guard set(F_WRLCK, on: descriptor) else {
            let code = errno
            OpenSessions.close(descriptor, of: file)
            if code == EAGAIN || code == EACCES { return nil }
            throw .system(path, doing: "locking it", code: code)
        }
        return SessionLock(file: file, descriptor: descriptor)
    }

    /// Gives the right back.
    func release() {
        // Unlocked by name, not by closing: the descriptor may have to stay open for a while.
        _ = Self.set(F_UNLCK, on: descriptor)
        OpenSessions.close(descriptor, of: file)
    }

    private static func set(_ kind: Int32, on descriptor: Int32) -> Bool {
        var lock = flock()
        lock.l_type = Int16(kind)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = lockByte
        lock.l_len = 1
        return fcntl(descriptor, setOpenFileLock, &lock) == 0
    }
}
