// Networks made smaller: names of recipes, what is taken out, what training keeps, and what packed bytes mean.
import Testing

@testable import Engine

/// Networks and weights to make smaller.
private enum Samples {
    /// Batch norms, a separable convolution, groups, residual blocks with and without projection, pools, a norm behind the flatten.
    static let deep: [LayerSpec] = [
        .conv(filters: 12, kernel: 3, padding: .same, hasBias: false), .batchNorm(), .activation(.relu),
        .residual([
            .conv(filters: 10, kernel: 3, padding: .same, activation: .relu),
            .conv(filters: 12, kernel: 3, padding: .same), .batchNorm(),
        ]),
        .conv(filters: 9, kernel: 3, padding: .same, activation: .gelu),
        .residual([.conv(filters: 14, kernel: 3, stride: 2, padding: .same), .batchNorm()]),
        .separableConv(ConvolutionSpec(filters: 20, kernel: 3)), .batchNorm(activation: .silu),
        .depthwiseConv(ConvolutionSpec(filters: 0, kernel: 1)), .averagePool(size: 2, stride: 2, padding: .same),
        .conv(filters: 16, kernel: 1, activation: .leakyReLU(slope: 0.1)),
        .flatten, .batchNorm(), .dropout(rate: 0.3), .dense(units: 30, activation: .relu), .layerNorm(),
        .dense(units: 21, activation: .sigmoid), .batchNorm(), .dense(units: 17, activation: .tanh),
        .dense(units: nil),
    ]
    static let grouped: [LayerSpec] = [
        .conv(filters: 8, kernel: 3, activation: .relu), .conv(filters: 12, kernel: 3, groups: 4, activation: .relu),
        .conv(filters: 10, kernel: 1, activation: .relu), .globalAveragePool, .dense(units: 9, activation: .softmax),
        .dense(units: 7, activation: .elu), .dense(units: nil),
    ]

    static func network(_ layers: [LayerSpec], channels: Int = 2) throws -> Network {
        try Network(layers, input: .image(channels: channels, height: 12, width: 10), classes: 4)
    }

    /// Nothing is zero, nothing is 1, so that whatever is forgotten shows.
    static func weights(_ network: Network, seed: UInt64 = 3) -> [ParameterValues] {
        network.parameters.enumerated().map { index, shape in
            var random = CounterRandom(seed: seed, purpose: .benchmark, first: index)
            let values = (0..<shape.count).map { _ in
                let value = (random.unit() - 0.5) * (shape.isWeight ? 3 / Float(shape.fanIn).squareRoot() : 1)
                return shape.role == .runningVariance || shape.role == .scale ? 0.6 + abs(value) : value
            }
            return ParameterValues(name: shape.name, shape: shape.shape, values: values)
        }
    }

    static func predictions(_ network: Network, _ weights: [ParameterValues]) throws -> [Float] {
        guard case .image(let channels, let height, let width) = network.input else { return [] }
        var random = CounterRandom(seed: 9, purpose: .benchmark)
        let bytes = (0..<40 * channels * height * width).map { _ in UInt8(random.below(256)) }
        let labels = (0..<40).map { Int32($0 % 4) }
        let dataset = Dataset(
            name: "noise", shape: network.input, classes: ["a", "b", "c", "d"], features: .bytes(bytes),
            labels: labels, origin: "made up")
        let preprocessing = Preprocessing(fitting: dataset, train: Array(0..<40), spec: DataSpec(dataset: "noise"))
        return try Predictor(
            network, weights: weights,
            data: PreparedExamples(dataset.features, labels: labels, by: preprocessing), workers: 1
        ).infer().probabilities
    }
}

@Suite struct VariantRecipeTests {
    @Test(arguments: [
        "f16", "bf16", "int8", "dynamic", "int4", "prune80", "prune50-layer", "2:4", "channels50", "cluster16",
        "prune50+int8", "channels30+int8", "prune80+cluster16", "channels25+prune50-layer+f16", "2:4+int4",
        "int4+qat", "channels50+distill", "prune80+int8+qat+distill+keep2",
    ])
    func namesComeBack(_ name: String) throws {
        #expect(try VariantRecipe(name).name == name)
    }

    @Test func orderDoesNotMatter() throws {
        #expect(try VariantRecipe("keep3+prune50@2+int8+keep1").name == "prune50@2+int8+keep1+keep3")
        #expect(try VariantRecipe("int8+prune50") == VariantRecipe("prune50+int8"))
        #expect(try VariantRecipe("cluster16+prune80").name == "prune80+cluster16")
    }

    @Test(arguments: [
        "", "f17", "prune", "prune0", "prune100", "prune080", "prune-5", "prune5.5", "channels", "cluster1",
        "cluster257",
        "+", "f16+", "f16+bf16", "prune80+2:4", "cluster16+int8", "F16", "prune٥", "cluster99999999999999999999",
        "prune-layer", "channels50-layer", "qat", "prune50+qat", "distill", "f16+distill", "int8+qat+qat",
        "prune50+distill+distill",
    ])
    func wrongNamesAreRefused(_ name: String) {
        let error = #expect(throws: VariantError.self) { try VariantRecipe(name) }
        let text = "\(error?.description ?? "")"
        #expect(text.contains("prune") && text.contains("cluster") && text.hasSuffix("."), "\(text)")
        #expect(!text.contains("\n"))
    }
}

@Suite struct PruningTests {
    @Test func globalTakesTheSmallestOfAll() throws {
        let network = try Samples.network(Samples.grouped)
        let weights = Samples.weights(network)
        let pruned = Pruning.apply(Pruning.masks(network, weights, .global(percent: 70)), to: weights)
        var (removed, left): ([Float], [Float]) = ([], [])
        for ((before, after), shape) in zip(zip(weights, pruned), network.parameters) {
            guard shape.isWeight else {
                #expect(before == after)
                continue
            }
            for (old, new) in zip(before.values, after.values) {
                if new == 0 {
                    #expect(new.bitPattern == 0)
                    removed.append(abs(old))
                } else {
                    #expect(old == new)
                    left.append(abs(new))
                }
            }
        }
        let total = removed.count + left.count
        #expect(removed.count == Int((Double(total) * 0.7).rounded()))
        #expect(try #require(removed.max()) <= #require(left.min()))
    }

    @Test func layerwiseTakesAsMuchOfEach() throws {
        let network = try Samples.network(Samples.deep)
        let weights = Samples.weights(network)
        for (name, mask) in Pruning.masks(network, weights, .layerwise(percent: 50)) {
            #expect(mask.count { !$0 } == Int((Double(mask.count) * 0.5).rounded()), "\(name)")
        }
    }

    @Test func twoOfFourAreTheSmaller() throws {
        let network = try Samples.network(Samples.deep)
        let weights = Samples.weights(network)
        let pruned = Pruning.apply(Pruning.masks(network, weights, .twoOfFour), to: weights)
        for ((before, after), shape) in zip(zip(weights, pruned), network.parameters) where shape.isWeight {
            let row = shape.count / shape.shape[0]
            for start in stride(from: 0, to: shape.count, by: row) {
                for four in 0..<row / 4 {
                    let range = start + four * 4..<start + four * 4 + 4
                    let zeros = range.filter { after.values[$0] == 0 }
                    #expect(zeros.count == 2)
                    let largestZero = zeros.map { abs(before.values[$0]) }.max() ?? 0
                    #expect(range.allSatisfy { zeros.contains($0) || abs(after.values[$0]) >= largestZero })
                }
                for index in start + row / 4 * 4..<start + row { #expect(after.values[index] == before.values[index]) }
            }
        }
    }

    @Test func gradualFractionsFollowTheCubic() {
        #expect(Pruning.gradualFraction(0, to: 0.8) == 0)
        #expect(abs(Pruning.gradualFraction(0.5, to: 0.8) - 0.7) < 1e-12)
        #expect(Pruning.gradualFraction(1, to: 0.8) == 0.8 && Pruning.gradualFraction(7, to: 0.8) == 0.8)
        #expect(abs(Pruning.gradualFraction(0.25, from: 0.2, to: 0.6) - (0.6 - 0.4 * 0.421875)) < 1e-12)
    }
}

@Suite struct ChannelPruningTests {
    /// `weights` with zeros where a layer takes a channel in that `pruning` has removed. Written for the plain lists of layers
    /// here: who makes the channels is told by walking back.
    private func zeroed(_ network: Network, _ weights: [ParameterValues], _ pruning: ChannelPruning)
        -> [ParameterValues]
    {
        var result = weights
        for layer in network.layers {
            guard let shape = layer.parameters.first, shape.isWeight else { continue }
            var (before, pixels) = (layer.inputs[0], 1)
            while before >= 0, pruning.kept[before] == nil {
                let other = network.layers[before]
                if case .image(_, let height, let width) = other.input, other.spec == .flatten {
                    pixels = height * width
                }
                switch other.spec {
                case .conv where other.isDepthwise: before = other.inputs[0]
                case .conv, .dense, .add: before = -1
                default: before = other.inputs[0]
                }
            }
            guard let kept = pruning.kept[before], !layer.isDepthwise,
                let place = result.firstIndex(where: { $0.name == shape.name })
            else { continue }
            let row = shape.count / shape.shape[0]
            let each = shape.shape.count > 2 ? shape.shape[2] * shape.shape[3] : pixels
            for index in 0..<shape.count where !kept.contains(index % row / each) {
                result[place].values[index] = 0
            }
        }
        return result
    }

    @Test(arguments: [10, 50, 75, 99])
    func equalsTheNetworkWithZeros(percent: Int) throws {
        for (name, layers) in [("deep", Samples.deep), ("grouped", Samples.grouped), ("toy", Toy.network)] {
            let network = try Samples.network(layers)
            let weights = Samples.weights(network)
            let pruning = try ChannelPruning(network, weights, percent: percent)
            #expect(!pruning.kept.isEmpty)
            #expect(pruning.weights.map(\.name) == pruning.network.parameters.map(\.name))
            #expect(pruning.weights.map(\.shape) == pruning.network.parameters.map(\.shape))
            #expect(pruning.weights.allSatisfy { $0.values.count == $0.shape.reduce(1, *) })
            #expect(pruning.network.parameterCount < network.parameterCount)
            #expect(pruning.network.multiplyAdds < network.multiplyAdds)
            let small = try Samples.predictions(pruning.network, pruning.weights)
            let large = try Samples.predictions(network, zeroed(network, weights, pruning))
            let most = zip(small, large).map { abs($0 - $1) }.max() ?? 1
            #expect(most < 1e-5, "\(name) \(percent): \(most)")
            let whole = try Samples.predictions(network, weights)
            let changed = zip(small, whole).map { abs($0 - $1) }.max() ?? 0
            #expect(changed > 1e-4 || percent < 50, "\(name) \(percent): nothing has changed")
        }
    }

    @Test func theSmallestNormsGo() throws {
        let network = try Samples.network(Toy.network)
        let weights = Samples.weights(network)
        let pruning = try ChannelPruning(network, weights, percent: 50)
        for (index, kept) in pruning.kept {
            let shape = network.layers[index].parameters[0]
            let values = try #require(weights.first { $0.name == shape.name }).values
            let row = shape.count / shape.shape[0]
            let norms = (0..<shape.shape[0]).map { values[$0 * row..<($0 + 1) * row].reduce(0) { $0 + abs($1) } }
            #expect(kept.count == norms.count - norms.count / 2)
            let gone = norms.indices.filter { !kept.contains($0) }.map { norms[$0] }
            #expect(try #require(gone.max()) <= #require(kept.map { norms[$0] }.min()))
        }
        #expect(pruning.kept.count == 4)
    }

    @Test func whatIsAddedOrNormalisedStays() throws {
        let network = try Samples.network(Samples.deep)
        let pruning = try ChannelPruning(network, Samples.weights(network), percent: 50)
        for layer in network.layers {
            if case .add = layer.spec { #expect(pruning.network.layers[layer.index].output == layer.output) }
            if case .layerNorm = layer.spec { #expect(pruning.network.layers[layer.index].output == layer.output) }
        }
        #expect(pruning.network.layers.map(\.name) == network.layers.map(\.name))
        #expect(pruning.network.layers.last?.output == network.layers.last?.output)
    }
}

@Suite struct WeightSharingTests {
    /// Lloyd's algorithm by plain loops.
    private func plainLoss(_ values: [Float], clusters: Int) -> Double {
        let values = values.map(Double.init)
        let (least, most) = (values.min() ?? 0, values.max() ?? 0)
        var centres = (0..<clusters).map { least + (most - least) * Double($0) / Double(clusters - 1) }
        for _ in 0..<500 {
            var (sums, counts) = (centres.map { _ in 0.0 }, centres.map { _ in 0.0 })
            for value in values {
                let near = centres.indices.min { abs(centres[$0] - value) < abs(centres[$1] - value) } ?? 0
                sums[near] += value
                counts[near] += 1
            }
            for index in centres.indices where counts[index] > 0 { centres[index] = sums[index] / counts[index] }
        }
        return values.reduce(0) { sum, value in
            let error = centres.map { ($0 - value) * ($0 - value) }.min() ?? 0
            return sum + error
        }
    }

    @Test(arguments: [2, 3, 16, 40], [1, 2, 3] as [UInt64])
    func noWorseThanPlain(clusters: Int, seed: UInt64) {
        var random = CounterRandom(seed: seed, purpose: .benchmark)
        let values = (0..<900).map { _ -> Float in
            let value = random.unit() + random.unit() + random.unit() - 1.5
            return value * value * value
        }
        let shared = SharedWeights(values, clusters: clusters)
        #expect(shared.palette.count <= clusters && Set(shared.values).count <= clusters)
        #expect(shared.palette == shared.palette.sorted())
        let loss = zip(values, shared.values).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        #expect(loss <= plainLoss(values, clusters: clusters) * (1 + 1e-4))
        // Each weight has the value that is nearest to it.
        for (value, taken) in zip(values, shared.values) {
            #expect(shared.palette.allSatisfy { abs($0 - value) >= abs(taken - value) - 1e-6 })
        }
    }

    @Test func zerosStayAndCount() {
        var random = CounterRandom(seed: 5, purpose: .benchmark)
        let values = (0..<500).map { $0 % 3 == 0 ? random.unit() - 0.5 : 0 }
        let shared = SharedWeights(values, clusters: 16)
        #expect(shared.palette.count == 16 && shared.palette.contains(0))
        for (value, taken) in zip(values, shared.values) { #expect((value == 0) == (taken == 0)) }
        #expect(SharedWeights([0, 0, 0], clusters: 2).values == [0, 0, 0])
        #expect(SharedWeights([1, 1, 1], clusters: 4).values == [1, 1, 1])
        #expect(SharedWeights([1, 2, 1, 2], clusters: 4).values == [1, 2, 1, 2])
    }

    @Test func smallLayersAreLeftAlone() throws {
        let network = try Samples.network(Samples.grouped)
        let shared = SharedWeights.all(network, Samples.weights(network), clusters: 64)
        for shape in network.parameters {
            #expect((shared[shape.name] != nil) == (shape.isWeight && shape.count > 64), "\(shape.name)")
        }
    }
}

@Suite struct PackedParameterTests {
    private func array(_ rows: Int, _ columns: Int, zeros: Double = 0, seed: UInt64 = 1) -> ParameterValues {
        var random = CounterRandom(seed: seed, purpose: .benchmark)
        let values = (0..<rows * columns).map { _ in
            let value = random.unit() - 0.5
            return Double(random.unit()) < zeros ? 0 : value
        }
        return ParameterValues(name: "w", shape: [rows, columns], values: values)
    }

    @Test(arguments: [0, 0.5, 0.8, 0.97, 1])
    func nothingIsLostInFloat32(zeros: Double) throws {
        let given = array(13, 77, zeros: zeros)
        let packed = PackedParameter(given, .f32)
        #expect(packed.values?.map(\.bitPattern) == given.values.map(\.bitPattern))
        let kept = Double(given.values.count { $0 != 0 })
        #expect(Double(packed.bytes) <= min(4 * 1001, 4 * kept + 126))
        if zeros > 0.9 { #expect(Double(packed.bytes) <= 5 * kept + 5, "gaps are smaller than a mask here") }
    }

    @Test func gapsReachFar() throws {
        var values = [Float](repeating: 0, count: 2000)
        for place in [254, 255, 510, 766, 1999] { values[place] = Float(place) }
        let packed = PackedParameter(ParameterValues(name: "w", shape: [1, 2000], values: values), .f32)
        guard case .gaps = packed.positions else { return #expect(Bool(false), "not packed by gaps") }
        #expect(packed.values == values)
    }

    @Test func negativeZeroComesBack() {
        let values: [Float] = [0, -0.0, 1, 0, 0, 0, 0, 0]
        let packed = PackedParameter(ParameterValues(name: "w", shape: [8], values: values), .f32)
        #expect(packed.values?.map(\.bitPattern) == values.map(\.bitPattern))
    }

    @Test(arguments: [0, 0.6])
    func halvesAreTheNearest(zeros: Double) throws {
        let given = array(9, 31, zeros: zeros)
        let half = try #require(PackedParameter(given, .f16).values)
        #expect(half == given.values.map { Float(Float16($0)) })
        let brain = try #require(PackedParameter(given, .bf16).values)
        for (value, rounded) in zip(given.values, brain) {
            #expect(rounded.bitPattern & 0xFFFF == 0)
            #expect(abs(value - rounded) <= abs(value) / 256)
            for step: Float in [-1, 1] {
                let other = Float(
                    bitPattern: UInt32(truncatingIfNeeded: Int(rounded.bitPattern) + Int(step) * 0x10000))
                if other.isFinite, rounded != 0 { #expect(abs(other - value) >= abs(rounded - value)) }
            }
        }
        let large = ParameterValues(name: "w", shape: [2], values: [1e6, 0.1])
        #expect(PackedParameter(large, .f16).values == large.values)
    }

    @Test(arguments: [0, 0.6])
    func bytesAreWithinHalfAScale(zeros: Double) throws {
        let given = array(9, 77, zeros: zeros)
        for (format, most, group) in [(PackedParameter.Format.int8, Float(127), 77), (.int4, 7, 32)] {
            let packed = PackedParameter(given, format)
            let values = try #require(packed.values)
            for row in 0..<9 {
                for start in stride(from: 0, to: 77, by: group) {
                    let range = row * 77 + start..<row * 77 + min(77, start + group)
                    let scale = (range.map { abs(given.values[$0]) }.max() ?? 0) / most
                    for index in range {
                        // A scale in float16 is off by 2^-11, seven times.
                        #expect(abs(values[index] - given.values[index]) <= scale * 0.51 + scale * 7 / 1024)
                        if given.values[index] == 0 { #expect(values[index] == 0) }
                    }
                }
            }
            // Rounded once, rounded for good.
            if format == .int8 {
                let again = PackedParameter(ParameterValues(name: "w", shape: [9, 77], values: values), format)
                #expect(zip(again.values ?? [], values).allSatisfy { abs($0 - $1) <= abs($1) * 1e-6 })
            }
        }
        #expect(PackedParameter(array(9, 96), .int4).bytes == 9 * 96 / 2 + 2 * 27)
        #expect(PackedParameter(array(9, 96), .int8).bytes == 9 * 96 + 4 * 9)
    }

    @Test(arguments: [2, 3, 5, 16, 17, 100, 256])
    func palettesAreExact(count: Int) throws {
        for zeros in [0, 0.8] {
            let shared = SharedWeights(array(20, 61, zeros: zeros).values, clusters: count)
            let given = ParameterValues(name: "w", shape: [20, 61], values: shared.values)
            let packed = PackedParameter(given, .palette)
            #expect(packed.values?.map(\.bitPattern) == given.values.map(\.bitPattern))
            if count == 16 { #expect(packed.bytes <= 610 + 64) }
            if count == 16, zeros > 0 { #expect(packed.bytes < 400) }
        }
    }

    @Test func nonsenseIsNil() {
        func values(_ shape: [Int], _ positions: PackedParameter.Positions?, _ numbers: PackedParameter.Numbers)
            -> [Float]?
        { PackedParameter(name: "w", shape: shape, positions: positions, numbers: numbers).values }
        #expect(values([3], nil, .f32([1, 2])) == nil)
        #expect(values([-3], nil, .f32([1])) == nil)
        #expect(values([1 << 40, 1 << 40], nil, .f32([1])) == nil)
        #expect(values([3], .mask([1, 2]), .f32([1])) == nil)
        #expect(values([3], .mask([7]), .f32([1])) == nil)
        #expect(values([3], .gaps([3]), .f32([1])) == nil)
        #expect(values([2, 2], nil, .int8([1, 2, 3, 4], scales: [1])) == nil)
        #expect(values([3], nil, .int4([1], scales: [1])) == nil)
        #expect(values([3], nil, .palette([1], packed: [0xFF], bits: 2)) == nil)
        #expect(values([3], nil, .palette([1, 2], packed: [1], bits: 0)) == nil)
        #expect(values([3], .mask([5]), .f32([1, 2])) == [1, 0, 2])
        #expect(values([3], .gaps([0, 1]), .f32([1, 2])) == [1, 0, 2])
    }
}

@Suite struct FineTuningTests {
    private func trainer(_ training: TrainingSpec, workers: Int, layers: [LayerSpec] = Toy.network) throws -> Trainer {
        let dataset = Toy.images(210)
        let train = Array(Int32(0)..<150)
        let preprocessing = Preprocessing(fitting: dataset, train: train, spec: DataSpec(dataset: "quarters"))
        let network = try Network(layers, input: preprocessing.shape, classes: 4)
        return try Trainer(
            network, spec: training,
            data: PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing), train: train,
            workers: workers)
    }

    private var training: TrainingSpec {
        var training = TrainingSpec()
        training.batch = 30
        training.optimizer = .adam(learningRate: 0.002)
        return training
    }

    @Test(arguments: [false, true])
    func prunedWeightsStayZero(gradual: Bool) throws {
        var found: [[ParameterValues]] = []
        for workers in [1, 3] {
            let tuning = FineTuning(epochs: 6, isGradual: gradual)
            let trainer = try trainer(tuning.training(training), workers: workers)
            let start = trainer.weights
            let masks = Pruning.masks(trainer.network, start, .global(percent: 80))
            #expect(
                try tuning.run(trainer, ties: WeightTies(masks), pruning: gradual ? .global(percent: 80) : nil))
            let end = trainer.weights
            let weights = zip(trainer.network.parameters, end).filter { $0.0.isWeight }.map(\.1)
            let total = weights.reduce(0) { $0 + $1.values.count }
            let zeros = weights.reduce(0) { $0 + $1.values.count { $0 == 0 } }
            #expect(zeros == Int((Double(total) * 0.8).rounded()))
            if !gradual {
                for array in weights {
                    let mask = try #require(masks[array.name])
                    for (value, stays) in zip(array.values, mask) { #expect((value != 0) == stays) }
                }
            }
            #expect(start != end)
            found.append(end)
        }
        #expect(found[0] == found[1])
    }

    @Test func clustersMoveAsOne() throws {
        var found: [[ParameterValues]] = []
        for workers in [1, 2] {
            let tuning = FineTuning(epochs: 2)
            let trainer = try trainer(tuning.training(training), workers: workers)
            let masks = Pruning.masks(trainer.network, trainer.weights, .global(percent: 50))
            let pruned = Pruning.apply(masks, to: trainer.weights)
            let shared = SharedWeights.all(trainer.network, pruned, clusters: 16)
            trainer.load(
                pruned.map { array in
                    shared[array.name].map { ParameterValues(name: array.name, shape: array.shape, values: $0.values) }
                        ?? array
                })
            #expect(try tuning.run(trainer, ties: WeightTies(shared).joined(WeightTies(masks))))
            for array in trainer.weights {
                guard let before = shared[array.name] else { continue }
                #expect(Set(array.values).count <= 16)
                // Those that shared a value share one still, and zeros are zero.
                var values: [UInt8: Float] = [:]
                for (number, value) in zip(before.indices, array.values) {
                    #expect(values[number, default: value] == value)
                    values[number] = value
                }
                for (was, value) in zip(before.values, array.values) where was == 0 { #expect(value == 0) }
                #expect(before.values != array.values)
            }
            found.append(trainer.weights)
        }
        #expect(found[0] == found[1])
    }

    /// For gradient descent the mean of the moved weights is the shared value moved along the mean gradient.
    @Test func aSharedStepIsTheMeanOfTheSteps() throws {
        var spec = training
        spec.optimizer = .sgd(learningRate: 0.05)
        spec.epochs = 1
        let (free, tied) = (try trainer(spec, workers: 1), try trainer(spec, workers: 1))
        let shared = SharedWeights.all(free.network, free.weights, clusters: 8)
        let start = free.weights.map { array in
            shared[array.name].map { ParameterValues(name: array.name, shape: array.shape, values: $0.values) } ?? array
        }
        free.load(start)
        tied.load(start)
        tied.tie(WeightTies(shared))
        _ = free.advance()
        _ = tied.advance()
        for (loose, bound) in zip(free.weights, tied.weights) {
            guard let groups = shared[loose.name] else {
                #expect(loose == bound)
                continue
            }
            for number in Set(groups.indices) where groups.palette[Int(number)] != 0 {
                let members = groups.indices.indices.filter { groups.indices[$0] == number }
                let mean = members.reduce(0.0) { $0 + Double(loose.values[$1]) } / Double(members.count)
                #expect(members.allSatisfy { abs(Double(bound.values[$0]) - mean) < 1e-6 })
            }
        }
    }

    /// Weights that are rounded to three values: who was trained with them in mind loses less by it.
    @Test func trainingKnowsOfRounding() throws {
        func coarse(_ array: ParameterValues) -> ParameterValues {
            guard array.name.hasSuffix("weight") else { return array }
            let most = array.values.reduce(0) { max($0, abs($1)) }
            var rounded = array
            rounded.values = array.values.map { ($0 / most).rounded() * most }
            return rounded
        }
        var losses: [Double] = []
        for knows in [false, true] {
            let tuning = FineTuning(epochs: 30)
            let trainer = try trainer(tuning.training(training), workers: 2)
            #expect(try tuning.run(trainer, ties: WeightTies(), rounding: knows ? coarse : nil))
            if knows { #expect(trainer.weights != trainer.weights.map(coarse), "what moves is not rounded") }
            trainer.load(trainer.weights.map(coarse))
            losses.append(trainer.infer(Array(150..<210)).meanLoss)
        }
        #expect(losses[1] < 0.7 * losses[0], "\(losses)")
        // Nothing to round: as without.
        let tuning = FineTuning(epochs: 2)
        let (plain, idle) = (
            try trainer(tuning.training(training), workers: 1), try trainer(tuning.training(training), workers: 1)
        )
        #expect(try tuning.run(plain, ties: WeightTies()) && tuning.run(idle, ties: WeightTies(), rounding: { $0 }))
        #expect(plain.weights == idle.weights)
    }

    @Test func untiedTrainingIsAsBefore() throws {
        var spec = training
        spec.epochs = 2
        let (plain, untied) = (try trainer(spec, workers: 2), try trainer(spec, workers: 2))
        untied.tie(nil)
        for _ in 0..<6 { #expect(plain.advance().lossSum == untied.advance().lossSum) }
        #expect(plain.weights == untied.weights)
    }

    @Test func aSmallerNetworkLearnsOn() throws {
        let full = try trainer(training, workers: 2)
        for _ in 0..<30 { _ = full.advance() }
        let pruning = try ChannelPruning(full.network, full.weights, percent: 50)
        let dataset = Toy.images(210)
        let train = Array(Int32(0)..<150)
        let preprocessing = Preprocessing(fitting: dataset, train: train, spec: DataSpec(dataset: "quarters"))
        let tuning = FineTuning(epochs: 8)
        let small = try Trainer(
            pruning.network, spec: tuning.training(training),
            data: PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing), train: train,
            workers: 2)
        #expect(small.load(pruning.weights) == pruning.network.parameters.count)
        #expect(try tuning.run(small, ties: WeightTies()))
        #expect(small.infer(Array(150..<210)).accuracy > 0.9)
    }
}
