// LayerGrammar: what the network of a spec may say.
import Engine
import Yams

/// Turns the nodes of a network into layers; what is wrong goes to `problems`.
struct LayerGrammar {
    let problems: SpecProblems
    /// Residual blocks around the layer at hand: "3." in the block that stands third.
    private var place = ""
    /// Blocks within blocks, at most.
    private static let deepest = 8

    init(_ problems: SpecProblems) { self.problems = problems }

    private static let layerNames =
        [
            "conv", "depthwise_conv", "separable_conv", "max_pool", "average_pool", "global_average_pool", "flatten",
            "dense", "batch_norm", "layer_norm", "dropout", "residual",
        ] + Activation.named.map(\.name).filter { $0 != "linear" }

    func network(_ node: Node?, _ root: Node, loss: LossSpec) -> [LayerSpec] {
        guard let node else {
            problems.add(root, "network is missing: a list of layers that ends with dense: {units: classes}.")
            return []
        }
        guard case .sequence(let items) = node, !items.isEmpty else {
            problems.add(node, "network must be a list of layers, each on a line that begins with a dash.")
            return []
        }
        guard items.count <= 1000 else {
            problems.add(node, "network has \(items.count) layers; at most 1000 are allowed.")
            return []
        }
        var layers: [LayerSpec] = []
        var vectorsSince: String?
        for (index, item) in items.enumerated() {
            guard let layer = layer(item, index) else { continue }
            if layer.needsImage, let before = vectorsSince {
                problems.add(
                    item, "layer \(index + 1): \(layer.name) needs an image, but \(before) before it has made a vector."
                )
            }
            if layer.makesVector { vectorsSince = vectorsSince ?? layer.name }
            layers.append(layer)
        }
        if layers.count == items.count, let last = layers.last, let item = items.last { check(last, item, loss) }
        return layers
    }

    /// The last layer gives what the loss takes.
    private func check(_ last: LayerSpec, _ item: Node, _ loss: LossSpec) {
        let units = loss.isRegression ? "1" : "classes"
        if last == .activation(.softmax) {
            problems.add(
                item,
                "the last layer is softmax, but \(loss.name) takes the values before it and applies what it needs itself: drop softmax."
            )
            return
        }
        guard case .dense(_, let activation, _) = last else {
            problems.add(
                item,
                "the last layer gives the \(loss.isRegression ? "predictions" : "logits"), so it must be dense: {units: \(units)}, not \(last.name)."
            )
            return
        }
        if activation != .linear {
            problems.add(
                item,
                "the last layer gives the \(loss.isRegression ? "predictions" : "logits"), so it takes no activation: drop activation: \(activation.name)."
            )
        }
    }

    private func layer(_ node: Node, _ index: Int) -> LayerSpec? {
        let number = "\(place)\(index + 1)"
        let name: String
        var body: Node?
        switch node {
        case .scalar(let scalar): name = scalar.string
        case .mapping(let mapping):
            guard mapping.count == 1, let (key, value) = mapping.first, case .scalar(let scalar) = key else {
                problems.add(node, "layer \(number) must be one name, such as conv: {filters: 32, kernel: 3}.")
                return nil
            }
            (name, body) = (scalar.string, value)
        case .sequence, .alias:
            problems.add(node, "layer \(number) must be one name, such as conv: {filters: 32, kernel: 3}.")
            return nil
        }
        guard Self.layerNames.contains(name) else {
            if let meant = nearest(name, among: Self.layerNames) {
                problems.add(node, "layer \(number): \(name) is unknown; did you mean \(meant)?")
            } else {
                problems.add(
                    node, "layer \(number): \(name) is unknown; known are \(Self.layerNames.joined(separator: ", ")).")
            }
            return nil
        }
        return named(name, node, body, number)
    }

    private func named(_ name: String, _ node: Node, _ body: Node?, _ number: String) -> LayerSpec? {
        if name == "residual" { return residual(node, body, number) }
        // `dropout: 0.5` is short for `dropout: {rate: 0.5}`.
        var fields = SpecFields(
            name == "dropout" ? body.map(Self.rate) : body, path: "layer \(number) (\(name)): ", problems)
        defer { fields.end() }
        switch name {
        case "conv": return convolution(&fields, number, name).map { .conv($0) }
        case "depthwise_conv": return convolution(&fields, number, name).map { .depthwiseConv($0) }
        case "separable_conv": return convolution(&fields, number, name).map { .separableConv($0) }
        case "max_pool", "average_pool":
            guard let size = fields.int("size", in: 1...255) else { return nil }
            let stride = fields.int("stride", in: 1...255, default: size) ?? size
            let node = fields.node("padding")
            let padding = padding(node, number)
            if case .explicit(let pixels) = padding, pixels >= size {
                problems.add(node, "layer \(number): padding must be less than the size of the window, \(size).")
            }
            return name == "max_pool"
                ? .maxPool(size: size, stride: stride, padding: padding)
                : .averagePool(size: size, stride: stride, padding: padding)
        case "global_average_pool": return .globalAveragePool
        case "flatten": return .flatten
        case "dense":
            var units: Int?
            if case .scalar(let scalar)? = fields.node("units"), scalar.string == "classes" {
                units = nil
            } else {
                guard let number = fields.int("units", in: 1...1_000_000) else { return nil }
                units = number
            }
            let activation = activation(&fields)
            return .dense(
                units: units, activation: activation,
                initializer: fields.choice("initializer", default: .glorotUniform))
        case "batch_norm":
            let momentum = fields.float("momentum", default: 0.1, "more than 0 and at most 1") { $0 > 0 && $0 <= 1 }
            let epsilon = fields.float("epsilon", default: 1e-5, "more than 0") { $0 > 0 }
            let activation = activation(&fields)
            return .batchNorm(momentum: momentum ?? 0.1, epsilon: epsilon ?? 1e-5, activation: activation)
        case "layer_norm":
            return .layerNorm(epsilon: fields.float("epsilon", default: 1e-5, "more than 0") { $0 > 0 } ?? 1e-5)
        case "dropout":
            return fields.float("rate", "at least 0 and less than 1") { $0 >= 0 && $0 < 1 }.map { .dropout(rate: $0) }
        case "leaky_relu": return .activation(.leakyReLU(slope: slope(&fields)))
        default:
            return Activation.named.first { $0.name == name }.map { .activation($0.activation) }
        }
    }

    private func convolution(_ fields: inout SpecFields, _ number: String, _ name: String) -> ConvolutionSpec? {
        let isDepthwise = name == "depthwise_conv"
        let filters = isDepthwise ? 0 : fields.int("filters", in: 1...65536)
        let kernel = fields.int("kernel", in: 1...255)
        guard let filters, let kernel else {
            for key in ["stride", "padding", "dilation", "groups", "bias", "activation", "slope", "initializer"] {
                _ = fields.node(key)
            }
            return nil
        }
        var spec = ConvolutionSpec(filters: filters, kernel: kernel)
        spec.stride = fields.int("stride", in: 1...255, default: 1) ?? 1
        spec.padding = padding(fields.node("padding"), number)
        spec.dilation = fields.int("dilation", in: 1...64, default: 1) ?? 1
        if name == "conv" { spec.groups = fields.int("groups", in: 1...65536, default: 1) ?? 1 }
        spec.hasBias = fields.bool("bias", default: true)
        spec.activation = activation(&fields)
        spec.initializer = fields.choice("initializer", default: .glorotUniform)
        if spec.activation == .softmax {
            problems.add(
                fields.node("activation"), "layer \(number): softmax goes over vectors; a convolution makes images.")
        }
        return spec
    }

    private func activation(_ fields: inout SpecFields) -> Activation {
        guard let node = fields.node("activation") else { return .linear }
        guard case .scalar(let scalar) = node, let found = Activation.named.first(where: { $0.name == scalar.string })
        else {
            let names = Activation.named.map(\.name).joined(separator: ", ")
            problems.add(node, "\(fields.path)activation must be one of \(names), but is \(node.shown).")
            return .linear
        }
        if case .leakyReLU = found.activation { return .leakyReLU(slope: slope(&fields)) }
        return found.activation
    }

    private func slope(_ fields: inout SpecFields) -> Float {
        fields.float("slope", default: Activation.standardSlope, "at least 0 and less than 1") { $0 >= 0 && $0 < 1 }
            ?? Activation.standardSlope
    }

    /// A list of layers, or `{layers: […], activation: …}`.
    private func residual(_ node: Node, _ body: Node?, _ number: String) -> LayerSpec? {
        var activation = Activation.relu
        var list = body
        if case .mapping? = body {
            var fields = SpecFields(body, path: "layer \(number) (residual): ", problems)
            list = fields.node("layers")
            if fields.has("activation") { activation = self.activation(&fields) }
            fields.end()
        }
        guard case .sequence(let items)? = list, !items.isEmpty else {
            problems.add(
                node, "layer \(number): residual must be a list of layers, each on a line that begins with a dash.")
            return nil
        }
        guard place.count(where: { $0 == "." }) < Self.deepest else {
            problems.add(node, "layer \(number): residual blocks are nested more than \(Self.deepest) deep.")
            return nil
        }
        var inner = self
        inner.place = number + "."
        let layers = items.enumerated().compactMap { inner.layer($1, $0) }
        return layers.count == items.count ? .residual(layers, activation: activation) : nil
    }

    private static func rate(_ node: Node) -> Node {
        guard case .scalar = node else { return node }
        return Node.mapping(Node.Mapping([(Node("rate"), node)]))
    }

    private func padding(_ node: Node?, _ number: String) -> Padding {
        guard let node else { return .valid }
        if case .scalar(let scalar) = node {
            switch scalar.string {
            case "valid": return .valid
            case "same": return .same
            default: if let pixels = Int(scalar.string), (0...254).contains(pixels) { return .explicit(pixels) }
            }
        }
        problems.add(
            node, "layer \(number): padding must be valid, same or a number of pixels up to 254, but is \(node.shown).")
        return .valid
    }
}

extension LayerSpec {
    fileprivate var needsImage: Bool {
        switch self {
        case .conv, .depthwiseConv, .separableConv, .maxPool, .averagePool, .globalAveragePool, .flatten: true
        case .dense, .batchNorm, .layerNorm, .activation, .dropout, .residual, .add: false
        }
    }

    fileprivate var makesVector: Bool {
        switch self {
        case .globalAveragePool, .flatten, .dense: true
        default: false
        }
    }
}
