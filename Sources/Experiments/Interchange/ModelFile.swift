// ModelFile: a trained model as one safetensors file that says of itself what it is, and such files, and those of others, back.
import Engine
import Foundation

/// Models as safetensors files: float32 weights under the network's names, in the network's order. The metadata hold `spec` (YAML),
/// `preprocessing` (JSON), `classes` (a JSON array), `step`, `variant` where it is one, and `format`, which says "pt" as PyTorch's
/// own files do: arrays are laid out as its are.
public enum ModelFile {
    static let version = "1"
    /// Largest file that is read.
    static let maximumBytes = 4 << 30

    // MARK: Out

    /// The file of `model`.
    /// - Parameter variant: name of the variant that it is; nil: the model itself.
    /// - Throws: ``SpecError``, ``ModelError`` where the layers of a variant can't be written as a spec.
    public static func encode(_ model: TrainedModel, specYAML: String, variant: String?) throws -> Data {
        var yaml = specYAML
        if let layers = try narrowed(model) {
            yaml = try SpecFile.parse(
                yaml: specYAML, file: model.path, overrides: [("network", SpecText.network(layers))]
            ).yaml
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var metadata = [
            "format": "pt", "workbench": version, "spec": yaml, "step": "\(model.step)",
            "preprocessing": String(decoding: try encoder.encode(model.preprocessing), as: UTF8.self),
            "classes": String(decoding: try encoder.encode(model.preprocessing.classes), as: UTF8.self),
        ]
        metadata["variant"] = variant
        return SafeTensors(
            tensors: model.weights.map { TensorRecord(name: $0.name, shape: $0.shape, values: $0.values) },
            metadata: metadata
        ).encoded()
    }

    /// The layers of a model that has fewer channels than its spec says; nil: it is as the spec says.
    private static func narrowed(_ model: TrainedModel) throws -> [LayerSpec]? {
        func network(_ layers: [LayerSpec]) throws -> Network {
            try Network(
                layers, input: model.preprocessing.shape,
                classes: model.spec.training.loss.outputs(classes: model.preprocessing.classes.count))
        }
        guard try network(model.spec.network).parameters != model.network.parameters else { return nil }
        var place = 0
        let layers = narrowed(model.spec.network, like: model.network, &place)
        guard try network(layers).parameters.map(\.shape) == model.network.parameters.map(\.shape) else {
            throw ModelError.badVariant(path: model.path, name: "with fewer channels")
        }
        return layers
    }

    /// `specs` with the widths of the layers of `network` from `place` on, which they became when they were taken apart.
    private static func narrowed(_ specs: [LayerSpec], like network: Network, _ place: inout Int) -> [LayerSpec] {
        specs.map { spec in
            switch spec {
            case .residual(let inner, let activation):
                let layers = narrowed(inner, like: network, &place)
                // The shortcut's convolution and norm, where it has them, and the sum.
                if network.layers.indices.contains(place), network.layers[place].name == "projection" { place += 2 }
                place += 1
                return .residual(layers, activation: activation)
            case .separableConv(var conv):
                place += 2
                if case .conv(let made) = network.layers[place - 1].spec { conv.filters = made.filters }
                return .separableConv(conv)
            case .conv(var conv):
                place += 1
                if case .conv(let made) = network.layers[place - 1].spec {
                    (conv.filters, conv.groups) = (made.filters, made.groups)
                }
                return .conv(conv)
            case .dense(let units?, let activation, let initializer):
                place += 1
                if case .dense(let made, _, _) = network.layers[place - 1].spec {
                    return .dense(units: made ?? units, activation: activation, initializer: initializer)
                }
                return spec
            default:
                place += 1
                return spec
            }
        }
    }

    // MARK: In

    /// Reads the model in the file at `path`.
    /// - Parameter network: a spec (its text, with how messages call it) whose layers the weights are of; needed where the file
    ///   does not say it itself.
    /// - Throws: ``ImportError``, ``SafeTensorsError``, ``SpecError``.
    public static func read(_ path: String, network: (file: String, yaml: String)? = nil) throws -> ImportedModel {
        let data: Data
        do throws(DatasetError) {
            data = Data(try FileBytes.read(DiskPath(path), limit: maximumBytes))
        } catch {
            throw ImportError.unreadable(path: path, reason: "\(error)")
        }
        let file = try WeightFile(data, path: path)
        let name = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
        if network == nil, file.metadata["workbench"] != nil { return try own(file, path: path, name: name) }
        guard let network else { throw ImportError.noNetwork(path: path) }
        let (spec, yaml) = try SpecFile.parse(yaml: network.yaml, file: network.file)
        var model = ImportedModel(
            path: path, name: name, network: spec.network, weights: values(of: file), specYAML: yaml,
            notes: ["Its tensors were matched to the layers of \(network.file) by their order and shapes."])
        model.isMatched = true
        return model
    }

    private static func values(of file: WeightFile) -> [ParameterValues] {
        file.tensors.map { ParameterValues(name: $0.name, shape: $0.shape, values: $0.values) }
    }

    private static func own(_ file: WeightFile, path: String, name: String) throws -> ImportedModel {
        func bad(_ part: String, _ problem: String) -> ImportError {
            .badDescription(path: path, part: part, problem: problem)
        }
        guard file.metadata["workbench"] == version else {
            throw bad("metadata", "a newer version of workbench wrote them; update workbench to read the file.")
        }
        guard let yaml = file.metadata["spec"] else { throw bad("metadata", "they lack the spec.") }
        guard let json = file.metadata["preprocessing"] else { throw bad("metadata", "they lack the preprocessing.") }
        let preprocessing: Preprocessing
        do {
            preprocessing = try JSONDecoder().decode(Preprocessing.self, from: Data(json.utf8))
        } catch {
            throw bad("preprocessing", "it is not JSON of the kind that is written here.")
        }
        let spec = try SpecFile.parse(yaml: yaml, file: "the spec in \(path)").spec
        var notes: [String] = []
        if let variant = file.metadata["variant"] { notes.append("It is the variant \(variant).") }
        if let step = file.metadata["step"] { notes.append("It was trained for \(step) steps.") }
        return ImportedModel(
            path: path, name: spec.name, network: spec.network,
            weights: values(of: file),
            preprocessing: preprocessing, specYAML: yaml, notes: notes)
    }
}
