// ONNXTracerLayers: nodes that are layers: products, windows, means.
import Engine

extension ONNXTracer {
    mutating func piece(
        _ kind: ONNXPiece.Kind, _ from: ONNXFlow, _ node: ONNXNode, _ shape: TensorShape, _ axes: [Int]
    ) throws(ONNXError) -> ONNXFlow {
        guard pieces.count < 10_000 else { throw .badGraph(path: model.path, reason: "it has more than 10,000 layers") }
        guard ONNXTensor.count(shape.axes) != nil else {
            throw unsupported(node, "it gives \(shape) values, more than are followed here")
        }
        pieces.append(ONNXPiece(kind: kind, inputs: [from.piece], shape: shape, node: node.title))
        let isMoved = shape == pieces[from.piece].shape && axes == from.shape
        return ONNXFlow(
            piece: pieces.count - 1, shape: axes,
            places: isMoved ? from.places : (0..<Int64(shape.count)).map { $0 }, samples: nil, node: node.title)
    }

    mutating func layer(
        _ spec: LayerSpec, _ arrays: [[Float]], _ from: ONNXFlow, _ node: ONNXNode, _ shape: TensorShape, _ axes: [Int]
    ) throws(ONNXError) -> ONNXFlow {
        try piece(.layer(spec, arrays), from, node, shape, axes)
    }

    func bias(_ tensor: ONNXTensor?, _ count: Int, _ node: ONNXNode) throws(ONNXError) -> [Float] {
        guard let tensor else { return Array(repeating: 0, count: count) }
        if tensor.count == 1 { return Array(repeating: tensor.asFloats[0], count: count) }
        guard tensor.count == count else { throw unsupported(node, "its bias has \(tensor.count) values for \(count)") }
        return tensor.asFloats
    }

    mutating func dense(
        _ node: ONNXNode, _ output: String, _ flow: ONNXFlow, _ weights: [Float], _ shape: [Int], _ bias: [Float]
    ) throws(ONNXError) {
        var from = try resolve(flow, node)
        let (units, inputs) = (shape[0], shape[1])
        guard from.shape.count == 2, from.shape[0] == 1, from.shape[1] == inputs, units > 0 else {
            throw unsupported(node, "it multiplies \(from.shape), not a row of \(inputs) features")
        }
        if pieces[from.piece].shape.isImage {
            let places = from.places
            from = try layer(.flatten, [], from, node, .vector(inputs), from.shape)
            from.places = places
        }
        // Columns as our order of features has them.
        var moved = weights
        if !from.isPlain {
            for unit in 0..<units {
                for (column, place) in from.places.enumerated() {
                    moved[unit * inputs + Int(place)] = weights[unit * inputs + column]
                }
            }
        }
        var result = try layer(.dense(units: units), [moved, bias], from, node, .vector(units), [1, units])
        result.places = (0..<Int64(units)).map { $0 }
        flows[output] = result
    }

    /// One operation with the flow's shape, to ask it about windows.
    func windows(_ node: ONNXNode, _ flow: ONNXFlow, kernel: [Int]?) throws(ONNXError) -> ONNXOperation.Windows {
        do throws(ONNXFault) {
            return try ONNXOperation(node: node, inputs: [], opset: model.opset).windows(flow.shape, kernel: kernel)
        } catch {
            throw unsupported(node, error.reason)
        }
    }

    /// How we say the padding of `windows`.
    func padding(_ windows: ONNXOperation.Windows, _ node: ONNXNode) throws(ONNXError) -> Padding {
        let stride = windows.strides[0]
        let alike = Window(size: windows.kernel[0], stride: stride, padding: .same, dilation: windows.dilations[0])
        let (reach, same) = (alike.extent, windows.input.map(alike.pads))
        let isFloor = zip(windows.input, windows.output).enumerated().allSatisfy { axis, lengths in
            (lengths.0 + windows.before[axis] + windows.after[axis] - reach) / stride + 1 == lengths.1
        }
        if isFloor, windows.before == windows.after, Set(windows.before).count == 1 {
            return windows.before[0] == 0 ? .valid : .explicit(windows.before[0])
        }
        let isSame = windows.output == windows.input.map { ($0 + stride - 1) / stride }
        // With a rounded up length what lies behind the end is padding as well.
        if isSame, windows.before == same.map(\.before), !isFloor || windows.after == same.map(\.after) {
            return .same
        }
        throw unsupported(
            node, "its padding \(windows.before + windows.after) is neither the same on all sides nor that of \"same\"")
    }

    func checkSquare(_ windows: ONNXOperation.Windows, _ node: ONNXNode) throws(ONNXError) {
        guard windows.kernel.count == 2 else {
            throw unsupported(node, "it goes over \(windows.kernel.count) axes, not two")
        }
        guard windows.kernel[0] == windows.kernel[1], windows.strides[0] == windows.strides[1],
            windows.dilations[0] == windows.dilations[1]
        else { throw unsupported(node, "its windows are not square") }
    }

    mutating func convolution(
        _ node: ONNXNode, _ output: String, _ flow: ONNXFlow, _ weights: ONNXTensor, _ bias: ONNXTensor?,
        _ evaluator: ONNXEvaluator
    ) throws(ONNXError) {
        let from = try resolve(flow, node)
        guard weights.shape.count == 4, weights.isFloat else {
            throw unsupported(node, "its weights have \(weights.shape.count) axes, not four")
        }
        let windows = try windows(node, from, kernel: Array(weights.shape.dropFirst(2)))
        try checkSquare(windows, node)
        guard from.isPlain, pieces[from.piece].shape.isImage, from.shape.count == 4 else {
            throw unsupported(node, "what reaches it is no image with its channels first")
        }
        var conv = ConvolutionSpec(filters: weights.shape[0], kernel: windows.kernel[0])
        conv.stride = windows.strides[0]
        conv.dilation = windows.dilations[0]
        conv.groups = node.int("group", or: 1)
        conv.padding = try padding(windows, node)
        conv.hasBias = bias != nil
        guard conv.groups >= 1, from.shape[1] % conv.groups == 0, weights.shape[0] % conv.groups == 0,
            weights.shape[1] == from.shape[1] / conv.groups, windows.kernel == Array(weights.shape.dropFirst(2)),
            weights.shape[0] > 0
        else { throw unsupported(node, "its weights do not fit \(from.shape[1]) channels in \(conv.groups) groups") }
        let arrays = [weights.floats] + (bias == nil ? [] : [try self.bias(bias, conv.filters, node)])
        let shape = TensorShape.image(channels: conv.filters, height: windows.output[0], width: windows.output[1])
        flows[output] = try layer(.conv(conv), arrays, from, node, shape, [1] + shape.axes)
    }

    mutating func pool(_ node: ONNXNode, _ output: String, _ flow: ONNXFlow) throws(ONNXError) {
        let from = try resolve(flow, node)
        let windows = try windows(node, from, kernel: nil)
        try checkSquare(windows, node)
        guard from.isPlain, case .image(let channels, _, _) = pieces[from.piece].shape, from.shape.count == 4 else {
            throw unsupported(node, "what reaches it is no image with its channels first")
        }
        guard windows.dilations[0] == 1 else { throw unsupported(node, "its windows have gaps") }
        if node.operation == "AveragePool", node.int("count_include_pad", or: 0) == 1,
            windows.before + windows.after != [0, 0, 0, 0]
        {
            throw unsupported(node, "it counts what is padded")
        }
        let padding = try padding(windows, node)
        let (size, stride) = (windows.kernel[0], windows.strides[0])
        let spec: LayerSpec =
            node.operation == "MaxPool"
            ? .maxPool(size: size, stride: stride, padding: padding)
            : .averagePool(size: size, stride: stride, padding: padding)
        let shape = TensorShape.image(channels: channels, height: windows.output[0], width: windows.output[1])
        flows[output] = try layer(spec, [], from, node, shape, [1] + shape.axes)
    }

    mutating func average(
        _ node: ONNXNode, _ output: String, _ flow: ONNXFlow, _ axes: [Int], keeps: Bool
    ) throws(ONNXError) {
        let from = try resolve(flow, node)
        guard case .image(let channels, let height, let width) = pieces[from.piece].shape else {
            throw unsupported(node, "it takes means of something else than an image's pixels")
        }
        let kept = from.shape.enumerated().map { axes.contains($0.offset) ? 1 : $0.element }
        let steps = ONNXTensor.steps(kept)
        var channelOf = [Int64](repeating: -1, count: kept.reduce(1, *))
        var (place, isWhole) = (0, channelOf.count == channels && from.places.count == channels * height * width)
        if isWhole {
            ONNXTensor.each(from.shape) { index in
                var target = 0
                for axis in index.indices where kept[axis] != 1 { target += index[axis] * steps[axis] }
                let channel = from.places[place] / Int64(height * width)
                if channelOf[target] >= 0, channelOf[target] != channel { isWhole = false }
                channelOf[target] = channel
                place += 1
            }
        }
        guard isWhole else {
            throw unsupported(node, "it takes means of something else than all pixels of each channel")
        }
        let shape = keeps ? kept : from.shape.indices.filter { !axes.contains($0) }.map { from.shape[$0] }
        var result = try layer(.globalAveragePool, [], from, node, .vector(channels), shape)
        result.places = channelOf
        flows[output] = result
    }

    /// Only what ends a classifier of two classes: (1 - s, s).
    mutating func join(_ node: ONNXNode, _ output: String) throws(ONNXError) {
        guard node.inputs.count == 2, let first = flows[node.inputs[0]], let second = flows[node.inputs[1]],
            first.piece == second.piece, second.places.count == 1, let source = sigmoidOf[node.inputs[1]],
            let a = first.samples, let b = second.samples, zip(a, b).allSatisfy({ abs($0 + $1 - 1) < 1e-5 }),
            output == model.outputs.first
        else { throw unsupported(node, "branches that are joined are not known here") }
        flows[output] = flows[source]
        sigmoidOf[output] = source
    }
}
