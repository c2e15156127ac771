// ONNXTracerNetwork: what a graph ends with, and the network that was followed to there.
import Engine

extension ONNXTracer {
    /// The layers from input to output.
    mutating func network() throws(ONNXError) -> ONNXNetwork {
        guard let output = model.outputs.first else { throw .badGraph(path: model.path, reason: "it has no output") }
        var loss = LossSpec.softmaxCrossEntropy()
        var name = output
        if let source = softmaxOf[output] {
            name = source
        } else if let source = sigmoidOf[output] {
            name = source
            loss = .binaryCrossEntropy
        }
        guard let end = flows[name] else { throw .badGraph(path: model.path, reason: "its output is a constant") }
        logits = name
        guard let last = model.nodes.last(where: { $0.outputs.contains(name) }) else {
            throw .badGraph(path: model.path, reason: "its output is its input")
        }
        let flow = try resolve(end, last)
        guard case .vector(let outputs) = pieces[flow.piece].shape, flow.isPlain else {
            throw .badGraph(path: model.path, reason: "its output is no row of numbers")
        }
        if loss == .binaryCrossEntropy, outputs != 1 {
            throw .badGraph(path: model.path, reason: "each of its \(outputs) outputs is a yes or no of its own")
        }
        if loss == .softmaxCrossEntropy(), outputs == 1 { loss = .meanSquaredError }
        var emitter = ONNXEmitter(pieces: pieces, path: model.path)
        let chain = try emitter.chain(to: flow.piece, from: 0)
        try emitter.check(chain)
        let (found, arrays) = emitter.layers(chain)
        var layers = found
        guard case .dense(_, .linear, let initializer)? = layers.last else {
            throw .badGraph(
                path: model.path, reason: "it does not end with a dense layer, which gives a number a class")
        }
        layers[layers.count - 1] = .dense(units: nil, initializer: initializer)
        for array in arrays where !array.allSatisfy(\.isFinite) {
            throw .badGraph(path: model.path, reason: "some of its weights are not finite")
        }
        var notes: [String] = []
        if isQuantized {
            notes.append("It was quantized; its weights are float32 again, its activations are not rounded.")
        }
        return ONNXNetwork(layers: layers, arrays: arrays, loss: loss, outputs: outputs, notes: notes)
    }
}
