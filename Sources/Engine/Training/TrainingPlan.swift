// TrainingPlan: one optimizer step on a batch of a fixed size, as phases of tiles. Built once, run many times.
import CPrimitives

/// The data of a run where the kernels can reach them.
///
/// `@unchecked Sendable`: written in init only.
final class ExampleStore: @unchecked Sendable {
    let shape: TensorShape
    let count: Int
    let labels: UnsafeMutablePointer<Int32>
    /// (examples, outputs), where targets are numbers.
    let targets: UnsafeMutablePointer<Float>?
    /// The same in their own units, and what lies between the two.
    let truth: [Float]?
    let targetScaling: TargetScaling?
    private let bytes: UnsafeMutablePointer<UInt8>?
    private let floats: UnsafeMutablePointer<Float>?
    private let scale: UnsafeMutablePointer<Float>
    private let shift: UnsafeMutablePointer<Float>
    private let units: UnsafeMutablePointer<Float>
    private let cache: ExampleCache?
    private let arena: Arena
    /// Bytes of all that is kept of the data.
    var storedBytes: Int { arena.bytes }

    init(_ examples: PreparedExamples) {
        let arena = Arena()
        self.arena = arena
        let labels = arena.allocate(examples.count, of: Int32.self)
        shape = examples.shape
        count = examples.count
        examples.labels.withUnsafeBufferPointer {
            if let from = $0.baseAddress { labels.update(from: from, count: $0.count) }
        }
        self.labels = labels
        if let given = examples.targets {
            let copy = arena.floats(given.count)
            given.withUnsafeBufferPointer { if let from = $0.baseAddress { copy.update(from: from, count: $0.count) } }
            targets = copy
        } else {
            targets = nil
        }
        truth = examples.truth
        targetScaling = examples.targetScaling
        scale = arena.floats(examples.scale.count)
        shift = arena.floats(examples.shift.count)
        for channel in examples.scale.indices {
            scale[channel] = examples.scale[channel]
            shift[channel] = examples.shift[channel]
        }
        units = arena.floats(examples.units.count)
        for feature in examples.units.indices { units[feature] = examples.units[feature] }
        if case .streamed(let examples) = examples.features { cache = ExampleCache(examples) } else { cache = nil }
        switch examples.features {
        case .streamed: (bytes, floats) = (nil, nil)
        case .bytes(let values):
            let copy = arena.allocate(values.count, of: UInt8.self)
            values.withUnsafeBufferPointer { if let from = $0.baseAddress { copy.update(from: from, count: $0.count) } }
            (bytes, floats) = (copy, nil)
        case .floats(let values):
            let copy = arena.floats(values.count)
            values.withUnsafeBufferPointer { if let from = $0.baseAddress { copy.update(from: from, count: $0.count) } }
            (bytes, floats) = (nil, copy)
        }
    }

    deinit { cache?.end() }

    /// What could not be decoded.
    var failure: ExampleError? { cache?.failure }

    /// An epoch begins that takes `examples` in this order, `batch` a step.
    func expect(_ examples: [Int32], batch: Int) { cache?.expect(examples, batch: batch) }

    /// A step begins that takes the examples from `position` of the epoch's order on.
    func begin(_ position: Int) { cache?.begin(position) }

    /// The bytes of a streamed example for `body`.
    private func withStreamed(_ example: Int32, from cache: ExampleCache, _ body: (UnsafePointer<UInt8>) -> Void) {
        body(cache.acquire(example))
        cache.release(example)
    }

    /// The pixels of a streamed example for `body`.
    func withPixels(_ example: Int32, _ body: (UnsafePointer<UInt8>) -> Void) {
        guard let cache else { preconditionFailure("only streamed examples are fetched one by one") }
        withStreamed(example, from: cache, body)
    }

    /// Copies `count` examples to `out`, scaled; vectors are padded to `stride`.
    @inline(__always)
    func gather(_ indices: UnsafePointer<Int32>, count: Int, into out: UnsafeMutablePointer<Float>, stride: Int) {
        if let bytes, case .image(let channels, let height, let width) = shape {
            wb_gather_u8(bytes, indices, Int32(count), Int32(channels), Int32(height * width), scale, shift, out)
        } else if let floats {
            wb_gather_f32(floats, indices, Int32(count), Int32(shape.count), Int32(stride), out)
        } else if let cache, case .image(let channels, let height, let width) = shape {
            var first: Int32 = 0
            for i in 0..<count {
                withStreamed(indices[i], from: cache) {
                    wb_gather_u8(
                        $0, &first, 1, Int32(channels), Int32(height * width), scale, shift, out + i * stride)
                }
            }
        }
    }

    /// The kernels' augmentations for these examples; nil: none.
    func augmenter(_ list: [Augmentation], seed: UInt64, vector: Int32 = 0) -> Augmenter? {
        list.isEmpty ? nil : Augmenter(list, shape: shape, scale: scale, shift: shift, seed: seed, vector: vector)
    }

    /// Gathers the examples of a shard as the step at hand sees them. `scratch` has the augmenter's `scratchBytes`.
    func gather(
        _ shard: Shard, of step: StepInput, by augmenter: Augmenter, scratch: UnsafeMutableRawPointer,
        into out: UnsafeMutablePointer<Float>, stride: Int
    ) {
        if floats != nil { gather(step.indices + shard.first, count: shard.count, into: out, stride: stride) }
        for i in 0..<shard.count {
            let example = Int(step.indices[shard.first + i])
            let stream = wb_augment_stream(
                epoch: step.epoch, example: UInt32(example), turn: UInt32(step.turns?[shard.first + i] ?? 0))
            let place = out + i * stride
            if let bytes {
                augmenter.image(bytes + example * shape.count, stream, scratch: scratch, into: place)
            } else if let cache {
                withStreamed(Int32(example), from: cache) {
                    augmenter.image($0, stream, scratch: scratch, into: place)
                }
            } else {
                augmenter.row(place, stream, features: shape.count, units: units)
            }
        }
    }

    /// Layout of a gathered batch.
    var input: (stride: Int, image: ImageLayout?) {
        if case .image(let channels, let height, let width) = shape {
            return (shape.count, ImageLayout(channels: channels, height: height, width: width, block: 1))
        }
        return (padded(shape.count), nil)
    }
}

/// What one step computed.
struct StepOutcome {
    /// Sum of the examples' losses, in their order.
    var lossSum: Double
    /// Examples whose largest logit was the label's.
    var hits: Int
    /// False: the loss or a gradient was not finite and nothing was changed.
    var applied: Bool
}

/// Phases of one optimizer step:
/// forward and backward by shards, with phases over the whole batch where a wide dense layer stands; then the sum of the
/// shards' gradients; then, when everything is finite, the update.
final class TrainingPlan {
    let examples: Int
    let scratchBytes: Int
    let transientBytes: Int
    private let phases: [Phase]
    private let builder: PlanBuilder
    private let step: UnsafeMutablePointer<StepInput>
    private let losses: UnsafeMutablePointer<Double>
    private let hits: UnsafeMutablePointer<Int32>
    private let isFinite: [UnsafeMutablePointer<Int32>]

    /// Plans steps on batches of `examples`, cut into shards of `shardSize`.
    /// - Parameter augmenter: what is done to the examples; nil: nothing.
    init(
        _ parameters: Parameters, data: ExampleStore, loss: Loss, clipNorm: Float?, augmenter: Augmenter? = nil,
        examples: Int, shardSize: Int,
        step: UnsafeMutablePointer<StepInput>, convSets: @escaping (Int) -> ConvSet
    ) {
        let shards = stride(from: 0, to: examples, by: shardSize).enumerated().map { index, first in
            Shard(index: index, first: first, count: min(shardSize, examples - first))
        }
        let plan = PlanBuilder(
            parameters, shards: shards, training: true, clips: clipNorm != nil, step: step, convSets: convSets)
        let arena = plan.arena
        let input = plan.activation(stride: data.input.stride, image: data.input.image)
        let labels = arena.allocate(examples, of: Int32.self)
        let losses = arena.allocate(examples, of: Double.self)
        let hits = arena.allocate(examples, of: Int32.self)
        let finite = plan.shardIsFinite

        let outputs = loss.outputs
        let weights = loss.classWeights.map { _ in arena.floats(examples) }
        // Examples that are mixed wait in a buffer of their own until all of the batch are there, and so do their targets.
        let mixup = augmenter?.mixup
        let gathered = mixup == nil ? input.values : arena.floats(examples * input.stride)
        let targets = data.targets.map { _ in arena.floats(examples * outputs) }
        let mixedTargets = mixup == nil ? targets : targets.map { _ in arena.floats(examples * outputs) }
        let secondLabels: UnsafeMutablePointer<Int32>? = mixup.map { _ in arena.allocate(examples) }
        let mix: UnsafeMutablePointer<Float>? = mixup.map { _ in arena.floats(examples) }
        if let augmenter { plan.needScratch(bytes: augmenter.scratchBytes) }

        plan.part = .data
        plan.perShard { shard in
            let x = gathered + shard.first * input.stride
            return { worker in
                let indices = step.pointee.indices + shard.first
                if let augmenter {
                    data.gather(
                        shard, of: step.pointee, by: augmenter, scratch: worker.scratch, into: x, stride: input.stride)
                } else {
                    data.gather(indices, count: shard.count, into: x, stride: input.stride)
                }
                for i in 0..<shard.count { labels[shard.first + i] = data.labels[Int(indices[i])] }
                if let targets, let from = data.targets {
                    for i in 0..<shard.count {
                        (targets + (shard.first + i) * outputs).update(
                            from: from + Int(indices[i]) * outputs, count: outputs)
                    }
                }
            }
        }
        if let mixup, let secondLabels, let mix {
            plan.flush()
            plan.perShard { shard in
                return { _ in
                    for i in shard.first..<(shard.first + shard.count) {
                        let (partner, weight) = mixup.draw(
                            epoch: step.pointee.epoch, example: step.pointee.indices[i],
                            turn: step.pointee.turns?[i] ?? 0, position: i, batch: examples)
                        wb_mix_f32(
                            input.stride, weight, gathered + i * input.stride, gathered + partner * input.stride,
                            input.values + i * input.stride)
                        secondLabels[i] = labels[partner]
                        mix[i] = weight
                        if let targets, let mixedTargets {
                            wb_mix_f32(
                                outputs, weight, targets + i * outputs, targets + partner * outputs,
                                mixedTargets + i * outputs)
                        }
                    }
                }
            }
        }
        // The weighted mean looks at the labels of the whole batch.
        if weights != nil { plan.flush() }
        plan.part = .forward
        let (layers, logits) = plan.layers(from: input)
        for layer in layers { layer.forward(plan) }
        plan.part = .backward
        plan.perShard { shard in
            let rows = Loss.Rows(
                count: shard.count, logits: logits.values(shard), stride: logits.stride, labels: labels + shard.first,
                second: secondLabels.map { UnsafePointer($0 + shard.first) },
                mix: mix.map { UnsafePointer($0 + shard.first) },
                targets: mixedTargets.map { UnsafePointer($0 + shard.first * outputs) }, losses: losses + shard.first,
                hits: hits + shard.first, gradient: logits.gradient(shard), predictions: nil,
                weights: weights.map { UnsafePointer($0 + shard.first) })
            let scale = 1 / Float(examples)
            return { _ in
                if let weights {
                    loss.weigh(shard, of: examples, labels: labels, second: secondLabels, mix: mix, into: weights)
                }
                loss.compute(rows, scale: scale)
                var allFinite = true
                for i in 0..<shard.count where !rows.losses[i].isFinite { allFinite = false }
                // A step on examples that could not be decoded changes nothing either.
                if data.failure != nil { allFinite = false }
                finite[shard.index] = allFinite ? 1 : 0
            }
        }
        for layer in layers.reversed() { layer.backward(plan) }

        // Sum of the shards' gradients and update, in pieces that follow from the shapes alone.
        let piece = 4096
        let starts = Array(stride(from: 0, to: parameters.shardedCount, by: piece))
        let sum = arena.floats(parameters.shardedCount)
        let sumIsFinite = arena.allocate(starts.count, of: Int32.self)
        let sumSquares = arena.allocate(starts.count, of: Double.self)
        let gradients = plan.shardGradients
        let width = parameters.shardedCount
        plan.part = .sum
        plan.phase(
            starts.enumerated().map { index, start in
                let count = min(piece, width - start)
                return { _ in
                    sumIsFinite[index] =
                        clipNorm == nil
                        ? wb_tree_sum_f32(count, Int32(shards.count), width, gradients + start, sum + start)
                        : wb_tree_sum_squares_f32(
                            count, Int32(shards.count), width, gradients + start, sum + start, sumSquares + index)
                }
            })
        if let clipNorm {
            let wide = plan.squares
            plan.phase([
                { _ in
                    var squares = 0.0
                    for index in starts.indices { squares += sumSquares[index] }
                    for part in wide { squares += part.pointee }
                    let norm = squares.squareRoot()
                    step.pointee.update.gradientScale =
                        norm.isFinite ? Float(min(1, Double(clipNorm) / (norm + 1e-6))) : 1
                }
            ])
        }
        plan.part = .update
        plan.update(
            starts.map { start in
                let count = min(piece, width - start)
                return { _ in
                    step.pointee.update.apply(to: parameters, offset: start, count: count, gradient: sum + start)
                }
            })

        let flags = (0..<shards.count).map { finite + $0 } + starts.indices.map { sumIsFinite + $0 }
        isFinite = flags
        let updates = plan.updates.map { tile -> Tile in
            { worker in if flags.allSatisfy({ $0.pointee != 0 }) { tile(worker) } }
        }
        phases = plan.prologue + plan.phases + [Phase(updates)]
        scratchBytes = plan.scratchBytes
        transientBytes = plan.transientBytes
        builder = plan
        self.examples = examples
        self.step = step
        self.losses = losses
        self.hits = hits
    }

    /// Runs one step with what `step` holds.
    func run(on team: Team, takesTime: Bool = false) -> StepOutcome {
        precondition(
            team.scratchBytes >= scratchBytes && team.transientBytes >= transientBytes,
            "the team has too little scratch for this plan")
        team.run(phases, takesTime: takesTime)
        var outcome = StepOutcome(lossSum: 0, hits: 0, applied: isFinite.allSatisfy { $0.pointee != 0 })
        for i in 0..<examples {
            outcome.lossSum += losses[i]
            outcome.hits += Int(hits[i])
        }
        return outcome
    }

    /// Bytes of the plan's buffers.
    var bytes: Int { builder.arena.bytes }
}
