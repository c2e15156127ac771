// Calibrator: runs a network in float32 over some examples and notes what each activation was.
import CPrimitives

/// What bytes stand for between the nodes of a graph, and what was seen of the numbers there.
struct CalibratedTensors {
    var input: Affine
    /// By node.
    var nodes: [Affine]
    /// Means of the input's channels, and of each node's; empty: biases are not corrected.
    var inputMeans: [Double] = []
    var means: [[Double]] = []

    func affine(_ index: Int) -> Affine { index < 0 ? input : nodes[index] }
    func mean(_ index: Int) -> [Double]? {
        index < 0 ? (inputMeans.isEmpty ? nil : inputMeans) : means.isEmpty ? nil : means[index]
    }
}

/// Observes the activations of a network.
struct Calibrator {
    let graph: ForwardGraph
    private let steps: FloatSteps
    private let input: ForwardInput
    private let data: PreparedExamples
    private let examples: [Int32]

    init(_ network: Network, weights: [ParameterValues], data: PreparedExamples, examples: [Int32]) {
        graph = ForwardGraph(network, weights: weights)
        steps = FloatSteps(graph, workers: 1)
        input = ForwardInput(graph.input, .floats, like: data, arena: Arena())
        self.data = data
        self.examples = examples
    }

    /// Calls `see` with each tensor (-1: the input) of each tile.
    private func observe(_ see: (_ tensor: Int, _ values: UnsafePointer<Float>, _ count: Int) -> Void) throws {
        for first in stride(from: 0, to: examples.count, by: steps.tileSize) {
            let tile = Array(examples[first..<min(first + steps.tileSize, examples.count)])
            try input.withMaker(data, tile) { make in
                steps.plan.observe(tile.count, make: make, outputs: steps.outputs) { node, values in
                    see(node, UnsafePointer(values.assumingMemoryBound(to: Float.self)), tile.count)
                }
            }
        }
    }

    /// What the bytes of the graph's tensors stand for.
    /// - Throws: ``ExampleError``.
    func tensors(_ settings: QuantizationSettings) throws -> CalibratedTensors {
        let tensors = Array(-1..<graph.nodes.count)
        let channels = tensors.map { graph.tensor($0).channelOfPlace }
        var ranges = tensors.map { ActivationRange(channels: graph.tensor($0).channels) }
        try observe { tensor, values, count in
            let places = channels[tensor + 1]
            places.withUnsafeBufferPointer { places in
                for example in 0..<count {
                    let row = values + example * places.count
                    for place in places.indices where places[place] >= 0 { ranges[tensor + 1].extend(row[place]) }
                }
            }
        }
        for index in ranges.indices where settings.calibration != .minMax {
            ranges[index].histogram = ActivationHistogram(low: ranges[index].low, high: ranges[index].high)
        }
        if settings.calibration != .minMax || settings.correctsBias {
            try observe { tensor, values, count in
                let places = channels[tensor + 1]
                places.withUnsafeBufferPointer { places in
                    for example in 0..<count {
                        let row = values + example * places.count
                        for place in places.indices where places[place] >= 0 {
                            ranges[tensor + 1].add(row[place], channel: Int(places[place]))
                        }
                    }
                }
                ranges[tensor + 1].finish(count * graph.tensor(tensor).plane)
            }
        }
        let affines = ranges.map { range in
            let covered = range.histogram?.range(settings.calibration) ?? range.low...range.high
            return Affine(covering: covered.lowerBound, covered.upperBound)
        }
        var found = CalibratedTensors(input: data.bytesAreQuantized ?? affines[0], nodes: Array(affines.dropFirst()))
        for (index, node) in graph.nodes.enumerated() {
            // These hand bytes on as they are.
            switch node.operation {
            case .flatten, .pool(isAverage: false, _): found.nodes[index] = found.affine(node.inputs[0])
            default: break
            }
        }
        if settings.correctsBias {
            found.inputMeans = ranges[0].means
            found.means = ranges.dropFirst().map(\.means)
        }
        return found
    }
}
