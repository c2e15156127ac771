// The engine against PyTorch's numbers.
import CPrimitives
import Testing

@testable import Engine

struct LayerFixtureTests {
    /// The layers that this version has; a case outside of them belongs to later work and is counted.
    private func specs(_ c: LayerCase) -> [LayerSpec]? {
        switch c.op {
        case "conv2d":
            guard c.int("dilation") == 1, c.int("groups") == 1, let stride = c.int("stride"),
                let padding = c.int("padding"), let weight = c.inputs["weight"], weight.shape[2] == weight.shape[3]
            else { return nil }
            return [
                .conv(filters: weight.shape[0], kernel: weight.shape[2], stride: stride, padding: .explicit(padding))
            ]
        case "max_pool2d":
            guard c.int("padding") == 0, let size = c.int("kernel"), let stride = c.int("stride") else { return nil }
            return [.maxPool(size: size, stride: stride)]
        case "dense": return c.inputs["weight"].map { [.dense(units: $0.shape[0])] }
        case "relu": return [.activation(.relu)]
        default: return nil
        }
    }

    @Test func layerFixtures() throws {
        let cases = try Fixture.load("layers.json", as: [LayerCase].self)
        var ran: [String: Int] = [:]
        var later: [String: Int] = [:]
        for (index, c) in cases.enumerated() {
            if c.op == "softmax_cross_entropy", c.double("label_smoothing") == 0 {
                try softmaxCrossEntropy(c, index)
                ran[c.op, default: 0] += 1
                continue
            }
            guard let specs = specs(c), let x = c.inputs["x"], let gradient = c.gradients["x"] else {
                later[c.op, default: 0] += 1
                continue
            }
            ran[c.op, default: 0] += 1
            let examples = x.shape[0]
            let input: TensorShape =
                x.shape.count == 4
                ? .image(channels: x.shape[1], height: x.shape[2], width: x.shape[3]) : .vector(x.shape[1])
            var parameters: [String: [Float]] = [:]
            parameters["0.\(specs[0].name).weight"] = c.inputs["weight"]?.values
            parameters["0.\(specs[0].name).bias"] = c.inputs["bias"]?.values
            for shardSize in 1...examples {
                let result = try LayerHarness.run(
                    specs, input: input, examples: examples, x: x.values, parameters: parameters,
                    outputGradient: c.outputGradient.values, shardSize: shardSize)
                let place: Comment = "case \(index) \(c.op), shards of \(shardSize)"
                #expect(Fixture.mismatch(result.output, c.output.values) == nil, place)
                #expect(Fixture.mismatch(result.inputGradient, gradient.values) == nil, place)
                for name in ["weight", "bias"] {
                    guard let reference = c.gradients[name] else { continue }
                    let got = result.parameterGradients["0.\(specs[0].name).\(name)"] ?? []
                    #expect(Fixture.mismatch(got, reference.values) == nil, "\(place) \(name)")
                }
            }
        }
        let laterCount = later.values.reduce(0, +)
        print("layers.json: \(cases.count) cases, \(cases.count - laterCount) ran \(ran.sorted { $0.key < $1.key }),")
        print("  \(laterCount) belong to layers of later work: \(later.sorted { $0.key < $1.key })")
        #expect(ran["conv2d", default: 0] > 0 && ran["dense", default: 0] > 0 && ran["max_pool2d", default: 0] > 0)
        #expect(ran["relu"] == 1 && ran["softmax_cross_entropy"] == 1)
    }

    private func softmaxCrossEntropy(_ c: LayerCase, _ index: Int) throws {
        let logits = try #require(c.inputs["logits"])
        let labels = try #require(c.ints("labels")).map(Int32.init)
        let gradient = try #require(c.gradients["logits"])
        let (n, classes) = (logits.shape[0], logits.shape[1])
        var losses = [Double](repeating: 0, count: n)
        var hits = [Int32](repeating: 0, count: n)
        var dlogits = [Float](repeating: 0, count: n * classes)
        wb_softmax_cross_entropy_f32(
            Int32(n), Int32(classes), Int32(classes), logits.values, labels, nil, nil, 1 / Float(n), &losses, &hits,
            &dlogits, nil)
        let loss = Float(losses.reduce(0, +) / Double(n))
        #expect(Fixture.mismatch([loss], c.output.values) == nil, "case \(index)")
        #expect(Fixture.mismatch(dlogits, gradient.values) == nil, "case \(index)")
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
        default: return nil
        }
    }

    @Test func optimizerFixtures() throws {
        let cases = try Fixture.load("optimizers.json", as: [OptimizerCase].self)
        var ran = 0
        for (index, c) in cases.enumerated() {
            guard let spec = spec(c) else { continue }
            ran += 1
            let network = try Network(part: [.dense(units: c.start.count)], input: .vector(1), classes: 1)
            let parameters = Parameters(network, convolutions: [:])
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
        print(
            "optimizers.json: \(cases.count) cases, \(ran) ran, \(cases.count - ran) belong to optimizers of later work"
        )
        #expect(ran >= 4)
    }
}
