// Network: layers whose shapes fit, each with the layers that it gets its input from.

/// A network whose shapes fit from input to logits.
public struct Network: Sendable, Equatable {
    public let input: TensorShape
    /// Values that it gives: one a class, or as many as the loss asks for.
    public let classes: Int
    /// In an order in which each comes after those that it takes its input from; the last gives the logits.
    public let layers: [NetworkLayer]

    /// Infers the shapes of `specs` for examples of shape `input` and labels of `classes` classes.
    public init(_ specs: [LayerSpec], input: TensorShape, classes: Int) throws(NetworkError) {
        try self.init(part: specs, input: input, classes: classes)
        let output = layers.last?.output ?? input
        guard output == .vector(classes) else { throw .outputNotClasses(got: output, classes: classes) }
    }

    /// Layers that need not end in logits, such as a single one under test.
    init(part specs: [LayerSpec], input: TensorShape, classes: Int) throws(NetworkError) {
        guard !specs.isEmpty else { throw .empty }
        var lowering = Lowering(input: input, classes: classes)
        _ = try lowering.append(specs, to: -1, place: "")
        lowering.takeReLUs()
        self.input = input
        self.classes = classes
        layers = lowering.layers
    }

    /// `other` with other numbers of channels or units in the layers `widths`; convolutions of single channels follow.
    /// Parameters keep their names, so that weights can be carried over.
    /// - Throws: ``NetworkError`` where the shapes do not fit any more.
    public init(_ other: Network, widths: [Int: Int]) throws(NetworkError) {
        var lowering = Lowering(input: other.input, classes: other.classes)
        try lowering.append(other.layers, widths: widths)
        lowering.takeReLUs()
        input = other.input
        classes = other.classes
        layers = lowering.layers
    }

    /// Layers that follow from those of a network whose shapes fit.
    init(input: TensorShape, classes: Int, layers: [NetworkLayer]) {
        self.input = input
        self.classes = classes
        self.layers = layers
    }

    /// All parameters, first layer first, weight before bias.
    public var parameters: [ParameterShape] { layers.flatMap(\.parameters) }
    /// Number of values that are trained.
    public var parameterCount: Int { layers.reduce(0) { $0 + $1.parameterCount } }
    /// Bytes of all parameters, as float32.
    public var parameterBytes: Int { parameterCount * 4 }
    /// Bytes of all layers' outputs of one example, as float32.
    public var activationBytes: Int { layers.reduce(0) { $0 + $1.activationBytes } }
    /// Multiply-adds for one example, forward.
    public var multiplyAdds: Int { layers.reduce(0) { $0 + $1.multiplyAdds } }

    /// Shape of what layer `index` gives; -1: of the input.
    func shape(_ index: Int) -> TensorShape { index < 0 ? input : layers[index].output }

    /// How many layers take the output of layer `index` (-1: the input).
    func consumers(of index: Int) -> Int { layers.reduce(0) { $0 + $1.inputs.count(where: { $0 == index }) } }
}
