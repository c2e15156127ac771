// LinkSocket: a listening socket that has a name in the file system, and may lose it.

import Foundation

/// A socket that clients can connect to.
struct LinkSocket: Sendable {
    let descriptor: Int32
    let path: String
    private let named: FileIdentity

    /// Opens a socket at the first of `paths` whose folder is fit for it. What a killed engine left there is replaced.
    static func open(atOneOf paths: [String], session: String) throws(LinkError) -> LinkSocket {
        for path in paths {
            if let other = LinkAddress.connect(to: path) {
                close(other)
                throw .taken(session: session)
            }
        }
        var firstError: LinkError?
        for path in paths {
            do throws(LinkError) {
                try LinkAddress.prepare((path as NSString).deletingLastPathComponent)
                return try open(at: path)
            } catch {
                // The first objection tells most: later folders are second choices.
                firstError = firstError ?? error
            }
        }
        throw firstError ?? .failed(doing: "choosing a folder", detail: "there is none")
    }

    private static func open(at path: String) throws(LinkError) -> LinkSocket {
        // Nobody answers here. The session's lock, which the caller holds, keeps a second engine from doing the same now.
        unlink(path)
        let descriptor = try LinkAddress.makeSocket()
        let bound = LinkAddress.withAddress(path) { bind(descriptor, $0, $1) }
        var status = stat()
        guard bound == 0, chmod(path, 0o600) == 0, listen(descriptor, 128) == 0, stat(path, &status) == 0 else {
            let error = LinkError.system(bound == nil ? "naming the socket" : "opening the socket")
            close(descriptor)
            throw error
        }
        return LinkSocket(descriptor: descriptor, path: path, named: FileIdentity(status))
    }

    /// The name still leads here.
    var isNamed: Bool {
        var status = stat()
        return stat(path, &status) == 0 && FileIdentity(status) == named
    }

    /// Closes the socket and removes its name, unless that is another's by now.
    func remove() {
        if isNamed { unlink(path) }
        close(descriptor)
    }
}
