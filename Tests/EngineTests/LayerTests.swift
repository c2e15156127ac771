// Layers against plain loops in Double, and gradients by finite differences.
import Testing

@testable import Engine

/// Plain loops for what the kernels do, in Double.
private enum Reference {
    static func conv(
        _ x: [Float], _ shape: (n: Int, c: Int, h: Int, w: Int), _ weight: [Float], _ bias: [Float], k: Int,
        kernel: Int,
        stride: Int, pads: (Int, Int), out: (Int, Int), relu: Bool
    ) -> [Double] {
        var y: [Double] = []
        for n in 0..<shape.n {
            for o in 0..<k {
                for oh in 0..<out.0 {
                    for ow in 0..<out.1 {
                        var sum = Double(bias[o])
                        for c in 0..<shape.c {
                            for i in 0..<kernel {
                                for j in 0..<kernel {
                                    let (ih, iw) = (oh * stride - pads.0 + i, ow * stride - pads.1 + j)
                                    guard ih >= 0, ih < shape.h, iw >= 0, iw < shape.w else { continue }
                                    sum +=
                                        Double(x[((n * shape.c + c) * shape.h + ih) * shape.w + iw])
                                        * Double(weight[((o * shape.c + c) * kernel + i) * kernel + j])
                                }
                            }
                        }
                        y.append(relu ? max(0, sum) : sum)
                    }
                }
            }
        }
        return y
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

    /// Random shapes, strided 1x1 kernels with 1 to 15 channels among them.
    @Test func convolutionsMatchPlainLoops() throws {
        var random = CounterRandom(seed: 7, purpose: .benchmark)
        var count = 0
        for round in 0..<120 {
            let strided = round % 4 == 0
            let kernel = strided ? 1 : 1 + Int(random.below(4))
            let stride = strided ? 2 : 1 + Int(random.below(3))
            let channels = 1 + Int(random.below(15))
            let filters = 1 + Int(random.below(40))
            let (h, w) = (kernel + Int(random.below(9)), kernel + Int(random.below(9)))
            let padding: Padding = [.valid, .same, .explicit(1)][Int(random.below(3))]
            if padding == .explicit(1), kernel == 1 { continue }
            let n = 1 + Int(random.below(5))
            let window = Window(size: kernel, stride: stride, padding: padding)
            let out = (try #require(window.output(h)), try #require(window.output(w)))
            let x = numbers(n * channels * h * w, &random)
            let weight = numbers(filters * channels * kernel * kernel, &random)
            let bias = numbers(filters, &random)
            let dy = numbers(n * filters * out.0 * out.1, &random)
            let relu = round % 3 == 0
            let result = try LayerHarness.run(
                [
                    .conv(
                        filters: filters, kernel: kernel, stride: stride, padding: padding,
                        activation: relu ? .relu : .linear)
                ],
                input: .image(channels: channels, height: h, width: w), examples: n, x: x,
                parameters: ["0.conv.weight": weight, "0.conv.bias": bias], outputGradient: dy,
                shardSize: 1 + Int(random.below(UInt32(n))))
            let pads = (window.pads(h).before, window.pads(w).before)
            let y = Reference.conv(
                x, (n, channels, h, w), weight, bias, k: filters, kernel: kernel, stride: stride, pads: pads, out: out,
                relu: relu)
            let place: Comment =
                "\(n)x\(channels)x\(h)x\(w), \(filters) filters \(kernel)x\(kernel) /\(stride) \(padding)"
            expectNear(result.output, y, place)

            // The loss sum(dy * y) is linear in x, weights and bias where no ReLU is: its gradients are plain loops too.
            var (dx, dw) = ([Double](repeating: 0, count: x.count), [Double](repeating: 0, count: weight.count))
            var db = [Double](repeating: 0, count: filters)
            var index = 0
            for e in 0..<n {
                for o in 0..<filters {
                    for oh in 0..<out.0 {
                        for ow in 0..<out.1 {
                            defer { index += 1 }
                            if relu, y[index] <= 0 { continue }
                            let g = Double(dy[index])
                            db[o] += g
                            for c in 0..<channels {
                                for i in 0..<kernel {
                                    for j in 0..<kernel {
                                        let (ih, iw) = (oh * stride - pads.0 + i, ow * stride - pads.1 + j)
                                        guard ih >= 0, ih < h, iw >= 0, iw < w else { continue }
                                        let at = ((e * channels + c) * h + ih) * w + iw
                                        let wt = ((o * channels + c) * kernel + i) * kernel + j
                                        dx[at] += g * Double(weight[wt])
                                        dw[wt] += g * Double(x[at])
                                    }
                                }
                            }
                        }
                    }
                }
            }
            expectNear(result.inputGradient, dx, "\(place) to the input")
            expectNear(result.parameterGradients["0.conv.weight"] ?? [], dw, "\(place) to the weights")
            expectNear(result.parameterGradients["0.conv.bias"] ?? [], db, "\(place) to the bias")
            count += 1
        }
        #expect(count > 90)
    }

    /// Dense layers, narrow and wide, against plain loops.
    @Test(arguments: [(1, 1, 1), (3, 30, 64), (5, 17, 3), (32, 64, 32), (20, 256, 65), (7, 800, 64), (33, 1000, 130)])
    func denseMatchesPlainLoops(n: Int, inputs: Int, outputs: Int) throws {
        var random = CounterRandom(seed: UInt64(n * 31 + inputs), purpose: .benchmark)
        let x = numbers(n * inputs, &random)
        let weight = numbers(outputs * inputs, &random)
        let bias = numbers(outputs, &random)
        let dy = numbers(n * outputs, &random)
        let result = try LayerHarness.run(
            [.dense(units: outputs, activation: .relu)], input: .vector(inputs), examples: n, x: x,
            parameters: ["0.dense.weight": weight, "0.dense.bias": bias], outputGradient: dy, shardSize: (n + 3) / 4)
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

    /// A whole line of layers: the directional derivative of sum(dy * y) along a random direction, by central differences.
    @Test func gradientsMatchFiniteDifferences() throws {
        let specs: [LayerSpec] = [
            .conv(filters: 6, kernel: 3, padding: .same, activation: .relu), .maxPool(size: 2, stride: 2),
            .conv(filters: 20, kernel: 3, activation: .relu), .dropout(rate: 0.3), .flatten,
            .dense(units: 70, activation: .relu), .dropout(rate: 0.5), .dense(units: 300, activation: .relu),
            .dense(units: 4),
        ]
        let input = TensorShape.image(channels: 2, height: 10, width: 9)
        let network = try Network(part: specs, input: input, classes: 4)
        var random = CounterRandom(seed: 3, purpose: .benchmark)
        let examples = 6
        let x = numbers(examples * input.count, &random)
        var parameters: [String: [Float]] = [:]
        for shape in network.parameters { parameters[shape.name] = numbers(shape.count, &random).map { $0 * 0.3 } }
        let dy = numbers(examples * 4, &random)
        func value(_ x: [Float], _ parameters: [String: [Float]]) throws -> Double {
            let y = try LayerHarness.run(
                specs, input: input, examples: examples, x: x, parameters: parameters, outputGradient: dy, shardSize: 2
            ).output
            return zip(y, dy).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let result = try LayerHarness.run(
            specs, input: input, examples: examples, x: x, parameters: parameters, outputGradient: dy, shardSize: 2)
        let step: Float = 4e-4
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
        for shape in network.parameters {
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
