// NetworkError: why layers are no network.

/// Why layers are no network for the data. `layer` counts from 1, as a person does; "3.2" is the second one in the
/// residual block that stands third.
public enum NetworkError: Error, Equatable, CustomStringConvertible {
    case needsImage(layer: String, name: String, got: TensorShape)
    case needsVector(layer: String, name: String, got: TensorShape)
    case windowTooLarge(layer: String, name: String, window: Int, input: TensorShape)
    case unevenGroups(layer: String, name: String, groups: Int, channels: Int, filters: Int)
    case branchesDiffer(layer: String, branch: TensorShape, input: TensorShape)
    case outputNotClasses(got: TensorShape, classes: Int)
    case tooLarge(layer: String, name: String, values: Int)
    case empty

    public var description: String {
        switch self {
        case .needsImage(let layer, let name, let got):
            "Layer \(layer) (\(name)) needs an image, but what reaches it is a vector of \(got): the data are tables, or a flatten comes too early."
        case .needsVector(let layer, let name, let got):
            "Layer \(layer) (\(name)) needs a vector, but what reaches it is an image of \(got): put a flatten before it."
        case .windowTooLarge(let layer, let name, let window, let input):
            "Layer \(layer) (\(name)) has a window of \(window)x\(window), but what reaches it is only \(input): drop a pooling, use padding: same, or larger images."
        case .unevenGroups(let layer, let name, let groups, let channels, let filters):
            "Layer \(layer) (\(name)) has \(groups) groups, which do not divide its \(channels) input channels and \(filters) filters: choose numbers that they divide."
        case .branchesDiffer(let layer, let branch, let input):
            "Layer \(layer) (residual) makes \(branch) of \(input), which can't be added: keep the number of features, or make images of images."
        case .outputNotClasses(let got, let classes):
            "The network ends with \(got) values, but the data ask for \(classes): end it with dense: {units: \(classes == 1 ? "1" : "classes")}."
        case .tooLarge(let layer, let name, let values):
            "Layer \(layer) (\(name)) would have \(values) values, more than the 536870912 that this version takes: make it smaller."
        case .empty: "The network has no layers."
        }
    }
}
