// ONNXImport: a feed-forward network out of an ONNX graph.
//
// The graph is followed for one example. Each value that flows knows which piece of the network made it, where each of its numbers
// stands in that piece's output, and which function of it it is: so that transposed and reshaped values, flattening in any order and
// activations that are written as several nodes come out as layers, without a list of patterns.
import Engine
import Foundation

/// Reads models that other programs wrote.
public enum ONNXImport {
    /// The model in the file at `path`.
    /// - Throws: ``ONNXError``, which names the node that can't be imported.
    public static func read(_ path: String) throws -> ImportedModel {
        let model = try ONNXModel(path: path)
        var tracer = try ONNXTracer(model)
        try tracer.trace()
        let network = try tracer.network()
        let name = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
        var imported = ImportedModel(path: path, name: name, network: network.layers, weights: [], notes: network.notes)
        imported.arrays = network.arrays
        imported.inputShape = tracer.inputShape
        imported.loss = network.loss
        if model.metadata["workbench"] != nil, model.metadata["preprocessing_included"] == "false",
            let json = model.metadata["preprocessing"]
        {
            do {
                imported.preprocessing = try JSONDecoder().decode(Preprocessing.self, from: Data(json.utf8))
            } catch {
                throw ImportError.badDescription(
                    path: path, part: "preprocessing", problem: "it is not JSON of the kind that is written here.")
            }
        }
        try check(network, tracer, model)
        return imported
    }

    /// Largest part of the largest output that the imported network may differ by on noise.
    private static let tolerance: Float = 1e-3

    /// Runs both, the graph by plain loops and the network that was made of it, on a few examples of noise.
    private static func check(_ network: ONNXNetwork, _ tracer: ONNXTracer, _ model: ONNXModel) throws {
        guard !tracer.isQuantized else { return }
        let built = try Network(network.layers, input: tracer.inputShape, classes: network.outputs)
        guard built.parameters.map(\.count) == network.arrays.map(\.count) else {
            throw ONNXError.badGraph(path: model.path, reason: "its weights do not fit the layers that were found")
        }
        let weights = zip(built.parameters, network.arrays).map {
            ParameterValues(name: $0.name, shape: $0.shape, values: $1)
        }
        var random = CounterRandom(seed: 1, purpose: .benchmark)
        for _ in 0..<2 {
            let size = tracer.inputShape.count
            let values = (0..<size).map { _ in Float(random.below(256)) / 255 }
            var given = [Float](repeating: 0, count: size)
            for (place, canonical) in tracer.inputPlaces.enumerated() { given[place] = values[Int(canonical)] }
            let all = try ONNXEvaluator(path: model.path, opset: model.opset).run(
                model, inputs: [tracer.inputName: ONNXTensor(tracer.inputAxes, given)], wanted: [tracer.logits])
            guard let wanted = all[tracer.logits]?.asFloats else { return }
            let found = try ONNXNetwork.logits(built, weights, values)
            let most = max(1, wanted.reduce(0) { max($0, abs($1)) })
            guard wanted.count == found.count,
                zip(wanted, found).allSatisfy({ abs($0 - $1) <= tolerance * most || $0.isNaN && $1.isNaN })
            else {
                throw ONNXError.badGraph(
                    path: model.path,
                    reason: "the network that was made of it gives other answers than the graph itself")
            }
        }
    }
}

/// What an import found.
struct ONNXNetwork {
    var layers: [LayerSpec]
    /// In the order of the network's parameters.
    var arrays: [[Float]]
    var loss: LossSpec
    /// Values of the last layer.
    var outputs: Int
    var notes: [String]

    /// What `network` gives for one example, (channels, rows, columns) in 255ths or features, before any softmax.
    static func logits(_ network: Network, _ weights: [ParameterValues], _ values: [Float]) throws -> [Float] {
        let columns = network.input.isImage ? [] : values.indices.map { Column(name: "\($0)", kind: .numeric) }
        let preprocessing = Preprocessing(exact: network.input, columns: columns)
        guard network.input.isImage else {
            return try Predictor(
                network, weights: weights, loss: .meanSquaredError,
                data: PreparedExamples(.floats(values), labels: [0], by: preprocessing), workers: 1
            ).infer().probabilities
        }
        let bytes = values.map { UInt8(($0 * 255).rounded()) }
        return try Predictor(
            network, weights: weights, loss: .meanSquaredError,
            data: PreparedExamples(.bytes(bytes), labels: [0], by: preprocessing), workers: 1
        ).infer().probabilities
    }
}

extension Preprocessing {
    /// Images as bytes over 255, rows as they are.
    fileprivate init(exact shape: TensorShape, columns: [Column]) {
        let features: FeatureStorage = shape.isImage ? .bytes([]) : .floats([])
        self.init(
            fitting: Dataset(
                name: "noise", shape: shape, classes: ["0"], columns: columns, features: features, labels: [],
                origin: "noise"), train: [], spec: DataSpec(dataset: "noise"))
        encodings = columns.map { _ in .standardised(mean: 0, deviation: 1) }
    }
}
