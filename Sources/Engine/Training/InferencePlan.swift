// InferencePlan: the network forward over many examples, dropout off.
import CPrimitives

/// Probabilities, losses and hits of many examples, in their order.
public struct Inference: Sendable, Equatable {
    /// (examples, classes), each row summing to 1; where numbers are predicted: those in their own units, (examples, outputs).
    public var probabilities: [Float]
    /// Loss of each example: cross-entropy of its label, or what the spec says of numbers, as they are scaled.
    public var losses: [Double]
    /// Whether each example's most probable class is its label; empty where numbers are predicted.
    public var hits: [Bool]
    /// The examples' labels; 0 for unlabelled ones.
    public var labels: [Int32]
    /// Where numbers are predicted: the true ones in their own units, (examples, outputs); empty elsewhere.
    public var targets: [Float]

    public init(probabilities: [Float], losses: [Double], hits: [Bool], labels: [Int32], targets: [Float] = []) {
        self.probabilities = probabilities
        self.losses = losses
        self.hits = hits
        self.labels = labels
        self.targets = targets
    }

    /// Mean loss; NaN without examples.
    public var meanLoss: Double { losses.reduce(0, +) / Double(losses.count) }
    /// Fraction of hits; NaN without examples, and where numbers are predicted.
    public var accuracy: Double { Double(hits.count(where: { $0 })) / Double(hits.count) }
}

/// Forward passes over tiles of a fixed number of examples, each in buffers of the worker that takes it. An example's
/// result does not depend on the others of its tile, nor on who computes it.
final class InferencePlan {
    let scratchBytes: Int
    private let tileSize: Int
    private let prologue: [Phase]
    private let builder: PlanBuilder
    private let chains: [Tile]
    private let data: ExampleStore
    private let input: BatchTensor
    private let logits: BatchTensor
    private let indices: UnsafeMutablePointer<Int32>
    private let targets: UnsafeMutablePointer<Float>?
    /// Losses of examples that have no label; nobody reads them.
    private let unread: UnsafeMutablePointer<Double>

    private let loss: Loss
    /// The true numbers in their own units, where numbers are predicted, and how outputs come to those units.
    private let truth: [Float]?
    private let targetScaling: TargetScaling?
    /// Bytes of the plan's buffers.
    var bytes: Int { builder.arena.bytes }

    /// Plans forward passes for `workers` workers, `tileSize` examples at a time.
    init(
        _ parameters: Parameters, data: ExampleStore, loss: Loss, workers: Int, tileSize: Int,
        convSets: @escaping (Int) -> ConvSet
    ) {
        let slots = (0..<workers).map { Shard(index: $0, first: $0 * tileSize, count: tileSize) }
        let plan = PlanBuilder(parameters, shards: slots, training: false, step: nil, convSets: convSets)
        input = plan.activation(stride: data.input.stride, image: data.input.image)
        indices = plan.arena.allocate(workers * tileSize)
        targets = data.targets.map { _ in plan.arena.floats(workers * tileSize * loss.outputs) }
        unread = plan.arena.allocate(workers * tileSize)
        let (layers, logits) = plan.layers(from: input)
        for layer in layers { layer.forward(plan) }
        chains = plan.takeChains()
        prologue = plan.prologue
        scratchBytes = plan.scratchBytes
        builder = plan
        self.logits = logits
        self.data = data
        self.loss = loss
        self.tileSize = tileSize
        truth = data.truth
        targetScaling = data.targetScaling
    }

    /// Runs the network over the examples `wanted`.
    /// - Complexity: O(examples); 12 bytes a class and example while it runs.
    func run(_ wanted: [Int32], on team: Team) -> Inference {
        precondition(team.scratchBytes >= scratchBytes, "the team has too little scratch for this plan")
        let classes = loss.predictions
        let labels = wanted.map { data.labels[Int($0)] }
        var result = Inference(
            probabilities: Array(repeating: 0, count: wanted.count * classes),
            losses: Array(repeating: 0, count: wanted.count), hits: [], labels: labels)
        guard !wanted.isEmpty else { return result }
        var hits = [Int32](repeating: 0, count: wanted.count)
        wanted.withUnsafeBufferPointer { wanted in
            labels.withUnsafeBufferPointer { labels in
                result.probabilities.withUnsafeMutableBufferPointer { probabilities in
                    result.losses.withUnsafeMutableBufferPointer { losses in
                        hits.withUnsafeMutableBufferPointer { hits in
                            let out = Outputs(
                                labels: labels, probabilities: probabilities, losses: losses, hits: hits)
                            let tiles = stride(from: 0, to: wanted.count, by: tileSize).map { first -> Tile in
                                { [self] worker in tile(wanted, first, out, worker) }
                            }
                            team.run(prologue + [Phase(tiles)])
                        }
                    }
                }
            }
        }
        guard loss.spec.isRegression else {
            result.hits = hits.map { $0 != 0 }
            return result
        }
        if let targetScaling { result.probabilities = result.probabilities.map { targetScaling.restored($0) } }
        if let truth {
            result.targets = wanted.flatMap { truth[Int($0) * loss.outputs..<(Int($0) + 1) * loss.outputs] }
        }
        return result
    }

    /// Makes the examples `range` of those that are asked about, as the first layer takes them, in rows `stride` floats apart.
    /// Any worker may call it; what lies between an example's values and `stride` is zero and must stay so.
    typealias Maker = (_ range: Range<Int>, _ rows: UnsafeMutablePointer<Float>, _ stride: Int) -> Void

    /// Runs the network over `count` examples that `make` makes on the spot, and puts what it predicts, (examples, predictions),
    /// where `predictions` says, numbers in their own units.
    /// - Parameter isFirst: copies of the weights are made; later calls find them.
    func run(
        _ count: Int, on team: Team, isFirst: Bool, into predictions: UnsafeMutablePointer<Float>,
        make: @escaping Maker
    ) {
        precondition(team.scratchBytes >= scratchBytes, "the team has too little scratch for this plan")
        let tiles = stride(from: 0, to: count, by: tileSize).map { first -> Tile in
            { [self] worker in
                let slot = builder.shards[worker.index]
                let filled = min(tileSize, count - first)
                make(first..<first + filled, input.values(slot), input.stride)
                chains[worker.index](worker)
                let out = predictions + first * loss.predictions
                loss.compute(
                    Loss.Rows(
                        count: filled, logits: logits.values(slot), stride: logits.stride,
                        labels: nil, targets: nil, losses: unread + slot.first, hits: nil, gradient: nil,
                        predictions: out, weights: nil),
                    scale: 1)
                guard loss.spec.isRegression, let targetScaling else { return }
                for i in 0..<filled * loss.outputs { out[i] = targetScaling.restored(out[i]) }
            }
        }
        team.run((isFirst ? prologue : []) + [Phase(tiles)])
    }

    private struct Outputs {
        let labels: UnsafeBufferPointer<Int32>
        let probabilities: UnsafeMutableBufferPointer<Float>
        let losses: UnsafeMutableBufferPointer<Double>
        let hits: UnsafeMutableBufferPointer<Int32>
    }

    private func tile(_ wanted: UnsafeBufferPointer<Int32>, _ first: Int, _ out: Outputs, _ worker: Worker) {
        let slot = builder.shards[worker.index]
        let count = min(tileSize, wanted.count - first)
        // The last tile is filled up with its last example; what those give is not read.
        let mine = indices + slot.first
        for i in 0..<tileSize { mine[i] = wanted[first + min(i, count - 1)] }
        data.gather(mine, count: tileSize, into: input.values(slot), stride: input.stride)
        chains[worker.index](worker)
        let classes = loss.predictions
        guard let labels = out.labels.baseAddress, let losses = out.losses.baseAddress,
            let hits = out.hits.baseAddress, let probabilities = out.probabilities.baseAddress
        else { return }
        if let targets, let from = data.targets {
            for i in 0..<count {
                (targets + (slot.first + i) * loss.outputs).update(
                    from: from + Int(mine[i]) * loss.outputs, count: loss.outputs)
            }
        }
        loss.compute(
            Loss.Rows(
                count: count, logits: logits.values(slot), stride: logits.stride, labels: labels + first,
                targets: targets.map { UnsafePointer($0 + slot.first * loss.outputs) }, losses: losses + first,
                hits: hits + first, gradient: nil, predictions: probabilities + first * classes, weights: nil),
            scale: 1)
    }
}
