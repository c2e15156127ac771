// Estimate: what a run will ask of the machine, told from shapes alone, before anything is allocated.

extension Network {
    /// Floating-point operations of a training step for one example: two a multiply-add of convolutions and dense layers,
    /// forward once, backward to the weights once, and backward to the input once where a gradient flows there. What goes
    /// value by value (activations, pooling, normalisation, the optimizer) is not counted.
    public var trainingOperations: Double {
        let flows = gradientFlows(toInput: false)
        return layers.reduce(0) { sum, layer in
            let passes = flows[layer.inputs[0]] == true ? 3.0 : 2.0
            return sum + passes * 2 * Double(layer.multiplyAdds)
        }
    }

    /// The same forward alone.
    public var inferenceOperations: Double { layers.reduce(0) { $0 + 2 * Double($1.multiplyAdds) } }
}

/// Bytes that a run keeps in memory, by what they are for. From shapes alone: oneDNN's copies of weights in other layouts and
/// scratch are not in it.
public struct MemoryEstimate: Sendable, Equatable {
    /// The weights, and a second set where evaluation uses averaged ones.
    public var parameters = 0
    /// Two moments of the optimizer and the moving average.
    public var moments = 0
    /// Gradients of the shards and their sum.
    public var gradients = 0
    /// What flows between the layers for a batch, forward and backward, and for evaluation.
    public var activations = 0
    /// The examples as they came, and where the kernels reach them.
    public var data = 0
    /// A checkpoint on its way to the disk, as values and as bytes.
    public var checkpoint = 0
    /// What the program takes before it trains, its libraries and the session's machinery: 36 MiB, measured.
    public var program = 0

    public init() {}

    /// All of it; as much as an Int holds where it is more.
    public var total: Int { parts.reduce(0) { Self.sum($0, $1.bytes) } }

    /// What takes how much, in words.
    public var parts: [(name: String, bytes: Int)] {
        [
            ("parameters", parameters), ("moments", moments), ("gradients", gradients), ("activations", activations),
            ("data", data), ("checkpoint", checkpoint), ("the program", program),
        ]
    }

    private static func sum(_ a: Int, _ b: Int) -> Int {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }
}

extension MemoryEstimate {
    /// Bytes that training `network` takes.
    /// - Parameters:
    ///   - trainExamples: of the training split; a batch has at most as many.
    ///   - dataBytes: of the raw examples; `preparedBytes`: of a copy as the first layer gets them.
    public init(
        _ network: Network, spec: TrainingSpec, trainExamples: Int, dataBytes: Int, preparedBytes: Int, workers: Int
    ) {
        // In floating point: the products of outside numbers may not fit an Int.
        let batch = max(1, min(spec.batch, trainExamples))
        let rest = trainExamples % batch
        var plans = [batch]
        if rest > 0 { plans.append(rest) }
        let shards = spec.shards(of: network, batch: batch)
        let shardSize = (batch + shards - 1) / shards
        var trained = 0.0
        var sharded = 0.0
        for layer in network.layers {
            for shape in layer.parameters {
                let count = Self.stored(shape)
                trained += count
                if !layer.isWideDense || shape.role == .bias { sharded += count }
            }
        }
        var flowing = 0.0
        var summed = 0.0
        for examples in plans {
            let tensors = network.layers.reduce(Self.stride(network.input, isInput: true)) {
                $0 + network.flowing($1)
            }
            flowing += Double(examples) * tensors
            summed += sharded * (Double((examples + shardSize - 1) / shardSize) + 1)
        }
        // Evaluation goes forward only, a tile a worker.
        let forward = network.layers.reduce(Self.stride(network.input, isInput: true)) {
            $0 + Self.stride($1.output, isInput: false)
        }
        flowing += Double(workers * Predictor.tileSize) * forward
        let averages = spec.averageDecay > 0
        parameters = Self.bytes(trained * (averages ? 2 : 1))
        moments = Self.bytes(trained * (averages ? 5 : 2))
        gradients = Self.bytes(summed)
        activations = Self.bytes(flowing)
        data = Self.bytes((Double(dataBytes) + Double(preparedBytes)) / 4)
        let kept = 2.0 + (spec.optimizer.usesSecondMoment ? 1 : 0) + (averages ? 1 : 0)
        checkpoint = Self.bytes(trained * kept * 2)
        program = 36 << 20
    }

    private static func bytes(_ floats: Double) -> Int { floats * 4 < 9e18 ? Int(floats * 4) : .max }

    /// Floats of a parameter as it lies: whole blocks of outputs, and of inputs but for those of the first convolution.
    private static func stored(_ shape: ParameterShape) -> Double {
        guard case .weight = shape.role, shape.shape.count >= 2 else { return Double(shape.count) }
        let (outputs, inputs) = (shape.shape[0], shape.shape[1])
        let blocks = Double(padded(outputs)) * Double(inputs > 4 ? padded(inputs) : inputs)
        return shape.shape.dropFirst(2).reduce(blocks) { $0 * Double($1) }
    }

    /// Floats of one example as it lies between two layers: whole blocks of channels or features.
    static func stride(_ shape: TensorShape, isInput: Bool) -> Double {
        switch shape {
        case .image(let channels, let height, let width):
            Double(isInput ? channels : padded(channels)) * Double(height) * Double(width)
        case .vector(let count): Double(padded(count))
        }
    }
}

extension NetworkLayer {
    /// A dense layer that is cut by inputs over the whole batch.
    fileprivate var isWideDense: Bool {
        guard case .dense = spec, let weight = parameters.first else { return false }
        return weight.count >= wideWeights
    }
}

extension Network {
    /// Floats that training keeps of one example at `layer`: its output and the gradient of that, and what a wide dense
    /// layer needs beside them.
    fileprivate func flowing(_ layer: NetworkLayer) -> Double {
        let stride = MemoryEstimate.stride(layer.output, isInput: false)
        // A second branch has a gradient of its own.
        let branches = Double(max(0, consumers(of: layer.index) - 1))
        var floats = (2 + branches) * stride
        switch layer.spec {
        case .flatten where takesAnyOrder(layer.index): floats = 0
        case .activation(.relu) where layer.isTaken: floats = 0
        // Only which value of a window was the largest is kept, a byte each.
        case .conv: if let pool = pool(after: layer) { floats = MemoryEstimate.stride(pool.output, isInput: false) / 4 }
        default: break
        }
        if case .vector(let inputs) = layer.input, layer.isWideDense {
            // Products of at most 16 blocks of inputs, and the gradient turned.
            floats += (Double(min(16, padded(inputs) / featurePad)) + 1) * stride
        }
        switch layer.activation {
        case .linear, .relu: break
        default: if case .activation = layer.spec {} else { floats += 2 * stride }
        }
        return floats
    }
}

/// What a run will ask of this machine.
public struct TrainingEstimate: Sendable, Equatable {
    /// See ``Network/trainingOperations``.
    public var operationsPerExample: Double
    /// Peak of all workers together, GFLOP/s, measured when the run started; nil: nobody measured.
    public var peakGigaflopPerSecond: Double?
    /// Seconds of an epoch with its evaluation; nil without a peak.
    public var secondsPerEpoch: Double?
    public var memory: MemoryEstimate

    public init(
        operationsPerExample: Double, peakGigaflopPerSecond: Double?, secondsPerEpoch: Double?, memory: MemoryEstimate
    ) {
        self.operationsPerExample = operationsPerExample
        self.peakGigaflopPerSecond = peakGigaflopPerSecond
        self.secondsPerEpoch = secondsPerEpoch
        self.memory = memory
    }

    /// Of the peak, what convolutions and dense layers reach here with all that goes with them.
    private static let efficiency = 0.6
    /// Seconds of one worker for an example, whatever the network: order, labels, loss, sums.
    private static let secondsPerExample = 0.6e-6
    /// Seconds for a step, whatever its size: workers that wait for each other between phases.
    private static let secondsPerStep = 22e-6

    /// Three numbers stand for a machine: three fifths of the peak, 0.6 µs of a worker an example, 22 µs a step. They were
    /// fitted to `bench train` with batches of 32 and 256 on two cores of an AVX-512 server, where they come within 2 % of
    /// its convolutional networks and within 5 % of its table. Other networks and machines may differ by a factor of two.
    /// - Parameters:
    ///   - watched: examples that are evaluated after each epoch.
    ///   - peak: GFLOP/s of all workers together.
    public init(
        _ network: Network, memory: MemoryEstimate, batch: Int, trainExamples: Int, watched: Int, workers: Int,
        peak: Double?
    ) {
        operationsPerExample = network.trainingOperations
        self.memory = memory
        peakGigaflopPerSecond = peak
        guard let peak, peak > 0 else { return }
        let operations = Double(trainExamples) * operationsPerExample + Double(watched) * network.inferenceOperations
        let steps = (Double(trainExamples) / Double(max(1, min(batch, trainExamples)))).rounded(.up)
        secondsPerEpoch =
            operations / (peak * 1e9 * Self.efficiency)
            + Double(trainExamples + watched) * Self.secondsPerExample / Double(max(1, workers))
            + steps * Self.secondsPerStep
    }

    /// Training examples a second.
    public func examplesPerSecond(trainExamples: Int) -> Double? {
        secondsPerEpoch.flatMap { $0 > 0 ? Double(trainExamples) / $0 : nil }
    }
}
