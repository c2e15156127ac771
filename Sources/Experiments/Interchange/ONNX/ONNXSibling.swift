// ONNXSibling: tensors in a file beside the model, which is opened without trust.
import Foundation

/// The one file that tensors may lie in: beside the model, by its plain name, a file of its own.
struct ONNXSibling {
    private let name: String
    private let bytes: [UInt8]

    /// Bytes of the file beside `path` that a tensor names.
    /// - Parameters:
    ///   - file: the one that was named before, which must be the same.
    ///   - wanted: bytes that the tensor needs.
    static func read(
        _ file: inout ONNXSibling?, _ name: String, offset: String?, length: String?, wanted: Int, beside path: String,
        tensor: String
    ) throws(ONNXError) -> ArraySlice<UInt8> {
        func refused(_ reason: String) -> ONNXError { .external(path: path, tensor: tensor, reason: reason) }
        guard !name.isEmpty, name != ".", name != "..", !name.contains("/"), !name.contains("\0") else {
            throw refused("its name must be that of a file beside the model")
        }
        if file == nil { file = ONNXSibling(name: name, bytes: try open(name, beside: path, refused)) }
        guard let file, file.name == name else { throw refused("tensors lie in more than one file") }
        guard let start = Int(offset ?? "0"), start >= 0, start <= file.bytes.count else {
            throw refused("its place there is not in the file")
        }
        guard let count = length.map({ Int($0) }) ?? wanted, count == wanted, count <= file.bytes.count - start else {
            throw refused("it needs \(wanted) bytes, which are not there")
        }
        return file.bytes[start..<start + count]
    }

    private static func open(
        _ name: String, beside path: String, _ refused: (String) -> ONNXError
    ) throws(ONNXError) -> [UInt8] {
        let folder = (path as NSString).deletingLastPathComponent
        let place = folder.isEmpty ? name : "\(folder)/\(name)"
        // Without following links, and without waiting for a pipe.
        let descriptor = Glibc.open(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw refused(errno == ELOOP ? "it is a link" : "it can't be opened (\(String(cString: strerror(errno))))")
        }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            throw refused("it is not a file")
        }
        guard facts.st_nlink == 1 else { throw refused("it is a link to a file that has another name") }
        guard facts.st_size <= ONNXModel.maximumBytes else { throw refused("it is larger than 2 GiB") }
        let size = Int(facts.st_size)
        var filled = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while filled < size {
                let found = Glibc.read(descriptor, buffer.baseAddress.map { $0 + filled }, size - filled)
                if found < 0, errno == EINTR { continue }
                guard found > 0 else { break }
                filled += found
            }
            count = filled
        }
        guard filled == size else { throw refused("it could not be read whole") }
        return bytes
    }
}
