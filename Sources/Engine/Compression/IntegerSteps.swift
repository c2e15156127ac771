// IntegerSteps: the steps of a quantized model on bytes, whose sums are integers.
import CPrimitives

/// A quantized model planned in bytes.
struct IntegerSteps {
    let plan: ForwardPlan
    /// How its input lies.
    let input: ForwardTensor

    /// - Parameter lanes: of the kernels; 0: the widest here, 4 and 8 give the same integers.
    init(_ model: QuantizedModel, workers: Int, lanes: Int32 = 0) {
        let (first, tensors) = model.layout()
        input = first
        let bytes = first.stride + tensors.reduce(0) { $0 + $1.stride }
        let builder = ForwardBuilder(tileSize: ForwardPlan.tileSize(bytes: bytes), arena: Arena())
        let start = builder.place(first.stride)
        var outputs: [Int] = []
        let last = model.nodes.count - 1
        let lastStride = padded(model.shape(last).count)
        let planner = Planner(model: model, input: first, tensors: tensors, builder: builder, lanes: lanes)
        for (index, node) in model.nodes.enumerated() {
            let from = node.inputs.map { $0 < 0 ? start : outputs[$0] }
            if case .flatten = node.operation, tensors[index].order == planner.tensor(node.inputs[0]).order {
                outputs.append(from[0])
                continue
            }
            let givesFloats = model.givesLogits(index)
            outputs.append(builder.place(givesFloats ? lastStride * 4 : tensors[index].stride))
            planner.add(node, index, from: from, to: outputs[index], givesFloats: givesFloats)
        }
        var logits = outputs[last]
        if !model.givesLogits(last) {
            let (from, stride, affine) = (logits, tensors[last].stride, model.nodes[last].output)
            let to = builder.place(lastStride * 4)
            logits = to
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
        }
        plan = ForwardPlan(
            builder, inputOffset: start, inputStride: first.stride, outputOffset: logits, outputStride: lastStride,
            workers: workers)
    }
}

extension QuantizedModel {
    /// What an activation of single numbers makes of each byte.
    /// - Parameter activation: any but `.linear` and `.softmax`.
    public static func table(_ activation: Activation, from source: Affine, to target: Affine) -> [UInt8] {
        guard let kernel = activation.kernel else { preconditionFailure("\(activation.name) looks at several numbers") }
        var values = (0..<256).map { source.dequantize($0) }
        var results = values
        wb_activation_forward_f32(kernel.number, kernel.slope, 256, &values, &results)
        return results.map { UInt8(target.quantize($0)) }
    }
}

/// Adds the steps of nodes.
private struct Planner {
    let model: QuantizedModel
    let input: ForwardTensor
    let tensors: [ForwardTensor]
    let builder: ForwardBuilder
    let lanes: Int32

    func tensor(_ index: Int) -> ForwardTensor { index < 0 ? input : tensors[index] }

    private static func bytes(_ base: UnsafeMutableRawPointer, _ offset: Int) -> UnsafeMutablePointer<UInt8> {
        (base + offset).assumingMemoryBound(to: UInt8.self)
    }

    /// What belongs to the sums of outputs, padded to whole blocks of them.
    private struct Sums {
        var bias: UnsafeMutablePointer<Int32>
        var scale: UnsafeMutablePointer<Float>
    }

    /// - Parameter output: nil: sums become floats.
    private func sums(_ weights: QuantizedWeights, _ bias: [Int32], from: Affine, output: Affine?) -> Sums {
        let (channels, row) = (weights.shape[0], weights.row)
        let blocks = (channels + 15) / 16
        let (kept, scale) = (builder.arena.allocate(blocks * 16, of: Int32.self), builder.arena.floats(blocks * 16))
        for channel in 0..<channels {
            // A sum of products less that of the zeros, which every example has in common.
            let total = weights.values[channel * row..<(channel + 1) * row].reduce(0) { $0 + Int64($1) }
            kept[channel] = Int32(Int64(bias[channel]) - Int64(from.zero) * total)
            let step = Double(from.scale) * Double(weights.scales[channel])
            scale[channel] = Float(output.map { step / Double($0.scale) } ?? step)
        }
        return Sums(bias: kept, scale: scale)
    }

    func add(_ node: QuantizedModel.Node, _ index: Int, from: [Int], to: Int, givesFloats: Bool) {
        let (input, output) = (tensor(node.inputs[0]), tensors[index])
        let (inStride, outStride) = (input.stride, output.stride)
        let (source, target) = (model.affine(node.inputs[0]), node.output)
        let low = node.relu ? target.zero : 0
        switch node.operation {
        case .conv(let conv, let weights, let bias):
            if QuantizedModel.isDepthwise(conv, channels: input.channels) {
                addDepthwise(node, index, conv, weights, bias, from: from[0], to: to)
            } else {
                addConvolution(node, index, conv, weights, bias, from: from[0], to: to)
            }
        case .floatConv(let conv, let weights, let bias):
            addFloats(
                node, index,
                QuantizedModel.isDepthwise(conv, channels: input.channels)
                    ? .depthwise(conv, weights: weights, bias: bias)
                    : .conv(conv, weights: weights, bias: bias, isPooled: node.isPooled),
                from: from[0], to: to, givesFloats: false)
        case .floatDense(let weights, let bias):
            addFloats(
                node, index, .dense(weights: weights, bias: bias), from: from[0], to: to, givesFloats: givesFloats)
        case .dense(let weights, let bias):
            let shape = WindowShape(input, size: 1)
            let inputs = input.shape.count
            let sums = sums(weights, bias, from: source, output: givesFloats ? nil : target)
            let packed = builder.keep(
                shape.packed(outputs: output.shape.count) { weights.values[$0 * inputs + $1] })
            let offsets = builder.keep(shape.offsets)
            let (steps, lanes, size) = (shape.steps, lanes, givesFloats ? 4 : 1)
            builder.append(
                ForwardStep(node: index, parts: outStride / 16, cost: weights.values.count / 4) { base, count, parts in
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
        case .maxPool(let size, let stride, let padding), .averagePool(let size, let stride, let padding):
            let window = Window(size: size, stride: stride, padding: padding)
            guard let shape = FloatSteps.poolShape(window, input, output) else { preconditionFailure("images") }
            let scale = source.scale / target.scale
            let isAverage = if case .averagePool = node.operation { true } else { false }
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    var shape = shape
                    for example in 0..<count {
                        wb_pool_u8(
                            &shape, isAverage ? 1 : 0, scale, source.zero, target.zero,
                            Self.bytes(base, from[0]) + example * inStride, Self.bytes(base, to) + example * outStride)
                    }
                })
        case .globalAveragePool:
            guard let layout = input.order else { preconditionFailure("images") }
            let (blocks, plane) = (Int32(layout.blocks), Int32(layout.height * layout.width))
            let scale = source.scale / target.scale
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
            let table = builder.keep(QuantizedModel.table(activation, from: source, to: target))
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    wb_table_u8(count * inStride, 1, table, Self.bytes(base, from[0]), Self.bytes(base, to))
                })
        case .layerNorm(let weight, let bias, let epsilon):
            addFloats(
                node, index, .layerNorm(weight: weight, bias: bias, epsilon: epsilon), from: from[0], to: to,
                givesFloats: false)
        case .activation(let activation):
            addFloats(node, index, .activation(activation), from: from[0], to: to, givesFloats: false)
        case .add:
            let other = model.affine(node.inputs[1])
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

    /// What is not computed in integers: bytes become numbers, and what is found becomes bytes.
    private func addFloats(
        _ node: QuantizedModel.Node, _ index: Int, _ operation: ForwardNode.Operation, from: Int, to: Int,
        givesFloats: Bool
    ) {
        let (input, output) = (tensor(node.inputs[0]), tensors[index])
        let (source, target) = (model.affine(node.inputs[0]), node.output)
        let (inStride, outStride) = (input.stride, output.stride)
        let taken = builder.place(inStride * 4)
        let found = givesFloats ? to : builder.place(outStride * 4)
        builder.append(
            ForwardStep(node: index) { base, count, _ in
                wb_dequantize_u8(
                    count * inStride, Self.bytes(base, from), source.scale, source.zero,
                    (base + taken).assumingMemoryBound(to: Float.self))
            })
        let floats = ForwardNode(
            operation: operation, inputs: node.inputs, relu: node.relu, output: output, name: node.name, layer: index)
        FloatSteps.add(floats, index, takes: input, from: [taken], to: found, builder)
        guard !givesFloats else { return }
        builder.append(
            ForwardStep(node: index) { base, count, _ in
                wb_quantize_u8(
                    count * outStride, (base + found).assumingMemoryBound(to: Float.self), 1 / target.scale,
                    target.zero, Self.bytes(base, to))
            })
    }

    private func addConvolution(
        _ node: QuantizedModel.Node, _ index: Int, _ conv: ConvolutionSpec, _ weights: QuantizedWeights,
        _ bias: [Int32], from: Int, to: Int
    ) {
        let input = tensor(node.inputs[0])
        let (source, target) = (model.affine(node.inputs[0]), node.output)
        let (bordered, at, stride) = FloatSteps.addBorder(
            conv, input, index, from: from, size: 1, fill: UInt8(source.zero), builder)
        guard let output = tensors[index].order else { preconditionFailure("a convolution gives images") }
        let shape = WindowShape(conv, layout: bordered, size: 1)
        let isPooled = node.isPooled
        let sums = sums(weights, bias, from: source, output: target)
        let packed = builder.keep(
            shape.packed(outputs: conv.filters) { output, plain in
                conv.weightIndex(output, plain, channels: input.channels).map { weights.values[$0] } ?? 0
            })
        let offsets = builder.keep(shape.offsets)
        let (runs, outStride, lanes) = (shape.offsets.count, tensors[index].stride, lanes)
        let low = node.relu ? target.zero : 0
        builder.append(
            ForwardStep(
                node: index, parts: output.height,
                cost: weights.values.count * output.height * output.width * (isPooled ? 4 : 1) / 4
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
        _ node: QuantizedModel.Node, _ index: Int, _ conv: ConvolutionSpec, _ weights: QuantizedWeights,
        _ bias: [Int32], from: Int, to: Int
    ) {
        let input = tensor(node.inputs[0])
        let (source, target) = (model.affine(node.inputs[0]), node.output)
        let (bordered, at, stride) = FloatSteps.addBorder(
            conv, input, index, from: from, size: 1, fill: UInt8(source.zero), builder)
        guard let output = tensors[index].order else { preconditionFailure("a convolution gives images") }
        let taps = conv.kernel * conv.kernel
        let sums = sums(weights, bias, from: source, output: target)
        var blocked = [Int8](repeating: 0, count: output.blocks * taps * 16)
        for channel in 0..<conv.filters {
            for tap in 0..<taps {
                blocked[(channel / 16 * taps + tap) * 16 + channel % 16] = weights.values[channel * taps + tap]
            }
        }
        let packed = builder.keep(blocked)
        let offsets = builder.keep(
            (0..<taps).map { tap in
                Int32((tap / conv.kernel * bordered.width + tap % conv.kernel) * conv.dilation * 16)
            })
        let (outStride, low) = (tensors[index].stride, node.relu ? target.zero : 0)
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
