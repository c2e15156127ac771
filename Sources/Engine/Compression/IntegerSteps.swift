// IntegerSteps: the steps of a forward graph on bytes, whose sums are integers.
import CPrimitives

/// What bytes stand for between the nodes of a graph, and what was seen of the numbers there.
struct QuantizedTensors {
    var input: Affine
    /// By node.
    var nodes: [Affine]
    /// Means of the input's channels, and of each node's; empty: biases are not corrected.
    var inputMeans: [Double] = []
    var means: [[Double]] = []

    func affine(_ index: Int) -> Affine { index < 0 ? input : nodes[index] }
    func mean(_ index: Int) -> [Double]? {
        index < 0 ? (inputMeans.isEmpty ? nil : inputMeans) : means.isEmpty ? nil : means[index]
    }
}

/// A forward graph planned in bytes.
struct IntegerSteps {
    let plan: ForwardPlan
    let storedBytes: QuantizedNetwork.StoredBytes
    let notes: [String]

    /// - Parameter lanes: of the kernels; 0: the widest here, 4 and 8 give the same integers.
    init(_ graph: ForwardGraph, _ tensors: QuantizedTensors, workers: Int, lanes: Int32 = 0) {
        let bytes = graph.input.stride + graph.nodes.reduce(0) { $0 + $1.output.stride }
        let builder = ForwardBuilder(graph, tileSize: ForwardPlan.tileSize(bytes: bytes), arena: Arena())
        let input = builder.place(graph.input.stride)
        var outputs: [Int] = []
        let last = graph.nodes.count - 1
        let lastStride = padded(graph.outputs)
        var logits: Int?
        var stored = QuantizedNetwork.StoredBytes(scales: 5)
        var notes: [String] = []
        let planner = Planner(graph: graph, tensors: tensors, builder: builder, lanes: lanes)
        for (index, node) in graph.nodes.enumerated() {
            let from = node.inputs.map { $0 < 0 ? input : outputs[$0] }
            if case .flatten = node.operation, node.output.order == graph.tensor(node.inputs[0]).order {
                outputs.append(from[0])
                continue
            }
            if index == last, case .dense = node.operation, !node.relu {
                let to = builder.place(lastStride * 4)
                logits = to
                planner.add(node, index, from: from, to: to, givesFloats: true, &stored, &notes)
                outputs.append(to)
                continue
            }
            let to = builder.place(node.output.stride)
            outputs.append(to)
            planner.add(node, index, from: from, to: to, givesFloats: false, &stored, &notes)
        }
        if logits == nil {
            let (from, to, stride) = (outputs[last], builder.place(lastStride * 4), graph.nodes[last].output.stride)
            let affine = tensors.nodes[last]
            builder.append(
                ForwardStep(node: last) { base, count, _ in
                    for example in 0..<count {
                        wb_dequantize_u8(
                            min(stride, lastStride),
                            (base + from + example * stride).assumingMemoryBound(to: UInt8.self),
                            affine.scale, affine.zero,
                            (base + to).assumingMemoryBound(to: Float.self) + example * lastStride)
                    }
                })
            logits = to
        }
        storedBytes = stored
        self.notes = notes
        plan = ForwardPlan(
            builder, inputOffset: input, inputStride: graph.input.stride, outputOffset: logits ?? 0,
            outputStride: lastStride, workers: workers)
    }
}

/// Adds the steps of nodes.
private struct Planner {
    let graph: ForwardGraph
    let tensors: QuantizedTensors
    let builder: ForwardBuilder
    let lanes: Int32

    private static func bytes(_ base: UnsafeMutableRawPointer, _ offset: Int) -> UnsafeMutablePointer<UInt8> {
        (base + offset).assumingMemoryBound(to: UInt8.self)
    }

    /// Weights as bytes and what belongs to their sums, padded to whole blocks of outputs.
    private struct Sums {
        var weights: QuantizedWeights
        var bias: UnsafeMutablePointer<Int32>
        var scale: UnsafeMutablePointer<Float>
    }

    /// - Parameters:
    ///   - position: where the value of the input that meets a weight of a channel's row has its mean.
    ///   - output: nil: sums become floats.
    private func sums(
        _ weights: [Float], _ shape: [Int], _ bias: [Float], input: Int, output: Affine?,
        mean position: (_ channel: Int, _ index: Int) -> Int, _ stored: inout QuantizedNetwork.StoredBytes
    ) -> Sums {
        let from = tensors.affine(input)
        // A bias must fit beside the products.
        let quantized = QuantizedWeights(weights, shape: shape, least: bias.map { abs($0) / from.scale / 0x1p28 })
        let (channels, row) = (shape[0], quantized.row)
        let blocks = (channels + 15) / 16
        let (kept, scale) = (builder.arena.allocate(blocks * 16, of: Int32.self), builder.arena.floats(blocks * 16))
        for channel in 0..<channels {
            var wanted = Double(bias[channel])
            var total: Int64 = 0
            for index in 0..<row {
                let value = quantized.values[channel * row + index]
                total += Int64(value)
                guard let means = tensors.mean(input) else { continue }
                let error = Double(value) * Double(quantized.scales[channel]) - Double(weights[channel * row + index])
                wanted -= error * means[position(channel, index)]
            }
            let step = Double(from.scale) * Double(quantized.scales[channel])
            let nearest = (wanted / step).rounded(.toNearestOrEven)
            let bounded = Int64(max(-0x1p29, min(0x1p29, nearest.isNaN ? 0 : nearest)))
            kept[channel] = Int32(bounded - Int64(from.zero) * total)
            scale[channel] = Float(output.map { step / Double($0.scale) } ?? step)
        }
        stored.weights += weights.count
        stored.scales += channels * 4 + (output == nil ? 0 : 5)
        stored.biases += channels * 4
        return Sums(weights: quantized, bias: kept, scale: scale)
    }

    func add(
        _ node: ForwardNode, _ index: Int, from: [Int], to: Int, givesFloats: Bool,
        _ stored: inout QuantizedNetwork.StoredBytes, _ notes: inout [String]
    ) {
        let input = graph.tensor(node.inputs[0])
        let output = node.output
        let (inStride, outStride) = (input.stride, output.stride)
        let (source, target) = (tensors.affine(node.inputs[0]), tensors.nodes[index])
        let low = node.relu ? target.zero : 0
        switch node.operation {
        case .conv(let conv, let weights, let bias, let isPooled):
            addConvolution(node, index, conv, weights, bias, isPooled, from: from[0], to: to, &stored)
        case .dense(let weights, let bias):
            let shape = WindowShape(input, size: 1)
            let inputs = input.shape.count
            let sums = sums(
                weights, [output.shape.count, inputs], bias, input: node.inputs[0], output: givesFloats ? nil : target,
                mean: { _, index in index }, &stored)
            let packed = builder.keep(
                shape.packed(outputs: output.shape.count) { sums.weights.values[$0 * inputs + $1] })
            let offsets = builder.keep(shape.offsets)
            let (steps, lanes, size) = (shape.steps, lanes, givesFloats ? 4 : 1)
            builder.append(
                ForwardStep(node: index, parts: outStride / 16, cost: weights.count / 4) { base, count, parts in
                    var window = wb_window()
                    (window.rows, window.pixels, window.blocks) = (1, Int32(count), Int32(parts.count))
                    (window.runs, window.steps, window.offsets) = (1, Int32(steps), UnsafePointer(offsets))
                    window.x_pixel = inStride
                    (window.y_pixel, window.y_block) = (outStride * size, 16 * size)
                    window.bias = UnsafeRawPointer(sums.bias + parts.lowerBound * 16)
                    window.scale = UnsafePointer(sums.scale + parts.lowerBound * 16)
                    (window.zero, window.low, window.high) = (target.zero, low, 255)
                    window.floats = givesFloats ? 1 : 0
                    window.lanes = lanes
                    wb_window_u8(
                        &window, Self.bytes(base, from[0]), packed + parts.lowerBound * steps * 64,
                        Self.bytes(base, to) + parts.lowerBound * 16 * size)
                })
        case .depthwise(let conv, let weights, let bias):
            addDepthwise(node, index, conv, weights, bias, from: from[0], to: to, &stored)
        case .pool(let isAverage, let window):
            guard let shape = FloatSteps.poolShape(window, input, output) else { preconditionFailure("images") }
            let scale = source.scale / target.scale
            if isAverage { stored.scales += 5 }
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    var shape = shape
                    for example in 0..<count {
                        wb_pool_u8(
                            &shape, isAverage ? 1 : 0, scale, source.zero, target.zero,
                            Self.bytes(base, from[0]) + example * inStride, Self.bytes(base, to) + example * outStride)
                    }
                })
        case .globalAverage:
            guard let layout = input.order else { preconditionFailure("images") }
            let (blocks, plane) = (Int32(layout.blocks), Int32(layout.height * layout.width))
            let scale = source.scale / target.scale
            stored.scales += 5
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    for example in 0..<count {
                        wb_global_average_u8(
                            blocks, plane, scale, source.zero, target.zero,
                            Self.bytes(base, from[0]) + example * inStride, Self.bytes(base, to) + example * outStride)
                    }
                })
        case .flatten:
            let places = builder.keep((0..<input.shape.count).map { Int32(input.place($0)) })
            let values = input.shape.count
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    for example in 0..<count {
                        let x = Self.bytes(base, from[0]) + example * inStride
                        let y = Self.bytes(base, to) + example * outStride
                        for i in 0..<values { y[i] = x[Int(places[i])] }
                    }
                })
        case .norm(let factor, let shift):
            stored.floats += factor.count * 8
            // A table for each place; 16 places side by side have theirs one after another.
            let channels = input.channelOfPlace
            var tables = [UInt8](repeating: UInt8(target.zero), count: channels.count * 256)
            for (place, channel) in channels.enumerated() where channel >= 0 {
                for byte in 0..<256 {
                    let value = source.dequantize(Int32(byte)) * factor[Int(channel)] + shift[Int(channel)]
                    tables[place * 256 + byte] = UInt8(target.quantize(value))
                }
            }
            let kept = builder.keep(tables)
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    for example in 0..<count {
                        let x = Self.bytes(base, from[0]) + example * inStride
                        let y = Self.bytes(base, to) + example * outStride
                        for i in stride(from: 0, to: inStride, by: 16) {
                            wb_table_u8(16, 16, kept + i * 256, x + i, y + i)
                        }
                    }
                })
        case .activation(let activation) where activation.kernel != nil:
            stored.scales += 5
            var values = (0..<256).map { source.dequantize($0) }
            var results = values
            if let kernel = activation.kernel {
                wb_activation_forward_f32(kernel.number, kernel.slope, 256, &values, &results)
            }
            let table = builder.keep(results.map { UInt8(target.quantize($0)) })
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    wb_table_u8(count * inStride, 1, table, Self.bytes(base, from[0]), Self.bytes(base, to))
                })
        case .layerNorm, .activation:
            stored.scales += 5
            notes.append(
                "\(node.name) is computed in float32: its input is taken out of bytes and what it gives put into them.")
            addFloats(node, index, from: from[0], to: to, &stored)
        case .add:
            stored.scales += 5
            let other = tensors.affine(node.inputs[1])
            let (a, b) = (source.scale / target.scale, other.scale / target.scale)
            let offset = -(Float(source.zero) * a + Float(other.zero) * b)
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    wb_add_u8(
                        count * outStride, Self.bytes(base, from[0]), a, Self.bytes(base, from[1]), b, offset,
                        target.zero,
                        low, Self.bytes(base, to))
                })
        }
    }

    /// What has no integers: a row becomes numbers and its result bytes.
    private func addFloats(
        _ node: ForwardNode, _ index: Int, from: Int, to: Int, _ stored: inout QuantizedNetwork.StoredBytes
    ) {
        let input = graph.tensor(node.inputs[0])
        let (source, target) = (tensors.affine(node.inputs[0]), tensors.nodes[index])
        let (width, inStride, outStride) = (input.shape.count, input.stride, node.output.stride)
        let (first, second) = (builder.place(inStride * 4), builder.place(inStride * 4))
        var gamma: UnsafeMutablePointer<Float>?
        var beta: UnsafeMutablePointer<Float>?
        var epsilon: Float = 0
        if case .layerNorm(let weight, let bias, let given) = node.operation {
            let padding = [Float](repeating: 0, count: inStride - width)
            (gamma, beta, epsilon) = (builder.keep(weight + padding), builder.keep(bias + padding), given)
            stored.floats += width * 8
        }
        let (norm, shift, small) = (gamma, beta, epsilon)
        builder.append(
            ForwardStep(node: index) { base, count, _ in
                let x = (base + first).assumingMemoryBound(to: Float.self)
                let y = (base + second).assumingMemoryBound(to: Float.self)
                for example in 0..<count {
                    wb_dequantize_u8(width, Self.bytes(base, from) + example * inStride, source.scale, source.zero, x)
                    for i in width..<inStride { x[i] = 0 }
                    if let norm {
                        var statistics = (Float(0), Float(0))
                        withUnsafeMutableBytes(of: &statistics) { place in
                            wb_layer_norm_forward_f32(
                                1, Int32(width), Int32(inStride), x, norm, shift, small, y,
                                place.baseAddress?.assumingMemoryBound(to: Float.self))
                        }
                    } else {
                        wb_softmax_forward_f32(1, Int32(width), Int32(inStride), x, y)
                    }
                    wb_quantize_u8(
                        outStride, y, 1 / target.scale, target.zero, Self.bytes(base, to) + example * outStride)
                }
            })
    }

    private func addConvolution(
        _ node: ForwardNode, _ index: Int, _ conv: ConvolutionSpec, _ weights: [Float], _ bias: [Float],
        _ isPooled: Bool,
        from: Int, to: Int, _ stored: inout QuantizedNetwork.StoredBytes
    ) {
        let input = graph.tensor(node.inputs[0])
        let (source, target) = (tensors.affine(node.inputs[0]), tensors.nodes[index])
        let (bordered, at, stride) = FloatSteps.addBorder(
            conv, input, index, from: from, size: 1, fill: UInt8(source.zero), builder)
        guard let output = node.output.order else { preconditionFailure("a convolution gives images") }
        let shape = WindowShape(conv, layout: bordered, size: 1)
        let (inner, taps) = (input.channels / conv.groups, conv.kernel * conv.kernel)
        let sums = sums(
            weights, [conv.filters, inner, conv.kernel, conv.kernel], bias, input: node.inputs[0], output: target,
            mean: { channel, index in channel / (conv.filters / conv.groups) * inner + index / taps }, &stored)
        let packed = builder.keep(
            shape.packed(outputs: conv.filters) { output, plain in
                conv.weightIndex(output, plain, channels: input.channels).map { sums.weights.values[$0] } ?? 0
            })
        let offsets = builder.keep(shape.offsets)
        let (runs, outStride, lanes) = (shape.offsets.count, node.output.stride, lanes)
        let low = node.relu ? target.zero : 0
        builder.append(
            ForwardStep(
                node: index, parts: output.height,
                cost: weights.count * output.height * output.width * (isPooled ? 4 : 1) / 4
            ) { base, count, parts in
                var window = wb_window()
                (window.rows, window.pixels, window.blocks) = (
                    Int32(parts.count), Int32(output.width), Int32(output.blocks)
                )
                (window.runs, window.steps, window.offsets) = (Int32(runs), Int32(shape.steps), UnsafePointer(offsets))
                (window.x_row, window.x_pixel) = (shape.rowBytes, shape.pixelBytes)
                window.y_row = output.width * 16
                window.y_pixel = 16
                window.y_block = output.height * output.width * 16
                window.pooled = isPooled ? 1 : 0
                window.bias = UnsafeRawPointer(sums.bias)
                window.scale = UnsafePointer(sums.scale)
                (window.zero, window.low, window.high) = (target.zero, low, 255)
                window.lanes = lanes
                let first = parts.lowerBound * shape.rowBytes * (isPooled ? 2 : 1)
                for example in 0..<count {
                    wb_window_u8(
                        &window, Self.bytes(base, at) + example * stride + first, packed,
                        Self.bytes(base, to) + example * outStride + parts.lowerBound * output.width * 16)
                }
            })
    }

    private func addDepthwise(
        _ node: ForwardNode, _ index: Int, _ conv: ConvolutionSpec, _ weights: [Float], _ bias: [Float], from: Int,
        to: Int, _ stored: inout QuantizedNetwork.StoredBytes
    ) {
        let input = graph.tensor(node.inputs[0])
        let (source, target) = (tensors.affine(node.inputs[0]), tensors.nodes[index])
        let (bordered, at, stride) = FloatSteps.addBorder(
            conv, input, index, from: from, size: 1, fill: UInt8(source.zero), builder)
        guard let output = node.output.order else { preconditionFailure("a convolution gives images") }
        let taps = conv.kernel * conv.kernel
        let sums = sums(
            weights, [conv.filters, 1, conv.kernel, conv.kernel], bias, input: node.inputs[0], output: target,
            mean: { channel, _ in channel }, &stored)
        var blocked = [Int8](repeating: 0, count: output.blocks * taps * 16)
        for channel in 0..<conv.filters {
            for tap in 0..<taps {
                blocked[(channel / 16 * taps + tap) * 16 + channel % 16] = sums.weights.values[channel * taps + tap]
            }
        }
        let packed = builder.keep(blocked)
        let offsets = builder.keep(
            (0..<taps).map { tap in
                Int32((tap / conv.kernel * bordered.width + tap % conv.kernel) * conv.dilation * 16)
            })
        let (outStride, low) = (node.output.stride, node.relu ? target.zero : 0)
        builder.append(
            ForwardStep(node: index) { base, count, _ in
                var window = wb_window()
                (window.rows, window.pixels, window.blocks) = (
                    Int32(output.height), Int32(output.width), Int32(output.blocks)
                )
                (window.runs, window.steps, window.offsets) = (Int32(taps), 1, UnsafePointer(offsets))
                (window.x_row, window.x_pixel) = (conv.stride * bordered.width * 16, conv.stride * 16)
                window.y_row = output.width * 16
                window.y_block = output.height * output.width * 16
                window.bias = UnsafeRawPointer(sums.bias)
                window.scale = UnsafePointer(sums.scale)
                (window.zero, window.low, window.high) = (target.zero, low, 255)
                for example in 0..<count {
                    wb_depthwise_u8(
                        &window, Int32(bordered.height), Int32(bordered.width), Self.bytes(base, at) + example * stride,
                        packed, Self.bytes(base, to) + example * outStride)
                }
            })
    }
}
