// ONNXNode: a node of a graph with its attributes.

/// A node of a graph.
struct ONNXNode: Equatable {
    /// What an attribute holds.
    enum Value: Equatable {
        case float(Float)
        case int(Int64)
        case text(String)
        case tensor(ONNXTensor)
        case floats([Float])
        case ints([Int64])
        case other
    }
    var operation: String
    var name: String
    var domain = ""
    /// An empty name: left out.
    var inputs: [String] = []
    var outputs: [String] = []
    var attributes: [String: Value] = [:]

    /// How messages call it.
    var title: String {
        "\(operation) \(name.isEmpty ? outputs.first ?? "" : name)"
    }

    func int(_ name: String, or standard: Int) -> Int {
        if case .int(let value)? = attributes[name] { return Int(value) }
        return standard
    }
    func float(_ name: String, or standard: Float) -> Float {
        if case .float(let value)? = attributes[name] { return value }
        return standard
    }
    func ints(_ name: String) -> [Int]? {
        if case .ints(let values)? = attributes[name] { return values.map { Int($0) } }
        return nil
    }
    func text(_ name: String, or standard: String) -> String {
        if case .text(let value)? = attributes[name] { return value }
        return standard
    }
}
