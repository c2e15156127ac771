// Layers against plain loops in Double, and gradients by finite differences.
import Testing

@testable import Engine

/// Plain loops for what the kernels do, in Double.
private enum Reference {
    /// What a convolution makes of `x`, and of a gradient of its output.
    struct Convolution {
        var spec: ConvolutionSpec
        var n: Int, channels: Int, h: Int, w: Int, outH: Int, outW: Int

        init?(_ spec: ConvolutionSpec, n: Int, channels: Int, h: Int, w: Int) {
            let window = Window(spec)
            guard let outH = window.output(h), let outW = window.output(w) else { return nil }
            (self.spec, self.n, self.channels, self.h, self.w) = (spec, n, channels, h, w)
            (self.outH, self.outW) = (outH, outW)
        }

        var outputs: Int { n * spec.filters * outH * outW }
        var weights: Int { spec.filters * channels / spec.groups * spec.kernel * spec.kernel }

        /// Every product of the sums: place in the output, in the input, in the weights.
        func forEach(_ body: (Int, Int, Int) -> Void) {
            let window = Window(spec)
            let (top, left) = (window.pads(h).before, window.pads(w).before)
            let (inner, perGroup) = (channels / spec.groups, spec.filters / spec.groups)
            for e in 0..<n {
                for o in 0..<spec.filters {
                    for oh in 0..<outH {
                        for ow in 0..<outW {
                            let y = ((e * spec.filters + o) * outH + oh) * outW + ow
                            for c in 0..<inner {
                                for i in 0..<spec.kernel {
                                    let ih = oh * spec.stride - top + i * spec.dilation
                                    guard ih >= 0, ih < h else { continue }
                                    for j in 0..<spec.kernel {
                                        let iw = ow * spec.stride - left + j * spec.dilation
                                        guard iw >= 0, iw < w else { continue }
                                        body(
                                            y, ((e * channels + o / perGroup * inner + c) * h + ih) * w + iw,
                                            ((o * inner + c) * spec.kernel + i) * spec.kernel + j)
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }

        func filter(_ place: Int) -> Int { place / (outH * outW) % spec.filters }
    }

    /// Mean over windows, what is padded left out, and where each value goes.
    static func averagePool(
        _ x: [Float], planes: Int, h: Int, w: Int, _ window: Window, out: (Int, Int), _ dy: [Float]
    ) -> (y: [Double], dx: [Double]) {
        var (y, dx) = ([Double](), [Double](repeating: 0, count: x.count))
        for p in 0..<planes {
            for oh in 0..<out.0 {
                for ow in 0..<out.1 {
                    var places: [Int] = []
                    for i in 0..<window.size {
                        for j in 0..<window.size {
                            let ih = oh * window.stride - window.pads(h).before + i
                            let iw = ow * window.stride - window.pads(w).before + j
                            if ih >= 0, ih < h, iw >= 0, iw < w { places.append((p * h + ih) * w + iw) }
                        }
                    }
                    for place in places { dx[place] += Double(dy[y.count]) / Double(places.count) }
                    y.append(places.reduce(0) { $0 + Double(x[$1]) } / Double(places.count))
                }
            }
        }
        return (y, dx)
    }

    static func maxPool(_ x: [Float], planes: Int, h: Int, w: Int, size: Int, stride: Int, out: (Int, Int)) -> [Float] {
        var y: [Float] = []
        for p in 0..<planes {
            for oh in 0..<out.0 {
                for ow in 0..<out.1 {
                    var best = -Float.infinity
                    for i in 0..<size {
                        for j in 0..<size { best = max(best, x[(p * h + oh * stride + i) * w + ow * stride + j]) }
                    }
                    y.append(best)
                }
            }
        }
        return y
    }
}

struct LayerTests {
    private func numbers(_ count: Int, _ random: inout CounterRandom) -> [Float] {
        (0..<count).map { _ in 2 * random.unit() - 1 }
    }

    private func expectNear(_ got: [Float], _ reference: [Double], _ comment: Comment) {
        let largest = reference.map(abs).max() ?? 0
        let worst = zip(got, reference).map { abs(Double($0) - $1) }.max() ?? 0
        #expect(
            got.count == reference.count && worst <= 1e-5 * largest + 1e-6, "\(comment): off by \(worst) of \(largest)")
    }

    /// 340 random convolutions forward and backward, guard bytes round every buffer: strides, paddings, dilations, groups and
    /// depthwise ones; every fourth a strided 1x1 with 1 to 15 channels, every seventeenth large enough for Winograd.
    @Test func convolutionsMatchPlainLoops() throws {
        var random = CounterRandom(seed: 7, purpose: .benchmark)
        var (count, strided, winograd) = (0, 0, 0)
        while count < 340 {
            let isStrided = count % 4 == 0
            let groups = count % 3 == 1 ? 1 + Int(random.below(4)) : 1
            let isDepthwise = !isStrided && count % 7 == 3
            var channels = isStrided ? 1 + count / 4 % 15 : (1 + Int(random.below(15))) * groups
            if count % 11 == 5, !isStrided { channels = 16 * groups }
            var spec = ConvolutionSpec(
                filters: isDepthwise ? channels : (1 + Int(random.below(20))) * groups,
                kernel: isStrided ? 1 : 1 + Int(random.below(5)))
            if count % 11 == 5, !isDepthwise { spec.filters = 16 * groups }
            spec.stride = isStrided ? 2 : 1 + Int(random.below(3))
            spec.dilation = 1 + Int(random.below(3))
            spec.groups = isDepthwise ? channels : isStrided ? 1 : groups
            spec.padding = [.valid, .same, .explicit(1), .explicit(2)][Int(random.below(4))]
            spec.hasBias = random.below(4) > 0
            spec.activation = count % 3 == 0 ? .relu : .linear
            var (h, w) = (1 + Int(random.below(12)), 1 + Int(random.below(12)))
            var n = 1 + Int(random.below(4))
            let isWinograd = count % 17 == 16
            if isWinograd {
                (channels, spec.filters) = (16 * (2 + Int(random.below(2))), 16 * (2 + Int(random.below(3))))
                (spec.kernel, spec.stride, spec.dilation, spec.groups) = (3, 1, 1, 1)
                spec.padding = random.below(2) == 0 ? .same : .valid
                (n, h, w) = (4, 14 + Int(random.below(6)), 14 + Int(random.below(6)))
            }
            guard let plain = Reference.Convolution(spec, n: n, channels: channels, h: h, w: w) else { continue }
            count += 1
            if isStrided { strided += 1 }
            if isWinograd { winograd += 1 }
            let x = numbers(n * channels * h * w, &random)
            let weight = numbers(plain.weights, &random)
            let bias = spec.hasBias ? numbers(spec.filters, &random) : []
            let dy = numbers(plain.outputs, &random)
            var parameters = ["0.conv.weight": weight]
            if spec.hasBias { parameters["0.conv.bias"] = bias }
            let result = try LayerHarness.run(
                [.conv(spec)], input: .image(channels: channels, height: h, width: w), examples: n, x: x,
                parameters: parameters, outputGradient: dy,
                shardSize: isWinograd ? n : 1 + Int(random.below(UInt32(n))))

            // The loss sum(dy * y) is linear in x, weights and bias where no ReLU is: its gradients are plain loops too.
            var y = (0..<plain.outputs).map { spec.hasBias ? Double(bias[plain.filter($0)]) : 0 }
            plain.forEach { o, i, k in y[o] += Double(x[i]) * Double(weight[k]) }
            var (dx, dw) = ([Double](repeating: 0, count: x.count), [Double](repeating: 0, count: weight.count))
            var db = [Double](repeating: 0, count: spec.filters)
            let isReLU = spec.activation == .relu
            plain.forEach { o, i, k in
                if isReLU, y[o] <= 0 { return }
                dx[i] += Double(dy[o]) * Double(weight[k])
                dw[k] += Double(dy[o]) * Double(x[i])
            }
            for o in y.indices where !isReLU || y[o] > 0 { db[plain.filter(o)] += Double(dy[o]) }
            if isReLU { y = y.map { max(0, $0) } }
            let place: Comment = "\(n)x\(channels)x\(h)x\(w), \(spec)"
            expectNear(result.output, y, place)
            expectNear(result.inputGradient, dx, "\(place) to the input")
            expectNear(result.parameterGradients["0.conv.weight"] ?? [], dw, "\(place) to the weights")
            if spec.hasBias { expectNear(result.parameterGradients["0.conv.bias"] ?? [], db, "\(place) to the bias") }
        }
        print("random convolutions: \(count), strided 1x1 among them \(strided), by Winograd \(winograd)")
    }

    /// With precision bf16, convolutions and dense layers are plain sums of products of rounded values.
    @Test func bf16MultipliesRoundedValues() throws {
        func rounded(_ x: [Float]) -> [Float] {
            x.map { value in
                let bits = value.bitPattern
                return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
            }
        }
        guard Machine.measureConvolution(.bf16) > 0 else {
            print("bf16: this processor has no convolutions of it; 30 cases skipped")
            return
        }
        var random = CounterRandom(seed: 10, purpose: .benchmark)
        for round in 0..<30 {
            var spec = ConvolutionSpec(filters: 1 + Int(random.below(40)), kernel: 1 + Int(random.below(3)))
            spec.stride = 1 + Int(random.below(2))
            spec.padding = random.below(2) == 0 ? .same : .valid
            let (channels, side, n) = (
                round % 3 == 0 ? 3 : 16 * (1 + Int(random.below(2))), 5 + Int(random.below(6)), 3
            )
            let plain = try #require(Reference.Convolution(spec, n: n, channels: channels, h: side, w: side))
            let x = numbers(n * channels * side * side, &random)
            let (weight, bias) = (numbers(plain.weights, &random), numbers(spec.filters, &random))
            let dy = numbers(plain.outputs, &random)
            let result = try LayerHarness.run(
                [.conv(spec)], input: .image(channels: channels, height: side, width: side), examples: n, x: x,
                parameters: ["0.conv.weight": weight, "0.conv.bias": bias], outputGradient: dy, shardSize: 2,
                precision: .bf16)
            let (rx, rw, rdy) = (rounded(x), rounded(weight), rounded(dy))
            var y = (0..<plain.outputs).map { Double(bias[plain.filter($0)]) }
            var (dx, dw) = ([Double](repeating: 0, count: x.count), [Double](repeating: 0, count: weight.count))
            plain.forEach { o, i, k in
                y[o] += Double(rx[i]) * Double(rw[k])
                dx[i] += Double(rdy[o]) * Double(rw[k])
                dw[k] += Double(rdy[o]) * Double(rx[i])
            }
            let place: Comment = "bf16 \(n)x\(channels)x\(side)x\(side), \(spec)"
            expectNear(result.output, y, place)
            expectNear(result.inputGradient, dx, "\(place) to the input")
            expectNear(result.parameterGradients["0.conv.weight"] ?? [], dw, "\(place) to the weights")
        }
        for (inputs, outputs) in [(20, 7), (300, 64)] {
            let x = numbers(5 * inputs, &random)
            let weight = numbers(outputs * inputs, &random)
            let result = try LayerHarness.run(
                [.dense(units: outputs)], input: .vector(inputs), examples: 5, x: x,
                parameters: ["0.dense.weight": weight], outputGradient: numbers(5 * outputs, &random), shardSize: 2,
                precision: .bf16)
            let (rx, rw) = (rounded(x), rounded(weight))
            let y = (0..<5 * outputs).map { place in
                (0..<inputs).reduce(0.0) {
                    $0 + Double(rx[place / outputs * inputs + $1]) * Double(rw[place % outputs * inputs + $1])
                }
            }
            expectNear(result.output, y, "bf16 dense")
        }
    }

    /// oneDNN has a reference implementation for what its fast ones do not take, two hundred times slower: none of what people
    /// build falls to it.
    @Test func noConvolutionIsAReferenceOne() throws {
        var slow: [String] = []
        for channels in [1, 3, 8, 12, 16, 24, 32, 48, 64] {
            for (filters, groups) in [(8, 1), (12, 1), (16, 1), (32, 1), (64, 4)] where channels % groups == 0 {
                for (kernel, stride, dilation) in [(3, 1, 1), (3, 2, 1), (1, 1, 1), (1, 2, 1), (5, 1, 1), (3, 1, 2)] {
                    var spec = ConvolutionSpec(filters: filters, kernel: kernel)
                    (spec.stride, spec.dilation, spec.groups, spec.padding) = (stride, dilation, groups, .same)
                    let network = try Network(
                        part: [.conv(filters: channels, kernel: 3, padding: .same), .conv(spec)],
                        input: .image(channels: 3, height: 16, width: 16), classes: 1)
                    for handle in try ConvSet(network, examples: 4, training: true).handles.values
                    where handle.implementations.contains("ref") {
                        slow.append("\(channels) to \(spec): \(handle.implementations)")
                    }
                }
            }
        }
        #expect(slow.isEmpty)
    }

    /// 80 random average pools, guard bytes round every buffer, on blocked and plain layouts.
    @Test func averagePoolsMatchPlainLoops() throws {
        var random = CounterRandom(seed: 9, purpose: .benchmark)
        var count = 0
        while count < 80 {
            let padding: Padding = [.valid, .same, .explicit(1)][Int(random.below(3))]
            let window = Window(size: 2 + Int(random.below(3)), stride: 1 + Int(random.below(3)), padding: padding)
            let (h, w) = (1 + Int(random.below(10)), 1 + Int(random.below(10)))
            guard let outH = window.output(h), let outW = window.output(w) else { continue }
            count += 1
            let channels = [1, 3, 8, 16, 20][Int(random.below(5))]
            let x = numbers(3 * channels * h * w, &random)
            let dy = numbers(3 * channels * outH * outW, &random)
            let plain = Reference.averagePool(x, planes: 3 * channels, h: h, w: w, window, out: (outH, outW), dy)
            var identity = [Float](repeating: 0, count: channels * channels)
            for c in 0..<channels { identity[c * channels + c] = 1 }
            let pool = LayerSpec.averagePool(size: window.size, stride: window.stride, padding: padding)
            for layers in [[pool], [.conv(filters: channels, kernel: 1, hasBias: false), pool]] {
                let result = try LayerHarness.run(
                    layers, input: .image(channels: channels, height: h, width: w), examples: 3, x: x,
                    parameters: layers.count > 1 ? ["0.conv.weight": identity] : [:], outputGradient: dy, shardSize: 2)
                expectNear(result.output, plain.y, "\(channels)x\(h)x\(w), \(window)")
                expectNear(result.inputGradient, plain.dx, "\(channels)x\(h)x\(w), \(window) backward")
            }
        }
    }

    /// Dense layers, narrow and wide, against plain loops.
    @Test func denseMatchesPlainLoops() throws {
        var random = CounterRandom(seed: 8, purpose: .benchmark)
        let chosen = [
            (1, 1, 1), (3, 30, 64), (5, 17, 3), (32, 64, 32), (20, 256, 65), (7, 800, 64), (33, 1000, 130),
        ]
        for (n, inputs, outputs) in chosen { try denseMatchesPlainLoops(n: n, inputs: inputs, outputs: outputs) }
        for _ in 0..<80 {
            try denseMatchesPlainLoops(
                n: 1 + Int(random.below(40)), inputs: 1 + Int(random.below(300)), outputs: 1 + Int(random.below(150)))
        }
    }

    private func denseMatchesPlainLoops(n: Int, inputs: Int, outputs: Int) throws {
        var random = CounterRandom(seed: UInt64(n * 31 + inputs), purpose: .benchmark)
        let x = numbers(n * inputs, &random)
        let weight = numbers(outputs * inputs, &random)
        let bias = numbers(outputs, &random)
        let dy = numbers(n * outputs, &random)
        let result = try LayerHarness.run(
            [.dense(units: outputs, activation: .relu)], input: .vector(inputs), examples: n, x: x,
            parameters: ["0.dense.weight": weight, "0.dense.bias": bias], outputGradient: dy, shardSize: (n + 3) / 4)
        // Clipping keeps the gradient of a wide layer instead of applying it block by block.
        let clipped = try LayerHarness.run(
            [.dense(units: outputs, activation: .relu)], input: .vector(inputs), examples: n, x: x,
            parameters: ["0.dense.weight": weight, "0.dense.bias": bias], outputGradient: dy, shardSize: (n + 3) / 4,
            clips: true)
        #expect(clipped.parameterGradients == result.parameterGradients)
        var y = [Double](repeating: 0, count: n * outputs)
        var (dx, dw) = ([Double](repeating: 0, count: x.count), [Double](repeating: 0, count: weight.count))
        var db = [Double](repeating: 0, count: outputs)
        for e in 0..<n {
            for o in 0..<outputs {
                var sum = Double(bias[o])
                for i in 0..<inputs { sum += Double(x[e * inputs + i]) * Double(weight[o * inputs + i]) }
                y[e * outputs + o] = max(0, sum)
                guard sum > 0 else { continue }
                let g = Double(dy[e * outputs + o])
                db[o] += g
                for i in 0..<inputs {
                    dx[e * inputs + i] += g * Double(weight[o * inputs + i])
                    dw[o * inputs + i] += g * Double(x[e * inputs + i])
                }
            }
        }
        expectNear(result.output, y, "forward")
        expectNear(result.inputGradient, dx, "to the input")
        expectNear(result.parameterGradients["0.dense.weight"] ?? [], dw, "to the weights")
        expectNear(result.parameterGradients["0.dense.bias"] ?? [], db, "to the bias")
    }

    /// Pooling of blocked and plain layouts: the gradient of each window goes to its first largest value.
    @Test(arguments: [(2, 2, 8, 8), (2, 2, 7, 9), (3, 2, 8, 9), (3, 3, 10, 10), (2, 1, 5, 6), (3, 1, 6, 6)])
    func poolingMatchesPlainLoops(size: Int, stride: Int, h: Int, w: Int) throws {
        var random = CounterRandom(seed: UInt64(size * 100 + w), purpose: .benchmark)
        let out = ((h - size) / stride + 1, (w - size) / stride + 1)
        for channels in [1, 3, 8, 16, 20] {
            // Few distinct values, so that windows have ties.
            let x = (0..<3 * channels * h * w).map { _ in Float(random.below(5)) }
            let dy = numbers(3 * channels * out.0 * out.1, &random)
            // An identity convolution before it makes the layout a blocked one.
            var identity = [Float](repeating: 0, count: channels * channels)
            for c in 0..<channels { identity[c * channels + c] = 1 }
            let blocked = try LayerHarness.run(
                [.conv(filters: channels, kernel: 1), .maxPool(size: size, stride: stride)],
                input: .image(channels: channels, height: h, width: w), examples: 3, x: x,
                parameters: ["0.conv.weight": identity], outputGradient: dy, shardSize: 2)
            let plain = try LayerHarness.run(
                [.maxPool(size: size, stride: stride)], input: .image(channels: channels, height: h, width: w),
                examples: 3, x: x, parameters: [:], outputGradient: dy, shardSize: 2)
            let y = Reference.maxPool(x, planes: 3 * channels, h: h, w: w, size: size, stride: stride, out: out)
            #expect(plain.output == y && blocked.output == y)
            var dx = [Float](repeating: 0, count: x.count)
            for p in 0..<3 * channels {
                for oh in 0..<out.0 {
                    for ow in 0..<out.1 {
                        let o = (p * out.0 + oh) * out.1 + ow
                        window: for i in 0..<size {
                            for j in 0..<size {
                                let at = (p * h + oh * stride + i) * w + ow * stride + j
                                if x[at] == y[o] {
                                    dx[at] += dy[o]
                                    break window
                                }
                            }
                        }
                    }
                }
            }
            #expect(plain.inputGradient == dx, "\(channels) channels, plain")
            #expect(zip(blocked.inputGradient, dx).allSatisfy { abs($0 - $1) <= 1e-6 }, "\(channels) channels, blocked")
        }
    }

    private static let straight: [LayerSpec] = [
        .conv(filters: 6, kernel: 3, padding: .same, activation: .relu), .maxPool(size: 2, stride: 2),
        .conv(filters: 20, kernel: 3, activation: .relu), .dropout(rate: 0.3), .flatten,
        .dense(units: 70, activation: .relu), .dropout(rate: 0.5), .dense(units: 300, activation: .relu),
        .dense(units: 4),
    ]

    /// Residual blocks with and without projection, norms, smooth activations.
    private static let branched: [LayerSpec] = [
        .conv(filters: 5, kernel: 3, padding: .same, hasBias: false), .batchNorm(), .activation(.silu),
        .residual(
            [
                .conv(filters: 18, kernel: 3, stride: 2, padding: .same, hasBias: false), .batchNorm(),
                .activation(.gelu), .depthwiseConv(ConvolutionSpec(filters: 0, kernel: 1)),
            ], activation: .linear),
        .residual(
            [.conv(filters: 18, kernel: 3, padding: .same, dilation: 2, groups: 3, activation: .tanh)], activation: .elu
        ),
        .averagePool(size: 2, stride: 1), .globalAveragePool, .dense(units: 30, activation: .sigmoid), .layerNorm(),
        .residual([.dense(units: 30, activation: .softmax)], activation: .leakyReLU(slope: 0.2)), .batchNorm(),
        .dense(units: 4),
    ]

    /// A whole line of layers: the directional derivative of sum(dy * y) along a random direction, by central differences.
    @Test(arguments: [0, 1])
    func gradientsMatchFiniteDifferences(which: Int) throws {
        let specs: [LayerSpec] = which == 1 ? Self.branched : Self.straight
        let input = TensorShape.image(channels: 2, height: 10, width: 9)
        let network = try Network(part: specs, input: input, classes: 4)
        var random = CounterRandom(seed: 3, purpose: .benchmark)
        let examples = 6
        let x = numbers(examples * input.count, &random)
        var parameters: [String: [Float]] = [:]
        for shape in network.parameters where shape.isTrained {
            parameters[shape.name] = numbers(shape.count, &random).map { $0 * (which == 1 ? 1 : 0.3) }
        }
        let dy = numbers(examples * 4, &random)
        func value(_ x: [Float], _ parameters: [String: [Float]]) throws -> Double {
            let y = try LayerHarness.run(
                specs, input: input, examples: examples, x: x, parameters: parameters, outputGradient: dy, shardSize: 2
            ).output
            return zip(y, dy).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let result = try LayerHarness.run(
            specs, input: input, examples: examples, x: x, parameters: parameters, outputGradient: dy, shardSize: 2)
        let step: Float = which == 1 ? 3e-3 : 4e-4
        func check(_ name: String, _ gradient: [Float], _ move: ([Float], Float) throws -> Double) throws {
            let direction = numbers(gradient.count, &random).map { $0 > 0 ? Float(1) : -1 }
            let numeric = (try move(direction, step) - move(direction, -step)) / Double(2 * step)
            let analytic = zip(gradient, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            let scale = max(abs(numeric), abs(analytic), gradient.reduce(0) { $0 + Double(abs($1)) } / 10)
            #expect(
                abs(numeric - analytic) <= 2e-2 * scale, "\(name): \(numeric) by differences, \(analytic) by backward")
        }
        try check("input", result.inputGradient) { direction, h in
            try value(zip(x, direction).map { $0 + h * $1 }, parameters)
        }
        for shape in network.parameters where shape.isTrained {
            try check(shape.name, result.parameterGradients[shape.name] ?? []) { direction, h in
                var moved = parameters
                moved[shape.name] = zip(parameters[shape.name] ?? [], direction).map { $0 + h * $1 }
                return try value(x, moved)
            }
        }
    }

    /// Dropout keeps the mean, drops its share, and its fate does not depend on shards.
    @Test func dropoutIsFairAndFixed() throws {
        let x = [Float](repeating: 1, count: 8 * 1000)
        func dropped(shardSize: Int, step: UInt32) throws -> LayerResult {
            try LayerHarness.run(
                [.dropout(rate: 0.25)], input: .vector(1000), examples: 8, x: x, parameters: [:], outputGradient: x,
                shardSize: shardSize, step: step)
        }
        let one = try dropped(shardSize: 1, step: 5)
        #expect(one.output == (try dropped(shardSize: 8, step: 5)).output)
        #expect(one.output != (try dropped(shardSize: 1, step: 6)).output)
        #expect(one.output == one.inputGradient, "the gradient passes where the value did")
        let share = Double(one.output.count { $0 == 0 }) / 8000
        #expect(abs(share - 0.25) < 0.02)
        #expect(one.output.allSatisfy { $0 == 0 || abs($0 - 1 / 0.75) < 1e-6 })
    }
}
