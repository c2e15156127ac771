// Lowering: layers as a person writes them, taken apart into layers that name those they get their input from.

/// Takes residual blocks and separable convolutions apart, and infers shapes.
struct Lowering {
    let input: TensorShape
    let classes: Int
    var layers: [NetworkLayer] = []

    func shape(_ index: Int) -> TensorShape { index < 0 ? input : layers[index].output }

    /// Appends `specs` after layer `from`; returns the index of what they give.
    mutating func append(_ specs: [LayerSpec], to from: Int, place: String) throws(NetworkError) -> Int {
        var current = from
        for (position, spec) in specs.enumerated() {
            let here = place + "\(position + 1)"
            switch spec {
            case .separableConv(let conv):
                var depthwise = conv
                depthwise.hasBias = false
                depthwise.activation = .linear
                current = try add(.depthwiseConv(depthwise), [current], here)
                var pointwise = ConvolutionSpec(filters: conv.filters, kernel: 1)
                pointwise.hasBias = conv.hasBias
                pointwise.activation = conv.activation
                pointwise.initializer = conv.initializer
                current = try add(.conv(pointwise), [current], here)
            case .residual(let inner, let activation):
                let branch = try append(inner, to: current, place: here + ".")
                let shortcut = try project(current, like: branch, here)
                current = try add(.add(activation: activation), [branch, shortcut], here)
            default: current = try add(spec, [current], here)
            }
        }
        return current
    }

    /// The shortcut of a residual block: layer `from` itself, or brought to the shape of `branch`.
    private mutating func project(_ from: Int, like branch: Int, _ place: String) throws(NetworkError) -> Int {
        let (wanted, given) = (shape(branch), shape(from))
        if wanted == given { return from }
        guard case .image(let channels, let height, let width) = wanted,
            case .image(_, let fromHeight, let fromWidth) = given, height > 0, width > 0
        else { throw .branchesDiffer(layer: place, branch: wanted, input: given) }
        let stride = (fromHeight + height - 1) / height
        var conv = ConvolutionSpec(filters: channels, kernel: 1)
        conv.stride = stride
        conv.padding = .same
        conv.hasBias = false
        guard (fromHeight + stride - 1) / stride == height, (fromWidth + stride - 1) / stride == width else {
            throw .branchesDiffer(layer: place, branch: wanted, input: given)
        }
        let projected = try add(.conv(conv), [from], place)
        layers[projected].writtenAs = "projection"
        return try add(.batchNorm(), [projected], place)
    }

    private mutating func add(_ spec: LayerSpec, _ inputs: [Int], _ place: String) throws(NetworkError) -> Int {
        let layer = try NetworkLayer(
            spec, at: layers.count, place: place, inputs: inputs, input: shape(inputs[0]), classes: classes)
        layers.append(layer)
        return layer.index
    }

    /// Appends layers that were taken apart already, some of them with other widths.
    mutating func append(_ others: [NetworkLayer], widths: [Int: Int]) throws(NetworkError) {
        for other in others {
            var spec = other.spec
            switch spec {
            case .conv(let conv) where other.isDepthwise && other.writtenAs == LayerSpec.depthwiseName:
                spec = .depthwiseConv(conv)
            case .conv(var conv):
                conv.filters = widths[other.index] ?? conv.filters
                // As many groups as channels, whoever wrote it so.
                if other.isDepthwise, case .image(let channels, _, _) = shape(other.inputs[0]) {
                    (conv.filters, conv.groups) = (channels, channels)
                }
                spec = .conv(conv)
            case .dense(let units, let activation, let initializer):
                spec = .dense(
                    units: widths[other.index] ?? units, activation: activation, initializer: initializer)
            default: break
            }
            let added = try add(spec, other.inputs, "\(other.index + 1)")
            layers[added].writtenAs = other.writtenAs
        }
    }

    /// A ReLU layer right after arithmetic that nobody else looks at is computed with it.
    mutating func takeReLUs() {
        for index in layers.indices.dropFirst() {
            guard layers[index].spec == .activation(.relu), let before = layers[index].inputs.first, before >= 0,
                layers[before].activation == .linear,
                layers.count(where: { $0.inputs.contains(before) }) == 1
            else { continue }
            switch layers[before].spec {
            case .conv, .dense, .batchNorm:
                layers[before].takesReLU = true
                layers[index].isTaken = true
            default: break
            }
        }
    }
}
