// ONNXError: why an ONNX file can't be used.

/// Why an ONNX file can't be used.
public enum ONNXError: Error, Equatable, CustomStringConvertible {
    case damaged(path: String, offset: Int, reason: String)
    case unreadable(path: String, reason: String)
    case noGraph(path: String)
    case badTensor(path: String, tensor: String, reason: String)
    case external(path: String, tensor: String, reason: String)
    case unsupported(path: String, node: String, reason: String)
    case badGraph(path: String, reason: String)

    public var description: String {
        func name(_ text: String) -> String { JSONText.quoted(String(text.prefix(64))) }
        switch self {
        case .damaged(let path, let offset, let reason):
            return "\(path) is no ONNX model, or a damaged one: \(reason) at byte \(offset)."
        case .unreadable(let path, let reason): return "\(path) can't be read: \(reason)."
        case .noGraph(let path): return "\(path) is no ONNX model: it holds no graph."
        case .badTensor(let path, let tensor, let reason):
            return "The tensor \(name(tensor)) in \(path) can't be used: \(reason)."
        case .external(let path, let tensor, let reason):
            return "The tensor \(name(tensor)) in \(path) is kept in another file, which is refused: \(reason)."
        case .unsupported(let path, let node, let reason):
            return "The node \(name(node)) in \(path) can't be imported: \(reason)."
        case .badGraph(let path, let reason): return "The graph in \(path) can't be imported: \(reason)."
        }
    }
}
