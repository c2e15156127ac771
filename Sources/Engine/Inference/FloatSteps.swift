// FloatSteps: the steps of a forward graph in float32.
import CPrimitives

/// A forward graph planned in float32.
struct FloatSteps {
    let plan: ForwardPlan
    /// Where each node's output lies in a slot.
    let outputs: [Int]
    let tileSize: Int

    init(_ graph: ForwardGraph, workers: Int) {
        let bytes = (graph.input.stride + graph.nodes.reduce(0) { $0 + $1.output.stride }) * 4
        tileSize = ForwardPlan.tileSize(bytes: bytes)
        let builder = ForwardBuilder(tileSize: tileSize, arena: Arena())
        let input = builder.place(graph.input.stride * 4)
        var outputs: [Int] = []
        for (index, node) in graph.nodes.enumerated() {
            let from = node.inputs.map { $0 < 0 ? input : outputs[$0] }
            if case .flatten = node.operation, node.output.order == graph.tensor(node.inputs[0]).order {
                outputs.append(from[0])
                continue
            }
            let to = builder.place(node.output.stride * 4)
            outputs.append(to)
            Self.add(node, index, takes: graph.tensor(node.inputs[0]), from: from, to: to, builder)
        }
        self.outputs = outputs
        let last = graph.nodes.count - 1
        plan = ForwardPlan(
            builder, inputOffset: input, inputStride: graph.input.stride * 4, outputOffset: outputs[last],
            outputStride: graph.nodes[last].output.stride, workers: workers)
    }

    private static func floats(_ base: UnsafeMutableRawPointer, _ offset: Int) -> UnsafeMutablePointer<Float> {
        (base + offset).assumingMemoryBound(to: Float.self)
    }

    /// Adds what computes `node`, the node `index` of the graph, whose (first) input lies as `input`.
    static func add(
        _ node: ForwardNode, _ index: Int, takes input: ForwardTensor, from: [Int], to: Int, _ builder: ForwardBuilder
    ) {
        let output = node.output
        let (inStride, outStride) = (input.stride, output.stride)
        switch node.operation {
        case .conv(let conv, let weights, let bias, let isPooled):
            addConvolution(
                node, index, conv, weights, bias, isPooled, takes: input, from: from[0], to: to, builder)
        case .dense(let weights, let bias):
            let shape = WindowShape(input, size: 4)
            let inputs = input.shape.count
            let blocks = outStride / 16
            let packed = builder.keep(
                shape.packed(outputs: output.shape.count) { weights[$0 * inputs + $1] })
            let kept = builder.keep(bias + Array(repeating: 0, count: outStride - bias.count))
            let offsets = builder.keep(shape.offsets)
            let (steps, relu) = (shape.steps, node.relu)
            builder.append(
                ForwardStep(node: index, parts: blocks, cost: weights.count) { base, count, parts in
                    var window = wb_window()
                    (window.rows, window.pixels, window.blocks) = (1, Int32(count), Int32(parts.count))
                    (window.runs, window.steps, window.offsets) = (1, Int32(steps), UnsafePointer(offsets))
                    window.x_pixel = inStride * 4
                    (window.y_pixel, window.y_block) = (outStride * 4, 64)
                    window.bias = UnsafeRawPointer(kept + parts.lowerBound * 16)
                    window.relu = relu ? 1 : 0
                    wb_window_f32(
                        &window, floats(base, from[0]), packed + parts.lowerBound * steps * 16,
                        floats(base, to) + parts.lowerBound * 16)
                })
        case .depthwise(let conv, let weights, let bias):
            guard let from16 = input.order, let to16 = output.order else { preconditionFailure("images") }
            let window = Window(conv)
            let taps = conv.kernel * conv.kernel
            var shape = wb_depthwise_shape()
            (shape.blocks, shape.block) = (Int32(from16.blocks), 16)
            (shape.h, shape.w, shape.out_h, shape.out_w) = (
                Int32(from16.height), Int32(from16.width), Int32(to16.height), Int32(to16.width)
            )
            (shape.kernel, shape.stride, shape.dilation) = (
                Int32(conv.kernel), Int32(conv.stride), Int32(conv.dilation)
            )
            shape.pad_top = Int32(window.pads(from16.height).before)
            shape.pad_left = Int32(window.pads(from16.width).before)
            var blocked = [Float](repeating: 0, count: from16.blocks * 16 * taps)
            for channel in 0..<from16.channels {
                for tap in 0..<taps {
                    blocked[(channel / 16 * taps + tap) * 16 + channel % 16] = weights[channel * taps + tap]
                }
            }
            let packed = builder.keep(blocked)
            let kept = builder.keep(bias + Array(repeating: 0, count: from16.blocks * 16 - bias.count))
            let (planned, relu) = (shape, node.relu)
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    var shape = planned
                    shape.n = Int32(count)
                    wb_depthwise_forward_f32(
                        &shape, floats(base, from[0]), packed, kept, relu ? 1 : 0, floats(base, to))
                })
        case .pool(let isAverage, let window):
            guard let planned = poolShape(window, input, output) else { preconditionFailure("images") }
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    var shape = planned
                    shape.n = Int32(count)
                    if isAverage {
                        wb_average_pool_forward_f32(&shape, floats(base, from[0]), floats(base, to))
                    } else {
                        wb_max_pool_forward_f32(&shape, floats(base, from[0]), floats(base, to))
                    }
                })
        case .globalAverage:
            let (channels, plane) = (Int32(input.channels), Int32(input.plane))
            let block = Int32(input.order?.block ?? 1)
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    wb_global_average_forward_f32(
                        Int32(count), channels, plane, block, floats(base, from[0]), floats(base, to), Int32(outStride))
                })
        case .flatten:
            let (channels, plane) = (Int32(input.channels), Int32(input.plane))
            let block = Int32(input.order?.block ?? 1)
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    wb_unblock_f32(
                        Int32(count), channels, plane, block, floats(base, from[0]), floats(base, to), Int32(outStride))
                })
        case .norm(let factor, let shift):
            let channels = input.channelOfPlace
            let factors = builder.keep(channels.map { $0 < 0 ? 0 : factor[Int($0)] })
            let shifts = builder.keep(channels.map { $0 < 0 ? 0 : shift[Int($0)] })
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    for example in 0..<count {
                        let (x, y) = (
                            floats(base, from[0]) + example * inStride, floats(base, to) + example * outStride
                        )
                        for i in 0..<inStride { y[i] = x[i] * factors[i] + shifts[i] }
                    }
                })
        case .layerNorm(let weight, let bias, let epsilon):
            let width = input.shape.count
            let padding = [Float](repeating: 0, count: inStride - width)
            let (gamma, beta) = (builder.keep(weight + padding), builder.keep(bias + padding))
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    for example in 0..<count {
                        var statistics = (Float(0), Float(0))
                        withUnsafeMutableBytes(of: &statistics) { place in
                            wb_layer_norm_forward_f32(
                                1, Int32(width), Int32(inStride), floats(base, from[0]) + example * inStride, gamma,
                                beta,
                                epsilon, floats(base, to) + example * outStride,
                                place.baseAddress?.assumingMemoryBound(to: Float.self))
                        }
                    }
                })
        case .activation(let activation):
            let width = Int32(input.shape.count)
            guard let kind = activation.kernel else {
                builder.append(
                    ForwardStep(node: index) { base, count, _ in
                        wb_softmax_forward_f32(
                            Int32(count), width, Int32(inStride), floats(base, from[0]), floats(base, to))
                    })
                return
            }
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    wb_activation_forward_f32(
                        kind.number, kind.slope, count * inStride, floats(base, from[0]), floats(base, to))
                })
        case .add:
            let relu: Int32 = node.relu ? 1 : 0
            builder.append(
                ForwardStep(node: index) { base, count, _ in
                    wb_add_f32(count * outStride, floats(base, from[0]), floats(base, from[1]), relu, floats(base, to))
                })
        }
    }

    static func poolShape(_ window: Window, _ input: ForwardTensor, _ output: ForwardTensor) -> wb_pool_shape? {
        guard let from = input.order, let to = output.order else { return nil }
        var shape = wb_pool_shape()
        (shape.blocks, shape.block) = (Int32(from.blocks), 16)
        (shape.h, shape.w, shape.out_h, shape.out_w) = (
            Int32(from.height), Int32(from.width), Int32(to.height), Int32(to.width)
        )
        (shape.size, shape.stride) = (Int32(window.size), Int32(window.stride))
        shape.pad_top = Int32(window.pads(from.height).before)
        shape.pad_left = Int32(window.pads(from.width).before)
        return shape
    }

    private static func addConvolution(
        _ node: ForwardNode, _ index: Int, _ conv: ConvolutionSpec, _ weights: [Float], _ bias: [Float],
        _ isPooled: Bool, takes input: ForwardTensor, from: Int, to: Int, _ builder: ForwardBuilder
    ) {
        let (bordered, at, stride) = addBorder(conv, input, index, from: from, size: 4, fill: 0, builder)
        guard let output = node.output.order else { preconditionFailure("a convolution gives images") }
        let shape = WindowShape(conv, layout: bordered, size: 4)
        let packed = builder.keep(
            shape.packed(outputs: conv.filters) { output, plain in
                conv.weightIndex(output, plain, channels: input.channels).map { weights[$0] } ?? 0
            })
        let kept = builder.keep(bias + Array(repeating: 0, count: output.blocks * 16 - bias.count))
        let offsets = builder.keep(shape.offsets)
        let (runs, relu, outStride) = (shape.offsets.count, node.relu, node.output.stride)
        builder.append(
            ForwardStep(
                node: index, parts: output.height,
                cost: weights.count * output.height * output.width * (isPooled ? 4 : 1)
            ) { base, count, parts in
                var window = wb_window()
                (window.rows, window.pixels, window.blocks) = (
                    Int32(parts.count), Int32(output.width), Int32(output.blocks)
                )
                (window.runs, window.steps, window.offsets) = (Int32(runs), Int32(shape.steps), UnsafePointer(offsets))
                (window.x_row, window.x_pixel) = (shape.rowBytes, shape.pixelBytes)
                window.y_row = output.width * 64
                window.y_pixel = 64
                window.y_block = output.height * output.width * 64
                window.pooled = isPooled ? 1 : 0
                window.bias = UnsafeRawPointer(kept)
                window.relu = relu ? 1 : 0
                let first = parts.lowerBound * shape.rowBytes / 4 * (isPooled ? 2 : 1)
                for example in 0..<count {
                    wb_window_f32(
                        &window, floats(base, at) + example * stride + first, packed,
                        floats(base, to) + example * outStride + parts.lowerBound * output.width * 16)
                }
            })
    }

    /// Adds what puts a border around the images that a convolution takes, where it needs one; says how they lie then, where,
    /// and how far apart.
    static func addBorder(
        _ conv: ConvolutionSpec, _ input: ForwardTensor, _ index: Int, from: Int, size: Int, fill: UInt8,
        _ builder: ForwardBuilder
    ) -> (layout: ImageLayout, offset: Int, stride: Int) {
        guard let layout = input.order else { preconditionFailure("a convolution takes images") }
        let window = Window(conv)
        let (rows, columns) = (window.pads(layout.height), window.pads(layout.width))
        guard rows.before + rows.after + columns.before + columns.after > 0 else { return (layout, from, input.stride) }
        var bordered = layout
        bordered.height += rows.before + rows.after
        bordered.width += columns.before + columns.after
        let stride = padded(bordered.stride)
        let offset = builder.place(stride * size, value: fill)
        let whole = bordered
        builder.append(
            ForwardStep(node: index) { base, count, _ in
                for example in 0..<count {
                    wb_border(
                        Int32(layout.blocks), Int32(layout.height), Int32(layout.width), Int32(layout.block * size),
                        Int32(rows.before), Int32(columns.before), Int32(whole.height), Int32(whole.width),
                        (base + from + example * input.stride * size).assumingMemoryBound(to: UInt8.self),
                        (base + offset + example * stride * size).assumingMemoryBound(to: UInt8.self))
                }
            })
        return (bordered, offset, stride)
    }
}
