// The engine against PyTorch's numbers.
import CPrimitives
import Testing

@testable import Engine

struct LayerFixtureTests {
    /// The layer of a case, and the names of its inputs as parameters.
    private func layer(_ c: LayerCase) -> (LayerSpec, parameters: [String: String])? {
        let weightAndBias = ["weight": "weight", "bias": "bias"]
        let scaleAndShift = ["gamma": "weight", "beta": "bias", "mean": "mean", "variance": "variance"]
        switch c.op {
        case "conv2d", "depthwise_conv2d":
            guard let weight = c.inputs["weight"], weight.shape[2] == weight.shape[3] else { return nil }
            var conv = ConvolutionSpec(filters: weight.shape[0], kernel: weight.shape[2])
            conv.stride = c.int("stride") ?? 1
            conv.padding = .explicit(c.int("padding") ?? 0)
            conv.dilation = c.int("dilation") ?? 1
            conv.groups = c.int("groups") ?? 1
            return (c.op == "conv2d" ? .conv(conv) : .depthwiseConv(conv), weightAndBias)
        case "max_pool2d", "average_pool2d":
            guard let size = c.int("kernel") else { return nil }
            let (stride, padding) = (c.int("stride") ?? size, Padding.explicit(c.int("padding") ?? 0))
            return c.op == "max_pool2d"
                ? (.maxPool(size: size, stride: stride, padding: padding), [:])
                : (.averagePool(size: size, stride: stride, padding: padding), [:])
        case "global_average_pool2d": return (.globalAveragePool, [:])
        case "dense": return c.inputs["weight"].map { (.dense(units: $0.shape[0]), weightAndBias) }
        case "batch_norm_train", "batch_norm_eval":
            return (.batchNorm(epsilon: Float(c.double("epsilon") ?? 1e-5)), scaleAndShift)
        case "layer_norm": return (.layerNorm(epsilon: Float(c.double("epsilon") ?? 1e-5)), scaleAndShift)
        case "leaky_relu":
            return (.activation(.leakyReLU(slope: Float(c.double("slope") ?? Double(Activation.standardSlope)))), [:])
        default:
            return Activation.named.first { $0.name == c.op }.map { (.activation($0.activation), [:]) }
        }
    }

    @Test func layerFixtures() throws {
        let cases = try Fixture.load("layers.json", as: [LayerCase].self)
        var ran: [String: Int] = [:]
        var unknown: [String] = []
        for (index, c) in cases.enumerated() {
            ran[c.op, default: 0] += 1
            if c.inputs["logits"] != nil || c.fixtureTargets != nil {
                try loss(c, index)
            } else if c.op == "add" {
                try add(c, index)
            } else if c.op == "batch_norm_eval" {
                try batchNormInEvaluation(c, index)
            } else if let (spec, names) = layer(c), let x = c.inputs["x"] {
                try layer(c, index, spec, names, x)
            } else {
                ran[c.op] = nil
                unknown.append("case \(index) \(c.op)")
            }
        }
        print(
            "layers.json: \(cases.count) cases, \(cases.count - unknown.count) ran: \(ran.sorted { $0.key < $1.key })")
        #expect(unknown.isEmpty, "no layer for \(unknown)")
    }

    private func shape(_ x: FixtureArray) -> TensorShape {
        x.shape.count == 4
            ? .image(channels: x.shape[1], height: x.shape[2], width: x.shape[3]) : .vector(x.shape[1])
    }

    private func layer(
        _ c: LayerCase, _ index: Int, _ spec: LayerSpec, _ names: [String: String], _ x: FixtureArray
    ) throws {
        let gradient = try #require(c.gradients["x"])
        var parameters: [String: [Float]] = [:]
        for (input, name) in names { parameters["0.\(spec.name).\(name)"] = c.inputs[input]?.values }
        let examples = x.shape[0]
        for shardSize in 1...examples {
            let result = try LayerHarness.run(
                [spec], input: shape(x), examples: examples, x: x.values, parameters: parameters,
                outputGradient: c.outputGradient.values, shardSize: shardSize)
            let place: Comment = "case \(index) \(c.op), shards of \(shardSize)"
            #expect(Fixture.mismatch(result.output, c.output.values) == nil, place)
            #expect(Fixture.mismatch(result.inputGradient, gradient.values) == nil, place)
            for (input, name) in names {
                guard let reference = c.gradients[input] else { continue }
                let got = result.parameterGradients["0.\(spec.name).\(name)"] ?? []
                #expect(Fixture.mismatch(got, reference.values) == nil, "\(place) \(input)")
            }
        }
    }

    private func add(_ c: LayerCase, _ index: Int) throws {
        let (a, b) = (try #require(c.inputs["a"]), try #require(c.inputs["b"]))
        var y = [Float](repeating: 0, count: a.values.count)
        wb_add_f32(y.count, a.values, b.values, 0, &y)
        #expect(Fixture.mismatch(y, c.output.values) == nil, "case \(index) add")
        // The gradient of a sum is that of its parts.
        for name in ["a", "b"] {
            let gradient = try #require(c.gradients[name])
            #expect(Fixture.mismatch(c.outputGradient.values, gradient.values) == nil, "case \(index) add \(name)")
        }
    }

    /// Forward as evaluation computes it; backward, which nobody asks of evaluation, by the kernels that training uses.
    private func batchNormInEvaluation(_ c: LayerCase, _ index: Int) throws {
        let x = try #require(c.inputs["x"])
        let epsilon = Float(c.double("epsilon") ?? 1e-5)
        let spec = LayerSpec.batchNorm(epsilon: epsilon)
        var parameters: [String: [Float]] = [:]
        for (input, name) in ["gamma": "weight", "beta": "bias", "mean": "mean", "variance": "variance"] {
            parameters["0.batch_norm.\(name)"] = try #require(c.inputs[input]).values
        }
        let output = try LayerHarness.infer(
            [spec], input: shape(x), examples: x.shape[0], x: x.values, parameters: parameters)
        #expect(Fixture.mismatch(output, c.output.values) == nil, "case \(index)")
        let channels = x.shape[1]
        var shape = wb_norm_shape(
            n: Int32(x.shape[0]), blocks: Int32(channels), plane: Int32(x.shape.dropFirst(2).reduce(1, *)), block: 1)
        let mean = try #require(c.inputs["mean"]).values
        let inverse = try #require(c.inputs["variance"]).values.map { 1 / ($0 + epsilon).squareRoot() }
        let factor = zip(try #require(c.inputs["gamma"]).values, inverse).map(*)
        let zeros = [Float](repeating: 0, count: channels)
        var (sum, product) = (zeros, zeros)
        var dx = [Float](repeating: 0, count: x.values.count)
        let dy = c.outputGradient.values
        wb_norm_sums_f32(&shape, x.values, mean, nil, dy, &sum, &product)
        wb_norm_backward_f32(&shape, x.values, mean, nil, dy, factor, zeros, zeros, &dx)
        #expect(Fixture.mismatch(dx, try #require(c.gradients["x"]).values) == nil, "case \(index) x")
        #expect(Fixture.mismatch(zip(product, inverse).map(*), try #require(c.gradients["gamma"]).values) == nil)
        #expect(Fixture.mismatch(sum, try #require(c.gradients["beta"]).values) == nil, "case \(index) beta")
    }

    /// Losses with their gradients, as a training step computes them, padding included.
    private func loss(_ c: LayerCase, _ index: Int) throws {
        let name = c.inputs["logits"] != nil ? "logits" : "x"
        let z = try #require(c.inputs[name])
        let gradient = try #require(c.gradients[name])
        let (n, outputs, stride) = (z.shape[0], z.shape[1], padded(z.shape[1]))
        let spec: LossSpec =
            switch c.op {
            case "softmax_cross_entropy": .softmaxCrossEntropy(labelSmoothing: Float(c.double("label_smoothing") ?? 0))
            case "sigmoid_binary_cross_entropy": .binaryCrossEntropy
            case "mean_squared_error": .meanSquaredError
            case "huber": .huber(delta: Float(c.double("delta") ?? 1))
            default: try #require(nil, "case \(index): no loss \(c.op)")
            }
        let arena = Arena()
        let (logits, dz) = (arena.floats(n * stride), arena.floats(n * stride))
        for i in 0..<n { for j in 0..<outputs { logits[i * stride + j] = z.values[i * outputs + j] } }
        let labels = arena.allocate(n, of: Int32.self)
        for (i, label) in (c.ints("labels") ?? []).enumerated() { labels[i] = Int32(label) }
        let targets = arena.floats(n * outputs)
        for (i, value) in (c.fixtureTargets?.values ?? []).enumerated() { targets[i] = value }
        let losses = arena.allocate(n, of: Double.self)
        var classWeights: UnsafeMutablePointer<Float>?
        let weights = arena.floats(n)
        if let given = c.doubles("class_weights") {
            let copy = arena.floats(given.count)
            for (i, value) in given.enumerated() { copy[i] = Float(value) }
            classWeights = copy
        }
        let loss = Loss(spec: spec, outputs: outputs, classWeights: classWeights)
        loss.weigh(Shard(index: 0, first: 0, count: n), of: n, labels: labels, second: nil, mix: nil, into: weights)
        loss.compute(
            Loss.Rows(
                count: n, logits: logits, stride: stride, labels: labels, targets: targets, losses: losses,
                gradient: dz, weights: classWeights == nil ? nil : UnsafePointer(weights)), scale: 1 / Float(n))
        let mean = Float((0..<n).reduce(0.0) { $0 + losses[$1] } / Double(n))
        #expect(Fixture.mismatch([mean], c.output.values) == nil, "case \(index) \(c.op)")
        let got = (0..<n).flatMap { i in (0..<outputs).map { dz[i * stride + $0] } }
        #expect(Fixture.mismatch(got, gradient.values) == nil, "case \(index) \(c.op)")
        #expect((0..<n).allSatisfy { i in (outputs..<stride).allSatisfy { dz[i * stride + $0] == 0 } })
    }
}

struct OptimizerFixtureTests {
    private func spec(_ c: OptimizerCase) -> OptimizerSpec? {
        guard let rate = c.float("learning_rate") else { return nil }
        switch c.optimizer {
        case "sgd":
            return .sgd(
                learningRate: rate, momentum: c.float("momentum") ?? 0, nesterov: c.isNesterov,
                weightDecay: c.float("weight_decay") ?? 0)
        case "adam":
            return .adam(
                learningRate: rate, beta1: c.float("beta1") ?? 0.9, beta2: c.float("beta2") ?? 0.999,
                epsilon: c.float("epsilon") ?? 1e-8)
        case "adamw":
            return .adamW(
                learningRate: rate, beta1: c.float("beta1") ?? 0.9, beta2: c.float("beta2") ?? 0.999,
                epsilon: c.float("epsilon") ?? 1e-8, weightDecay: c.float("weight_decay") ?? 0)
        case "rmsprop":
            return .rmsProp(
                learningRate: rate, alpha: c.float("alpha") ?? 0.99, momentum: c.float("momentum") ?? 0,
                epsilon: c.float("epsilon") ?? 1e-8, weightDecay: c.float("weight_decay") ?? 0)
        case "adagrad":
            return .adagrad(
                learningRate: rate, epsilon: c.float("epsilon") ?? 1e-10, weightDecay: c.float("weight_decay") ?? 0)
        default: return nil
        }
    }

    @Test func optimizerFixtures() throws {
        let cases = try Fixture.load("optimizers.json", as: [OptimizerCase].self)
        var ran = 0
        for (index, c) in cases.enumerated() {
            let spec = try #require(self.spec(c), "no optimizer \(c.optimizer)")
            ran += 1
            let network = try Network(part: [.dense(units: c.start.count)], input: .vector(1), classes: 1)
            let parameters = Parameters(network, try ConvSet(network, examples: 1, training: true))
            let bias = "0.dense.bias"
            parameters.store(c.start, of: bias, in: parameters.values)
            let slot = try #require(parameters.slots.first { $0.shape.name == bias })
            for (number, gradient) in c.gradients.enumerated() {
                Update(spec, learningRate: spec.learningRate, step: number + 1)
                    .apply(to: parameters, offset: slot.offset, count: gradient.count, gradient: gradient)
                let got = try #require(parameters.plain(parameters.values).first { $0.name == bias }).values
                #expect(
                    Fixture.mismatch(got, c.parameters[number]) == nil,
                    "case \(index) \(c.optimizer), step \(number + 1)")
            }
        }
        print("optimizers.json: \(cases.count) cases, \(ran) ran")
        #expect(ran == cases.count)
    }
}

struct ScheduleFixtureTests {
    private func spec(_ c: ScheduleCase) -> ScheduleSpec? {
        switch c.schedule {
        case "step":
            return c.double("step_size").map { .step(every: Int($0), factor: c.double("gamma") ?? 0.1) }
        case "exponential": return c.double("gamma").map { .exponential(factor: $0) }
        case "cosine":
            return c.double("period").map { .cosine(epochs: Int($0), minimum: c.double("minimum") ?? 0) }
        case "one_cycle":
            return c.double("maximum").map {
                .oneCycle(
                    maximum: $0, warmupFraction: c.double("warmup_fraction") ?? 0.3,
                    initialDivisor: c.double("initial_divisor") ?? 25, finalDivisor: c.double("final_divisor") ?? 10_000
                )
            }
        default: return nil
        }
    }

    /// PyTorch counts what its schedules are told to count: here epochs, and steps for one cycle.
    @Test func scheduleFixtures() throws {
        let cases = try Fixture.load("schedules.json", as: [ScheduleCase].self)
        for (index, c) in cases.enumerated() {
            let spec = try #require(self.spec(c), "no schedule \(c.schedule)")
            let total = Int(c.double("total_steps") ?? 0)
            for (t, reference) in c.rates.enumerated() {
                let got = spec.rate(
                    base: c.baseLearningRate, epochs: Double(t), totalEpochs: c.rates.count, step: t, totalSteps: total)
                #expect(
                    Fixture.mismatch([Float(got)], [Float(reference)]) == nil,
                    "case \(index) \(c.schedule), \(t): \(got) instead of \(reference)")
            }
        }
        print("schedules.json: \(cases.count) cases, \(cases.count) ran")
    }
}
