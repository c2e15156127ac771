// LayerTimes: how long each layer of a network takes, forward and backward, on one thread.
import CPrimitives

/// Times of one layer on one thread, best of some runs.
public struct LayerTime: Sendable, Equatable {
    /// "conv 32 3x3 relu".
    public var name: String
    public var forwardSeconds: Double
    public var backwardSeconds: Double
    /// Floating-point operations of forward and of backward on this batch; 0 where there are no multiply-adds.
    public var forwardOperations: Double
    public var backwardOperations: Double
    /// Which implementations oneDNN chose, for a convolution.
    public var implementations: String?

    /// Measures `network` on random batches of `examples`, layer by layer, each in a plan's own buffers.
    /// - Throws: ``ConvolutionError``.
    public static func measure(_ network: Network, examples: Int, precision: Precision = .f32) throws -> [LayerTime] {
        wb_thread_prepare()
        let set = try ConvSet(network, examples: examples, training: true, precision: precision)
        let parameters = Parameters(network, set)
        parameters.initialise(seed: 1)
        let arena = Arena()
        let indices = arena.allocate(examples, of: Int32.self)
        let step = arena.allocate(1, of: StepInput.self)
        step.initialize(
            to: StepInput(
                seed: 1, number: 1, indices: UnsafePointer(indices),
                update: Update(.sgd(learningRate: 0), learningRate: 0, step: 1)))
        let shard = Shard(index: 0, first: 0, count: examples)
        let plan = PlanBuilder(parameters, shards: [shard], training: true, step: step) { _ in set }
        let input: BatchTensor
        if let image = set.images[-1] {
            input = plan.activation(stride: image.stride, image: image)
        } else {
            input = plan.activation(stride: padded(network.input.count))
        }
        var random = CounterRandom(seed: 1, purpose: .benchmark)
        for index in 0..<examples * input.stride { input.values[index] = random.unit() }
        let (layers, last) = plan.namedLayers(from: input)
        for index in 0..<examples * last.stride { last.gradient[index] = random.unit() - 0.5 }

        func phases(_ add: () -> Void) -> [Phase] {
            let before = (plan.phases.count, plan.updates.count)
            add()
            plan.flush()
            let updates = Array(plan.updates[before.1...])
            return Array(plan.phases[before.0...]) + (updates.isEmpty ? [] : [Phase(updates)])
        }
        let forward = layers.map { layer in phases { layer.layer.forward(plan) } }
        let backward = Array(layers.reversed().map { layer in phases { layer.layer.backward(plan) } }.reversed())
        let team = Team(workers: 1, scratchBytes: plan.scratchBytes, transientBytes: plan.transientBytes)
        defer { team.end() }
        team.run(plan.prologue)
        func best(_ phases: [Phase]) -> Double {
            guard !phases.isEmpty else { return 0 }
            var least = UInt64.max
            for _ in 0..<12 {
                let began = wb_clock_ns()
                team.run(phases)
                least = min(least, wb_clock_ns() - began)
            }
            return Double(least) * 1e-9
        }
        // In the order of a step, so that each layer works on real values.
        let forwardTimes = forward.map(best)
        let backwardTimes = Array(backward.reversed().map(best).reversed())

        let flows = network.gradientFlows(toInput: false)
        return layers.indices.map { index in
            let layer = layers[index].index < 0 ? nil : network.layers[layers[index].index]
            let operations = 2 * Double(layer?.multiplyAdds ?? 0) * Double(examples)
            let passes = layer.map { flows[$0.inputs[0]] == true ? 2.0 : 1.0 } ?? 0
            return LayerTime(
                name: layers[index].name, forwardSeconds: forwardTimes[index], backwardSeconds: backwardTimes[index],
                forwardOperations: operations, backwardOperations: operations * passes,
                implementations: layer.flatMap { set.handles[$0.index]?.implementations })
        }
    }
}
