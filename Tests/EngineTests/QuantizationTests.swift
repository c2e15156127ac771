// Bytes instead of floats: against ONNX Runtime's vectors, plain loops, and the network in float32.
import CPrimitives
import Glibc
import Testing

@testable import Engine

/// A case of quantization.json.
private struct QuantizationCase: Decodable {
    struct Integers: Decodable {
        let shape: [Int]
        let values: [Int32]
    }
    let kind: String
    let x: FixtureArray
    let scale: Float?
    let zeroPoint: Int32?
    let type: String?
    let q: Integers?
    let padding: Int?
    let xScale: Float?
    let xZeroPoint: Int32?
    let weight: Integers?
    let weightScales: [Float]?
    let bias: Integers?
    let yScale: Float?
    let yZeroPoint: Int32?
    let y: Integers?
    let tolerance: Int32?
}

@Suite struct QuantizationFixtureTests {
    @Test func numbersBecomeTheSameIntegers() throws {
        let cases = try Fixture.load("quantization.json", as: [QuantizationCase].self)
        let mine = cases.filter { $0.kind == "quantize per tensor" }
        #expect(mine.count == 4 && cases.count == 8)
        for (number, one) in mine.enumerated() {
            let type = try #require(one.type)
            let width = try #require(Affine.Width(rawValue: type))
            let affine = Affine(scale: try #require(one.scale), zero: try #require(one.zeroPoint), width: width)
            #expect(one.x.values.map(affine.quantize) == one.q?.values, "case \(number)")
        }
    }

    @Test func integerConvolutionsGiveTheSame() throws {
        let cases = try Fixture.load("quantization.json", as: [QuantizationCase].self)
            .filter { $0.kind == "integer convolution, weights per channel" }
        #expect(cases.count == 4)
        for (number, one) in cases.enumerated() {
            let (weight, bias, wanted) = (try #require(one.weight), try #require(one.bias), try #require(one.y))
            let padding = try #require(one.padding)
            let (xScale, xZero) = (try #require(one.xScale), try #require(one.xZeroPoint))
            let (yScale, yZero) = (try #require(one.yScale), try #require(one.yZeroPoint))
            let scales = try #require(one.weightScales).map { Float(Double(xScale) * Double($0) / Double(yScale)) }
            let (channels, side) = (one.x.shape[1], one.x.shape[2])
            let (filters, kernel) = (weight.shape[0], weight.shape[2])
            let out = wanted.shape[2]
            let bordered = ImageLayout(
                channels: channels, height: side + 2 * padding, width: side + 2 * padding, block: 1)
            let shape = WindowShape(ConvolutionSpec(filters: filters, kernel: kernel), layout: bordered, size: 1)
            let row = channels * kernel * kernel
            let weights: [Int8] = shape.packed(outputs: filters) { Int8(weight.values[$0 * row + $1]) }
            var biases = [Int32](repeating: 0, count: 16)
            for filter in 0..<filters {
                let sum = weight.values[filter * row..<(filter + 1) * row].reduce(0, +)
                biases[filter] = bias.values[filter] - xZero * sum
            }
            for lanes: Int32 in [0, 4, 8] {
                var found: [Int32] = []
                for image in 0..<one.x.shape[0] {
                    var x = [UInt8](repeating: UInt8(xZero), count: bordered.stride + 64)
                    for index in 0..<channels * side * side {
                        let (channel, pixel) = (index / (side * side), index % (side * side))
                        let place = channel * bordered.height + pixel / side + padding
                        x[place * bordered.width + pixel % side + padding] =
                            UInt8(one.x.values[image * channels * side * side + index])
                    }
                    var y = [UInt8](repeating: 0, count: out * out * 16)
                    (scales + Array(repeating: 0, count: 16 - filters)).withUnsafeBufferPointer { scale in
                        shape.offsets.withUnsafeBufferPointer { offsets in
                            biases.withUnsafeBufferPointer { bias in
                                var window = wb_window()
                                (window.rows, window.pixels, window.blocks) = (Int32(out), Int32(out), 1)
                                (window.runs, window.steps) = (Int32(offsets.count), Int32(shape.steps))
                                (window.offsets, window.bias) = (
                                    offsets.baseAddress, UnsafeRawPointer(bias.baseAddress)
                                )
                                window.scale = scale.baseAddress
                                (window.x_row, window.x_pixel) = (shape.rowBytes, shape.pixelBytes)
                                (window.y_row, window.y_pixel) = (out * 16, 16)
                                (window.zero, window.low, window.high, window.lanes) = (yZero, 0, 255, lanes)
                                wb_window_u8(&window, x, weights, &y)
                            }
                        }
                    }
                    for filter in 0..<filters {
                        for pixel in 0..<out * out { found.append(Int32(y[pixel * 16 + filter])) }
                    }
                }
                let furthest = zip(found, wanted.values).map { abs($0 - $1) }.max() ?? 0
                let allowed = try #require(one.tolerance)
                #expect(found.count == wanted.values.count && furthest <= allowed, "case \(number), \(lanes) lanes")
            }
        }
    }
}

@Suite struct AffineTests {
    @Test func aNumberIsHalfAStepFromItsByteAtMostAndZeroStaysZero() {
        var random = CounterRandom(seed: 3, purpose: .benchmark)
        for _ in 0..<200 {
            let (low, high) = ((random.unit() - 0.7) * 20, (random.unit() - 0.3) * 20)
            let affine = Affine(covering: min(low, high), max(low, high))
            #expect(affine.dequantize(affine.quantize(0)) == 0)
            #expect(affine.dequantize(affine.zero) == 0)
            for _ in 0..<50 {
                let value = min(low, high) + random.unit() * abs(high - low)
                let back = affine.dequantize(affine.quantize(value))
                // The zero point is rounded, so the outermost half step may be cut off.
                #expect(abs(back - value) <= affine.scale * 1.001 / 2 || abs(value) > 127 * affine.scale)
                #expect(abs(back - value) <= affine.scale * 1.001)
            }
        }
        #expect(Affine(covering: 0, 0).quantize(0) == 0)
        #expect(Affine(scale: 1, zero: 7).quantize(.nan) == 7)
        #expect(Affine(scale: 1, zero: 7).quantize(.infinity) == 255)
    }

    @Test func weightsAreHalfAStepFromTheirBytes() {
        var random = CounterRandom(seed: 4, purpose: .benchmark)
        let weights = (0..<5 * 30).map { Float(1 + $0 / 30) * (random.unit() - 0.5) } + Array(repeating: 0, count: 30)
        let quantized = QuantizedWeights(weights, shape: [6, 30])
        for (index, (value, back)) in zip(weights, quantized.dequantized).enumerated() {
            #expect(abs(value - back) <= quantized.scales[index / 30] * 0.5001)
            if value == 0 { #expect(back == 0) }
        }
        #expect(quantized.values.allSatisfy { $0 >= -127 })
    }

    @Test func sumsOfManyWeightsFitTheirRegister() {
        let quantized = QuantizedWeights(Array(repeating: 1, count: 100_000), shape: [1, 100_000])
        #expect(quantized.values.reduce(0) { $0 + Int($1) } * 255 < 1 << 31)
        #expect(quantized.dequantized.allSatisfy { abs($0 - 1) < 0.02 })
    }

    @Test func rangesLeaveOutWhatIsRare() {
        // 100,000 values of a normal distribution and one far outside.
        var random = CounterRandom(seed: 5, purpose: .benchmark)
        var histogram = ActivationHistogram(low: -4, high: 100)
        for _ in 0..<100_000 { histogram.add((0..<12).reduce(-6) { sum, _ in sum + random.unit() }) }
        histogram.add(100)
        #expect(histogram.range(.minMax) == -4...100)
        let percentile = histogram.range(.percentile)
        #expect(percentile.upperBound > 3 && percentile.upperBound < 5 && percentile.lowerBound <= -3)
        let entropy = histogram.range(.entropy)
        #expect(entropy.upperBound > 2.5 && entropy.upperBound < 50 && entropy.lowerBound < 0)
        // Where all values count alike nothing is left out.
        var even = ActivationHistogram(low: 0, high: 1)
        for index in 0..<20480 { even.add((Float(index) + 0.5) / 20480) }
        #expect(even.range(.entropy).upperBound > 0.99)
    }
}

@Suite struct ForwardNetworkTests {
    private struct Case {
        var name: String
        var layers: [LayerSpec]
        var input: TensorShape
    }
    private static let image = TensorShape.image(channels: 3, height: 12, width: 10)
    private static let cases = [
        Case(
            name: "mnist-like",
            layers: [
                .conv(filters: 16, kernel: 3, activation: .relu), .maxPool(size: 2, stride: 2),
                .conv(filters: 32, kernel: 3, activation: .relu), .maxPool(size: 2, stride: 2), .flatten,
                .dense(units: 20, activation: .relu), .dense(units: nil),
            ], input: .image(channels: 1, height: 19, width: 18)),
        Case(
            name: "norms",
            layers: [
                .conv(filters: 20, kernel: 3, padding: .same, hasBias: false), .batchNorm(activation: .relu),
                .conv(filters: 24, kernel: 3, stride: 2, padding: .explicit(1)), .batchNorm(), .activation(.relu),
                .averagePool(size: 3, stride: 2, padding: .same), .globalAveragePool,
                .dense(units: 12), .batchNorm(activation: .tanh), .dense(units: nil),
            ], input: image),
        Case(
            name: "residual",
            layers: [
                .conv(filters: 16, kernel: 5, padding: .same, activation: .relu),
                .residual([
                    .conv(filters: 32, kernel: 3, stride: 2, padding: .same, hasBias: false),
                    .batchNorm(activation: .relu),
                    .conv(filters: 32, kernel: 3, padding: .same, hasBias: false), .batchNorm(),
                ]),
                .residual([.conv(filters: 32, kernel: 3, padding: .same), .batchNorm()]), .dropout(rate: 0.5),
                .globalAveragePool, .dense(units: nil),
            ], input: image),
        Case(
            name: "groups, dilation, depthwise",
            layers: [
                .conv(filters: 24, kernel: 3, padding: .same, activation: .silu),
                .conv(filters: 16, kernel: 3, padding: .same, dilation: 2, groups: 4, activation: .relu),
                .depthwiseConv(ConvolutionSpec(filters: 0, kernel: 3)), .batchNorm(activation: .relu),
                .maxPool(size: 3, stride: 2, padding: .same), .activation(.gelu), .batchNorm(), .flatten,
                .activation(.sigmoid), .dense(units: nil),
            ], input: image),
        Case(
            name: "table",
            layers: [
                .dense(units: 30, activation: .relu), .layerNorm(), .dense(units: 17, activation: .elu),
                .dense(units: nil),
            ],
            input: .vector(13)),
        Case(
            name: "flat image",
            layers: [.flatten, .batchNorm(), .dense(units: 40, activation: .relu), .dense(units: nil)],
            input: image),
    ]

    private func example(_ one: Case, count: Int = 70) throws -> (Network, [ParameterValues], PreparedExamples) {
        let (network, weights, data, _) = try exampleWithPreprocessing(one, count: count)
        return (network, weights, data)
    }

    private func exampleWithPreprocessing(_ one: Case, count: Int) throws -> (
        Network, [ParameterValues], PreparedExamples, Preprocessing
    ) {
        var random = CounterRandom(seed: 11, purpose: .benchmark)
        let network = try Network(one.layers, input: one.input, classes: 5)
        var weights = network.initialWeights(seed: 5)
        for index in weights.indices {
            let name = weights[index].name
            if name.hasSuffix(".variance") {
                weights[index].values = weights[index].values.map { _ in random.unit() + 0.2 }
            } else if name.hasSuffix(".mean") || name.hasSuffix(".bias") {
                weights[index].values = weights[index].values.map { _ in random.unit() * 0.4 - 0.2 }
            } else if name.hasSuffix("norm.weight") {
                weights[index].values = weights[index].values.map { _ in random.unit() + 0.5 }
            }
        }
        let isImage = one.input.isImage
        let features: FeatureStorage =
            isImage
            ? .bytes((0..<count * one.input.count).map { _ in UInt8(random.below(256)) })
            : .floats((0..<count * one.input.count).map { _ in random.unit() * 4 - 2 })
        let labels = (0..<count).map { Int32($0 % 5) }
        let columns = isImage ? [] : (0..<one.input.count).map { Column(name: "\($0)", kind: .numeric) }
        let dataset = Dataset(
            name: one.name, shape: one.input, classes: (0..<5).map(String.init), columns: columns, features: features,
            labels: labels, origin: "random")
        let preprocessing = Preprocessing(
            fitting: dataset, train: Array(0..<Int32(count)), spec: DataSpec(dataset: one.name))
        return (network, weights, PreparedExamples(features, labels: labels, by: preprocessing), preprocessing)
    }

    private func furthest(_ a: [Float], _ b: [Float]) -> Float {
        a.count == b.count ? zip(a, b).map { abs($0 - $1) }.max() ?? 0 : .infinity
    }

    /// Numbers and activations are all there is to it, and float32 weights of them are another network that is close.
    @Test func comesBackFromItsNumbers() throws {
        for one in Self.cases {
            let (network, weights, data) = try example(one)
            for keeping: Set<Int> in [[], [0]] {
                let model = try QuantizedModel(network, weights: weights, calibration: data, keeping: keeping)
                #expect(
                    QuantizedModel(network, activations: model.activations, numbers: model.numbers) == model,
                    "\(one.name)")
                let found = try QuantizedNetwork(model, like: data, workers: 1).infer(data)
                let floats = try Predictor(network, weights: model.weights(of: network), data: data, workers: 1)
                    .infer()
                #expect(furthest(found.probabilities, floats.probabilities) < 0.08, "\(one.name)")
                // Nothing that does not fit.
                #expect(
                    QuantizedModel(
                        network, activations: Array(model.activations.dropLast()), numbers: model.numbers) == nil)
                for layer in model.numbers.keys {
                    var numbers = model.numbers
                    numbers[layer] = nil
                    #expect(QuantizedModel(network, activations: model.activations, numbers: numbers) == nil)
                    switch model.numbers[layer] {
                    case .bytes(let weights, var bias)?:
                        bias[0] = .max
                        numbers[layer] = .bytes(weights, bias: bias)
                    case .floats(let weights, let bias)?: numbers[layer] = .floats(weights + [1], bias)
                    case nil: break
                    }
                    #expect(QuantizedModel(network, activations: model.activations, numbers: numbers) == nil)
                }
            }
        }
    }

    /// Explanations ask about examples made on the spot; the answers are those of the network itself.
    @Test func probesAnswerAlike() throws {
        for one in Self.cases {
            let (network, weights, data, preprocessing) = try exampleWithPreprocessing(one, count: 30)
            let model = try QuantizedModel(network, weights: weights, calibration: data)
            let wanted = try QuantizedNetwork(model, like: data, workers: 1).infer(data).probabilities
            let probe = NetworkProbe(
                network, quantized: model, loss: .softmaxCrossEntropy(), preprocessing: preprocessing, workers: 2)
            let store = ExampleStore(data)
            let order = Array(Int32(0)..<30)
            for count in [30, 1] {
                let found = probe.ask(count) { range, rows, stride in
                    order.withUnsafeBufferPointer {
                        guard let order = $0.baseAddress else { return }
                        store.gather(order + range.lowerBound, count: range.count, into: rows, stride: stride)
                    }
                }
                #expect(found == Array(wanted.prefix(count * 5)), "\(one.name)")
            }
        }
    }

    @Test func foldedNormsPredictTheSame() throws {
        for one in Self.cases {
            let (network, weights, data) = try example(one)
            let (folded, foldedWeights) = network.foldingNorms(weights)
            #expect(folded.parameters.map(\.name) == foldedWeights.map(\.name))
            #expect(folded.parameters.map(\.count) == foldedWeights.map(\.values.count))
            let before = try Predictor(network, weights: weights, data: data, workers: 1).infer()
            let after = try Predictor(folded, weights: foldedWeights, data: data, workers: 1).infer()
            #expect(furthest(before.probabilities, after.probabilities) < 1e-5, "\(one.name)")
        }
        // All norms that follow arithmetic are gone.
        let (network, weights, _) = try example(Self.cases[2])
        let folded = network.foldingNorms(weights).network
        #expect(!folded.layers.contains { if case .batchNorm = $0.spec { true } else { false } })
    }

    @Test func compiledNetworksPredictTheSame() throws {
        for one in Self.cases {
            let (network, weights, data) = try example(one)
            let wanted = try Predictor(network, weights: weights, data: data, workers: 1).infer()
            let compiled = CompiledNetwork(network, weights: weights, like: data, workers: 2)
            let found = try compiled.infer(data)
            #expect(furthest(wanted.probabilities, found.probabilities) < 1e-5, "\(one.name)")
            #expect(found.hits == wanted.hits && found.labels == wanted.labels)
            // One at a time, and by one worker, to the last bit.
            let alone = CompiledNetwork(network, weights: weights, like: data, workers: 1)
            #expect(try alone.infer(data) == found, "\(one.name)")
            for index: Int32 in [0, 37, 69] {
                let single = try compiled.infer(data, [index])
                #expect(single.probabilities == Array(found.probabilities[Int(index) * 5..<Int(index + 1) * 5]))
            }
        }
    }

    @Test func quantizedNetworksAreCloseAndTheSameEverywhere() throws {
        for one in Self.cases {
            let (network, weights, data) = try example(one)
            let wanted = try Predictor(network, weights: weights, data: data, workers: 1).infer()
            for method in QuantizationSettings.Calibration.allCases {
                var settings = QuantizationSettings()
                settings.calibration = method
                let model = try QuantizedModel(network, weights: weights, calibration: data, settings: settings)
                let quantized = QuantizedNetwork(model, like: data, workers: 2)
                let found = try quantized.infer(data)
                #expect(
                    furthest(wanted.probabilities, found.probabilities) < (method == .entropy ? 0.3 : 0.08),
                    "\(one.name), \(method)")
                guard method == .minMax else { continue }
                for lanes: Int32 in [0, 4, 8] {
                    let other = QuantizedNetwork(
                        model, like: data, loss: .softmaxCrossEntropy(), workers: 1, lanes: lanes)
                    #expect(try other.infer(data) == found, "\(one.name), \(lanes) lanes")
                }
                #expect(
                    model == (try QuantizedModel(network, weights: weights, calibration: data, settings: settings)))
                for index: Int32 in [0, 37, 69] {
                    let single = try quantized.infer(data, [index])
                    #expect(single.probabilities == Array(found.probabilities[Int(index) * 5..<Int(index + 1) * 5]))
                }
                let weightCount = network.parameters.reduce(0) { sum, shape in
                    if case .weight = shape.role { sum + shape.count } else { sum }
                }
                #expect(model.storedBytes.weights == weightCount)
                #expect(model.notes.count == (one.name == "table" ? 1 : 0))
            }
        }
    }

    /// Sums of integers by plain loops over plain layouts give the same probabilities, to the last bit.
    @Test func plainLoopsGiveTheSameIntegers() throws {
        for one in Self.cases where one.name != "table" {
            let (network, weights, data) = try example(one, count: 9)
            for keeping: Set<Int> in [[], [0], [network.layers.count - 1]] {
                let model = try QuantizedModel(network, weights: weights, calibration: data, keeping: keeping)
                let found = try QuantizedNetwork(model, like: data, workers: 1).infer(data).probabilities
                guard case .bytes(let pixels) = data.features else { return }
                let size = one.input.count
                for index in 0..<data.count {
                    let image = (0..<size).map { place -> Int32 in
                        let channel = place / (size / data.scale.count)
                        let byte = Float(pixels[index * size + place])
                        return model.input.quantize(byte * data.scale[channel] + data.shift[channel])
                    }
                    let logits = PlainQuantized(model).logits(image)
                    let most = logits.max() ?? 0
                    let sum = logits.reduce(0) { $0 + exp($1 - most) }
                    let wanted = logits.map { exp($0 - most) / sum }
                    // Averages and tables of activations may round one step apart, and floats sum in another order.
                    let exact = ["mnist-like"].contains(one.name) && keeping.isEmpty
                    #expect(
                        furthest(wanted, Array(found[index * 5..<(index + 1) * 5])) < (exact ? 1e-6 : 0.02),
                        "\(one.name), \(index)")
                }
                let holdsWeights = keeping.contains { network.layers[$0].parameters.contains(where: \.isWeight) }
                if holdsWeights {
                    #expect(model.storedBytes.floats > 0 && !model.notes.isEmpty, "\(one.name), \(keeping)")
                }
            }
        }
    }

    @Test func biasCorrectionBringsMeansBack() throws {
        let (network, weights, data) = try example(Self.cases[0])
        func error(_ corrects: Bool) throws -> Double {
            var settings = QuantizationSettings()
            settings.correctsBias = corrects
            // Coarse weights show what the correction does.
            let coarse = weights.map { value in
                var value = value
                if value.name.hasSuffix("weight") { value.values = value.values.map { $0 + 0.02 } }
                return value
            }
            let model = try QuantizedModel(network, weights: coarse, calibration: data, settings: settings)
            let quantized = QuantizedNetwork(model, like: data, workers: 1)
            let wanted = try Predictor(network, weights: coarse, data: data, workers: 1).infer()
            let found = try quantized.infer(data)
            var sum = 0.0
            for label in 0..<5 {
                let differences = (0..<data.count).map {
                    Double(wanted.probabilities[$0 * 5 + label] - found.probabilities[$0 * 5 + label])
                }
                sum += abs(differences.reduce(0, +)) / Double(data.count)
            }
            return sum
        }
        #expect(try error(true) <= error(false) * 1.05)
    }
}

@Suite struct CrewTests {
    @Test func everyTileIsDoneOnceHoweverManyHelp() {
        for helpers in [0, 1, 3] {
            let crew = Crew(helpers: helpers)
            defer { crew.end() }
            let arena = Arena()
            let counts = arena.allocate(64, of: Int.self)
            for job in 1...3000 {
                let tiles = job % 64 + 1
                // What tiles write is seen when the job is done.
                crew.run(tiles) { counts[$0] += 1 }
                for tile in 0..<64 where counts[tile] != (tile < tiles ? 1 : 0) {
                    Issue.record("job \(job), tile \(tile) was done \(counts[tile]) times with \(helpers) helpers")
                    return
                }
                for tile in 0..<64 { counts[tile] = 0 }
            }
        }
    }
}

/// A quantized model by plain loops, activations in the order (channel, row, column).
private struct PlainQuantized {
    let model: QuantizedModel
    init(_ model: QuantizedModel) { self.model = model }

    private func sides(_ shape: TensorShape) -> (channels: Int, height: Int, width: Int) {
        if case .image(let channels, let height, let width) = shape { return (channels, height, width) }
        return (shape.count, 1, 1)
    }

    func logits(_ input: [Int32]) -> [Float] {
        var given: [[Int32]] = []
        for (index, node) in model.nodes.enumerated() {
            let x = node.inputs[0] < 0 ? input : given[node.inputs[0]]
            let (from, to) = (model.affine(node.inputs[0]), node.output)
            let (before, after) = (sides(model.shape(node.inputs[0])), sides(node.shape))
            let low = node.relu ? to.zero : 0
            func byte(_ value: Float) -> Int32 { max(low, min(255, Int32(value.rounded(.toNearestOrEven)) + to.zero)) }
            func number(_ value: Float) -> Int32 { max(low, to.quantize(value)) }
            /// Calls `see` with the places of a window's values, nil where it is padded.
            func window(
                _ conv: Window, _ row: Int, _ column: Int, _ see: (_ tap: Int, _ place: Int?) -> Void
            ) {
                let (top, left) = (conv.pads(before.height).before, conv.pads(before.width).before)
                for tap in 0..<conv.size * conv.size {
                    let y = row * conv.stride - top + tap / conv.size * conv.dilation
                    let x = column * conv.stride - left + tap % conv.size * conv.dilation
                    let isInside = (0..<before.height).contains(y) && (0..<before.width).contains(x)
                    see(tap, isInside ? y * before.width + x : nil)
                }
            }
            /// Bytes of sums by `sum` (channel, row, column), after the pool.
            func images(_ sum: (Int, Int, Int) -> Int32) -> [Int32] {
                (0..<node.shape.count).map { place in
                    let channel = place / (after.height * after.width)
                    let (row, column) = (place / after.width % after.height, place % after.width)
                    guard node.isPooled else { return sum(channel, row, column) }
                    return (0..<4).map { sum(channel, row * 2 + $0 / 2, column * 2 + $0 % 2) }.max() ?? 0
                }
            }
            let plane = before.height * before.width
            switch node.operation {
            case .conv(let conv, let weights, let bias):
                let inner = before.channels / conv.groups
                given.append(
                    images { channel, row, column in
                        var sum = bias[channel]
                        let first = channel / (conv.filters / conv.groups) * inner
                        for channelIn in 0..<inner {
                            window(Window(conv), row, column) { tap, place in
                                guard let place else { return }
                                let value = x[(first + channelIn) * plane + place] - from.zero
                                let weight = (channel * inner + channelIn) * conv.kernel * conv.kernel + tap
                                sum += value * Int32(weights.values[weight])
                            }
                        }
                        let step = Double(from.scale) * Double(weights.scales[channel]) / Double(to.scale)
                        return byte(Float(sum) * Float(step))
                    })
            case .floatConv(let conv, let weights, let bias):
                let inner = before.channels / conv.groups
                given.append(
                    images { channel, row, column in
                        var sum = bias[channel]
                        let first = channel / (conv.filters / conv.groups) * inner
                        for channelIn in 0..<inner {
                            window(Window(conv), row, column) { tap, place in
                                guard let place else { return }
                                let weight = (channel * inner + channelIn) * conv.kernel * conv.kernel + tap
                                sum += from.dequantize(x[(first + channelIn) * plane + place]) * weights[weight]
                            }
                        }
                        return number(sum)
                    })
            case .dense(let weights, let bias):
                let sums = bias.indices.map { output in
                    x.indices.reduce(bias[output]) {
                        $0 + (x[$1] - from.zero) * Int32(weights.values[output * x.count + $1])
                    }
                }
                let steps = weights.scales.map { Double(from.scale) * Double($0) }
                if model.givesLogits(index) { return zip(sums, steps).map { Float($0) * Float($1) } }
                given.append(zip(sums, steps).map { byte(Float($0) * Float($1 / Double(to.scale))) })
            case .floatDense(let weights, let bias):
                let sums = bias.indices.map { output in
                    x.indices.reduce(bias[output]) { $0 + from.dequantize(x[$1]) * weights[output * x.count + $1] }
                }
                if model.givesLogits(index) { return sums }
                given.append(sums.map(number))
            case .maxPool(let size, let stride, let padding), .averagePool(let size, let stride, let padding):
                let isAverage = if case .averagePool = node.operation { true } else { false }
                given.append(
                    images { channel, row, column in
                        var values: [Int32] = []
                        window(Window(size: size, stride: stride, padding: padding), row, column) { _, place in
                            if let place { values.append(x[channel * plane + place]) }
                        }
                        guard isAverage else { return values.max() ?? 0 }
                        return number(values.reduce(0) { $0 + from.dequantize($1) } / Float(values.count))
                    })
            case .globalAveragePool:
                given.append(
                    (0..<before.channels).map { channel in
                        number(
                            x[channel * plane..<(channel + 1) * plane].reduce(0) { $0 + from.dequantize($1) }
                                / Float(plane))
                    })
            case .flatten: given.append(x)
            case .norm(let factor, let shift):
                given.append(
                    x.enumerated().map { place, value in
                        let channel = place / (x.count / factor.count)
                        return number(from.dequantize(value) * factor[channel] + shift[channel])
                    })
            case .activation(let activation):
                given.append(
                    x.map { integer in
                        let value = from.dequantize(integer)
                        let sigmoid = 1 / (1 + exp(-value))
                        switch activation {
                        case .relu: return number(max(0, value))
                        case .tanh: return number(tanh(value))
                        case .sigmoid: return number(sigmoid)
                        case .silu: return number(value * sigmoid)
                        case .gelu: return number(value * 0.5 * (1 + erf(value / Float(2).squareRoot())))
                        default: preconditionFailure("no case has \(activation)")
                        }
                    })
            case .add:
                let other = node.inputs[1] < 0 ? input : given[node.inputs[1]]
                let second = model.affine(node.inputs[1])
                given.append(zip(x, other).map { number(from.dequantize($0) + second.dequantize($1)) })
            case .layerNorm: preconditionFailure("no case has one")
            }
        }
        return (given.last ?? []).map { model.affine(model.nodes.count - 1).dequantize($0) }
    }
}
