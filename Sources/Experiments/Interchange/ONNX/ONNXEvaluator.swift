// ONNXEvaluator: what a graph computes, by plain loops. It folds constants, tells the shapes between nodes, and is what an
// imported network is held against; nobody waits for it to be fast.
import Foundation

/// Runs the operators of ONNX (opset 1 to 22) that feed-forward networks are written with.
struct ONNXEvaluator {
    /// For messages.
    var path: String
    var opset: Int

    /// Values of the outputs and of the names `wanted`; what nobody takes any more is dropped on the way.
    /// - Throws: ``ONNXError`` that names the node.
    func run(
        _ model: ONNXModel, inputs: [String: ONNXTensor], wanted: [String] = []
    ) throws(ONNXError) -> [String: ONNXTensor] {
        var values = model.constants.merging(inputs) { _, given in given }
        var last: [String: Int] = [:]
        for (index, node) in model.nodes.enumerated() { for name in node.inputs { last[name] = index } }
        for name in model.outputs + wanted { last[name] = model.nodes.count }
        var total = 0
        for (index, node) in model.nodes.enumerated() {
            let results = try evaluate(node, values)
            for name in node.inputs where last[name] == index && model.constants[name] == nil {
                total -= values.removeValue(forKey: name)?.count ?? 0
            }
            for (name, result) in zip(node.outputs, results) where !name.isEmpty && last[name] != nil {
                total += result.count
                guard total <= 4 * ONNXTensor.mostValues else {
                    throw .badGraph(
                        path: path, reason: "it computes more than \(4 * ONNXTensor.mostValues) values at once")
                }
                values[name] = result
            }
        }
        return values
    }

    /// What a node gives.
    func evaluate(_ node: ONNXNode, _ values: [String: ONNXTensor]) throws(ONNXError) -> [ONNXTensor] {
        var inputs: [ONNXTensor?] = []
        for name in node.inputs {
            guard !name.isEmpty else {
                inputs.append(nil)
                continue
            }
            guard let value = values[name] else {
                throw .unsupported(
                    path: path, node: node.title, reason: "its input \(name.prefix(64)) is made by no node before it")
            }
            inputs.append(value)
        }
        guard node.domain.isEmpty || node.domain == "ai.onnx" else {
            throw .unsupported(
                path: path, node: node.title, reason: "operators of \(node.domain.prefix(64)) are not known")
        }
        do throws(ONNXFault) {
            return try ONNXOperation(node: node, inputs: inputs, opset: opset).results()
        } catch {
            throw .unsupported(path: path, node: node.title, reason: error.reason)
        }
    }
}
