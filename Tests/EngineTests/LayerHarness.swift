// Runs layers alone, forward and backward, through the same plans that training uses.
import CPrimitives

@testable import Engine

/// What a line of layers makes of an input, and of a gradient of its output.
struct LayerResult {
    var output: [Float]
    var inputGradient: [Float]
    /// By parameter name.
    var parameterGradients: [String: [Float]]
}

enum LayerHarness {
    /// Runs `specs` on `x` (examples, input) with plain `parameters`, then `outputGradient` back. Parameters' gradients are
    /// summed over the shards as training sums them; a wide dense layer's are taken from an SGD update with rate 1.
    static func run(
        _ specs: [LayerSpec], input: TensorShape, examples: Int, x: [Float], parameters plain: [String: [Float]],
        outputGradient: [Float], shardSize: Int, workers: Int = 2, step number: UInt32 = 1, clips: Bool = false,
        precision: Precision = .f32
    ) throws -> LayerResult {
        // Every buffer has guard bytes round it, which are looked at when it is freed.
        try Arena.$isGuarded.withValue(true) {
            try runGuarded(
                specs, input: input, examples: examples, x: x, parameters: plain, outputGradient: outputGradient,
                shardSize: shardSize, workers: workers, step: number, clips: clips, precision: precision)
        }
    }

    /// What `specs` make of `x` in evaluation: dropout off, running statistics in batch norm.
    static func infer(
        _ specs: [LayerSpec], input: TensorShape, examples: Int, x: [Float], parameters plain: [String: [Float]]
    ) throws -> [Float] {
        let network = try Network(part: specs, input: input, classes: 1)
        let set = try ConvSet(network, examples: examples, training: false)
        let parameters = Parameters(network, set)
        for (name, values) in plain { parameters.store(values, of: name, in: parameters.values) }
        let plan = PlanBuilder(
            parameters, shards: [Shard(index: 0, first: 0, count: examples)], training: false, step: nil
        ) { _ in set }
        let first = entry(plan, input)
        let (layers, last) = plan.layers(from: first)
        for layer in layers { layer.forward(plan) }
        plan.flush()
        let team = Team(workers: 1, scratchBytes: plan.scratchBytes)
        defer { team.end() }
        pack(x, into: first.values, of: first, examples: examples, count: input.count)
        team.run(plan.prologue + plan.phases)
        let outputCount = network.layers[network.layers.count - 1].output.count
        return unpack(last.values, of: last, examples: examples, count: outputCount)
    }

    private static func entry(_ plan: PlanBuilder, _ input: TensorShape) -> BatchTensor {
        guard case .image(let channels, let height, let width) = input else {
            return plan.activation(stride: padded(input.count))
        }
        let layout = ImageLayout(channels: channels, height: height, width: width, block: 1)
        return plan.activation(stride: layout.stride, image: layout)
    }

    private static func runGuarded(
        _ specs: [LayerSpec], input: TensorShape, examples: Int, x: [Float], parameters plain: [String: [Float]],
        outputGradient: [Float], shardSize: Int, workers: Int, step number: UInt32, clips: Bool,
        precision: Precision
    ) throws -> LayerResult {
        let network = try Network(part: specs, input: input, classes: 1)
        var sets: [Int: ConvSet] = [:]
        sets[shardSize] = try ConvSet(
            network, examples: shardSize, training: true, precision: precision, inputGradient: true)
        if examples % shardSize > 0 {
            sets[examples % shardSize] = try ConvSet(
                network, examples: examples % shardSize, training: true, precision: precision,
                weightsOf: sets[shardSize], inputGradient: true)
        }
        let planned = sets
        guard let set = planned[shardSize] else { preconditionFailure("a set was made") }
        let parameters = Parameters(network, set)
        parameters.initialise(seed: 1)
        for (name, values) in plain { parameters.store(values, of: name, in: parameters.values) }
        let shards = stride(from: 0, to: examples, by: shardSize).enumerated().map { index, first in
            Shard(index: index, first: first, count: min(shardSize, examples - first))
        }
        let arena = Arena()
        let indices = arena.allocate(1, of: Int32.self)
        let step = arena.allocate(1, of: StepInput.self)
        step.initialize(
            to: StepInput(
                seed: 1, number: number, indices: UnsafePointer(indices),
                update: Update(.sgd(learningRate: 1), learningRate: 1, step: 1)))
        let plan = PlanBuilder(parameters, shards: shards, training: true, clips: clips, step: step) { size in
            guard let set = planned[size] else { preconditionFailure("no set for \(size)") }
            return set
        }
        let first = entry(plan, input)
        let (layers, last) = plan.layers(from: first, inputGradient: true)
        for layer in layers { layer.forward(plan) }
        plan.flush()
        let forwardPhases = plan.phases.count
        for layer in layers.reversed() { layer.backward(plan) }
        plan.flush()

        let team = Team(workers: workers, scratchBytes: plan.scratchBytes, transientBytes: plan.transientBytes)
        defer { team.end() }
        pack(x, into: first.values, of: first, examples: examples, count: input.count)
        team.run(plan.prologue + plan.phases[..<forwardPhases])
        let outputCount = network.layers[network.layers.count - 1].output.count
        let output = unpack(last.values, of: last, examples: examples, count: outputCount)
        pack(outputGradient, into: last.gradient, of: last, examples: examples, count: outputCount)
        team.run(Array(plan.phases[forwardPhases...]))
        let inputGradient = unpack(first.gradient, of: first, examples: examples, count: input.count)

        let gradients = arena.floats(parameters.count)
        let before = parameters.plain(parameters.values)
        _ = wb_tree_sum_f32(
            parameters.shardedCount, Int32(shards.count), parameters.shardedCount, plan.shardGradients, gradients)
        var byName: [String: [Float]] = [:]
        for value in parameters.plain(gradients, trained: true) { byName[value.name] = value.values }
        team.run([Phase(plan.updates)])
        for (old, new) in zip(before, parameters.plain(parameters.values))
        where parameters.slots.contains(where: { $0.shape.name == old.name && $0.isWide }) {
            byName[old.name] = zip(old.values, new.values).map { $0 - $1 }
        }
        return LayerResult(output: output, inputGradient: inputGradient, parameterGradients: byName)
    }

    /// Plain example-major values into a batch's layout.
    private static func pack(
        _ values: [Float], into to: UnsafeMutablePointer<Float>, of tensor: BatchTensor, examples: Int, count: Int
    ) {
        for example in 0..<examples {
            for i in 0..<count { to[example * tensor.stride + place(i, tensor)] = values[example * count + i] }
        }
    }

    private static func unpack(
        _ from: UnsafeMutablePointer<Float>, of tensor: BatchTensor, examples: Int, count: Int
    ) -> [Float] {
        (0..<examples).flatMap { example in (0..<count).map { from[example * tensor.stride + place($0, tensor)] } }
    }

    private static func place(_ index: Int, _ tensor: BatchTensor) -> Int {
        (tensor.image ?? tensor.order)?.place(index) ?? index
    }
}
