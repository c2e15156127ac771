// ImportedModel: a trained network that comes from elsewhere, as a session that can be evaluated, explained, compared and trained on.
import Engine
import Foundation

/// Why a model can't become a session.
public enum ImportError: Error, Equatable, CustomStringConvertible {
    case unknownEnding(path: String)
    case unreadable(path: String, reason: String)
    case noNetwork(path: String)
    case badDescription(path: String, part: String, problem: String)
    case lacksTensors(path: String, missing: [String], found: Int)
    case spareTensors(path: String, spare: [String])
    case shape(path: String, tensor: String, got: [Int], wanted: [Int])
    case unsupportedType(path: String, tensor: String, type: String)
    case notFinite(path: String, tensor: String)
    case noDataset(path: String)
    case otherInput(path: String, model: TensorShape, data: TensorShape)
    case otherOutputs(path: String, model: Int, data: Int)
    case badPixels(String)

    public var description: String {
        switch self {
        case .unknownEnding(let path):
            "\(path) is no model that is read here: its name must end in .safetensors or .onnx."
        case .unreadable(let path, let reason): "\(path) can't be read: \(reason)."
        case .noNetwork(let path):
            "\(path) holds weights, but does not say of which network: name a spec with the same layers by --network SPEC.yaml."
        case .badDescription(let path, let part, let problem): "The \(part) in \(path) can't be used: \(problem)"
        case .lacksTensors(let path, let missing, let found):
            "\(path) lacks \(missing.count) of the network's weight arrays, first \(listed(Array(missing.prefix(5)))); \(found) of its tensors fit."
        case .spareTensors(let path, let spare):
            "\(path) holds \(spare.count) tensors that the network has no place for, first \(listed(Array(spare.prefix(5)))): it is of another network."
        case .shape(let path, let tensor, let got, let wanted):
            "The tensor \(JSONText.quoted(String(tensor.prefix(64)))) in \(path) has the shape \(got), but the network needs \(wanted)."
        case .unsupportedType(let path, let tensor, let type):
            "The tensor \(JSONText.quoted(String(tensor.prefix(64)))) in \(path) has the element type \(type); weights are F64, F32, F16 or BF16."
        case .notFinite(let path, let tensor):
            "The tensor \(JSONText.quoted(String(tensor.prefix(64)))) in \(path) holds numbers that are not finite."
        case .otherInput(let path, let model, let data):
            "The model in \(path) takes \(model), but an example of the data is \(data) once it is prepared; name other data, or a spec that resizes them."
        case .otherOutputs(let path, let model, let data):
            "The model in \(path) gives \(model) numbers, but the data have \(data) classes."
        case .badPixels(let sentence): sentence
        case .noDataset(let path):
            "\(path) does not say which data it is for: name them with --dataset NAME, and --data PATH for files."
        }
    }
}

/// The data that an imported model is measured on.
public struct ImportedData: Sendable, Equatable {
    /// A built-in set, or a kind of files; nil: what the model's own description says.
    public var dataset: String?
    public var path: String?
    /// Label column of a table.
    public var target: String?

    public init(dataset: String? = nil, path: String? = nil, target: String? = nil) {
        self.dataset = dataset
        self.path = path
        self.target = target
    }
}

/// A network with its weights from a file of another program, or of this one.
public struct ImportedModel: Sendable {
    /// Where it comes from, for messages.
    public var path: String
    /// Name of the session's run.
    public var name: String
    /// As a spec has them; the last is a dense layer without activation that gives the logits.
    public var network: [LayerSpec]
    /// Named and shaped as ``Network/parameters``, in any order; with ``isMatched`` under any names.
    public var weights: [ParameterValues]
    /// Weights without names, in the order of the network's parameters; nil: ``weights`` are named.
    var arrays: [[Float]]?
    /// What the first layer takes; nil: what the data give.
    var inputShape: TensorShape?
    /// What its outputs are; nil: as ``specYAML`` says.
    var loss: LossSpec?
    /// Pixels as it was trained with them: (byte / 255 - mean) / deviation, one number or one a channel; nil: byte / 255.
    public var pixels: (mean: [Float], deviation: [Float])?
    /// The weights are another program's and find their places by order and shapes.
    public var isMatched = false
    /// What is done to an example before the first layer; nil: it is fitted on the training split of the data.
    public var preprocessing: Preprocessing?
    /// The whole spec that it was trained by, as YAML; nil: the standard training, for training it on.
    public var specYAML: String?
    /// What a person should know of the import, in sentences.
    public var notes: [String]

    public init(
        path: String, name: String, network: [LayerSpec], weights: [ParameterValues],
        preprocessing: Preprocessing? = nil, specYAML: String? = nil, notes: [String] = []
    ) {
        self.path = path
        self.name = name
        self.network = network
        self.weights = weights
        self.preprocessing = preprocessing
        self.specYAML = specYAML
        self.notes = notes
    }

    /// Makes a session of a finished run whose one checkpoint, of step 0, holds the weights, measured on `data`.
    /// - Parameter session: the file to make; nothing is left there when something fails.
    /// - Returns: the run's last event.
    /// - Throws: ``ImportError``, ``SpecError``, ``DatasetError``, ``SplitError``, ``NetworkError``, ``ModelError`` where the
    ///   data are not such as the model knows, ``MemoryShortage``, ``SessionError``.
    public func makeSession(
        at session: String, on data: ImportedData, workers: Int, programVersion: String, command: [String]
    ) throws -> RunEvent.Finished {
        let (spec, yaml) = try spec(for: data)
        let dataset = try DatasetLoader.load(spec.data, for: spec.training.loss)
        if case .vector(let count)? = inputShape, case .image = dataset.shape, dataset.shape.count == count {
            // The model takes images as rows.
            var flat = self
            flat.network = [.flatten] + network
            flat.inputShape = dataset.shape
            return try flat.makeSession(
                at: session, on: data, workers: workers, programVersion: programVersion, command: command)
        }
        if preprocessing != nil, pixels != nil {
            throw ImportError.badPixels("\(path) says itself how pixels are prepared: leave --mean and --std out.")
        }
        let splits = try Splits(dataset, spec.data)
        let fitted = try preprocessing ?? own(dataset, splits, spec)
        if let inputShape, inputShape != fitted.shape {
            throw ImportError.otherInput(path: path, model: inputShape, data: fitted.shape)
        }
        if let preprocessing {
            try preprocessing.check(dataset, path: path, isRegression: spec.training.loss.isRegression)
        }
        let experiment = try Experiment(
            spec: spec, yaml: yaml, dataset: dataset, splits: splits, preprocessing: fitted)
        let values = try self.fitted(to: experiment.network, target: fitted.target)
        try MemoryShortage.check(experiment, workers: workers)
        let trainer = try experiment.trainer(workers: workers)
        let taken = trainer.load(values)
        precondition(taken == values.count, "the weights were checked against the network")

        // All that may fail comes before the file.
        var events: [RunEvent] = [.started(experiment.started(trainer: trainer))]
        let notes = ["The weights were imported from \(path)."] + self.notes + experiment.dataWarnings
        events += notes.map { .warned(RunEvent.Warned(step: 0, message: $0)) }
        var metrics: [String: Double] = [:]
        var artifacts: [SessionArtifact] = []
        for split in [experiment.splits.watched, .test] {
            guard metrics["\(split.rawValue)/loss"] == nil else { continue }
            let indices = experiment.splits[split]
            let inference = trainer.infer(indices)
            if let failure = trainer.failure { throw failure }
            let isRegression = spec.training.loss.isRegression
            let evaluated = RunEvent.Evaluated(
                step: 0, epoch: 0, seconds: 0, split: split, loss: inference.meanLoss,
                accuracy: isRegression ? nil : inference.accuracy, detail: trainer.detail(of: inference),
                regression: isRegression ? RegressionDetail(inference, examples: indices) : nil,
                weights: WeightHistogram.all(of: values))
            events.append(.evaluated(evaluated))
            for (name, value) in evaluated.measures { metrics["\(split.rawValue)/\(name)"] = value }
            if split == .test { artifacts = dataset.testArtifacts(inference, of: indices, step: 0) }
        }
        let finished = RunEvent.Finished(
            step: 0, epoch: 0, seconds: 0, reason: .completed, weightsSHA256: trainer.weights.sha256,
            workers: trainer.workers, metrics: metrics, imagesPerSecond: 0)
        let writer = try SessionWriter.create(
            path: session,
            info: SessionInfo(
                experiment, experiment.describedFacts, programVersion: programVersion, command: command))
        do {
            defer { writer.close() }
            try writer.append(events)
            try writer.storeCheckpoint(
                step: 0, best: true, bytes: trainer.snapshot().encoded,
                and: .checkpointed(RunEvent.Checkpointed(step: 0, seconds: 0, best: true)))
            for artifact in artifacts where artifact.body.count <= SessionArtifact.maximumBytes {
                try writer.storeArtifact(artifact)
            }
            try writer.append([.finished(finished)])
        } catch {
            unlink(session)
            throw error
        }
        return finished
    }

    /// The spec of the session: that of the model, or the standard one, on `wanted`.
    private func spec(for wanted: ImportedData) throws -> (Spec, String) {
        let place = wanted.path.map { path in
            path.hasPrefix("/") || !FileManager.default.fileExists(atPath: path)
                ? path : URL(fileURLWithPath: path).standardizedFileURL.path
        }
        guard let specYAML else {
            guard let dataset = wanted.dataset ?? place.map({ _ in "files" }) else {
                throw ImportError.noDataset(path: path)
            }
            var data = DataSpec(dataset: dataset)
            data.path = place
            data.target = wanted.target
            data.resize = preprocessing?.resize
            data.grey = preprocessing?.grey ?? false
            let indented = SpecText.data(data).split(separator: "\n").map { "  \($0)\n" }.joined()
            var text = "name: \(SpecFile.quoted(name))\ndata:\n\(indented)network:\n\(SpecText.network(network))"
            if let loss { text += "training: {loss: \(loss.name)}\n" }
            return try SpecFile.parse(yaml: text, file: path)
        }
        var data = try SpecFile.parse(yaml: specYAML, file: path).spec.data
        if let dataset = wanted.dataset, dataset != data.dataset {
            // What was said of the other data is not true of these.
            var other = DataSpec(dataset: dataset)
            (other.testFraction, other.validationFraction, other.seed) = (
                data.testFraction, data.validationFraction, data.seed
            )
            (other.resize, other.grey) = (data.resize, data.grey)
            data = other
        }
        if let place { data.path = place }
        if let target = wanted.target { data.target = target }
        return try SpecFile.parse(
            yaml: specYAML, file: path,
            overrides: [("data", SpecText.data(data)), ("network", SpecText.network(network))])
    }

    /// The weights in the order of `network`.
    private func fitted(to network: Network, target: TargetScaling?) throws(ImportError) -> [ParameterValues] {
        let named =
            arrays != nil
            ? try ordered(network, target)
            : isMatched
                ? try TensorMatching(path: path).match(
                    weights.map { TensorRecord(name: $0.name, shape: $0.shape, values: $0.values) }, to: network)
                : weights
        let byName = Dictionary(named.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let missing = network.parameters.map(\.name).filter { byName[$0] == nil }
        guard missing.isEmpty else {
            throw .lacksTensors(path: path, missing: missing, found: network.parameters.count - missing.count)
        }
        var values: [ParameterValues] = []
        for shape in network.parameters {
            guard let value = byName[shape.name] else { continue }
            guard value.shape == shape.shape else {
                throw .shape(path: path, tensor: shape.name, got: value.shape, wanted: shape.shape)
            }
            guard value.values.allSatisfy(\.isFinite) else { throw .notFinite(path: path, tensor: shape.name) }
            values.append(value)
        }
        return values
    }
}

extension ImportedModel {
    /// Preprocessing that is fitted on the data, with the model's own scale of pixels.
    private func own(_ dataset: Dataset, _ splits: Splits, _ spec: Spec) throws -> Preprocessing {
        var fitted = Preprocessing(fitting: dataset, train: splits.train, spec: spec.data)
        guard let pixels else { return fitted }
        let channels = fitted.scale.count
        guard channels > 0 else { throw ImportError.badPixels("Mean and deviation of pixels go with images only.") }
        func each(_ values: [Float]) throws -> [Float] {
            guard values.count == 1 || values.count == channels else {
                throw ImportError.badPixels(
                    "Mean and deviation are one number, or one for each of the \(channels) channels.")
            }
            return values.count == 1 ? Array(repeating: values[0], count: channels) : values
        }
        let (mean, deviation) = (try each(pixels.mean), try each(pixels.deviation))
        guard deviation.allSatisfy({ $0.isFinite && $0 > 0 }), mean.allSatisfy(\.isFinite) else {
            throw ImportError.badPixels("Mean and deviation must be finite, and deviation above 0.")
        }
        fitted.scale = deviation.map { 1 / (255 * $0) }
        fitted.shift = mean.indices.map { -mean[$0] / deviation[$0] }
        return fitted
    }

    /// Nameless arrays under the names of the network's.
    private func ordered(_ network: Network, _ target: TargetScaling?) throws(ImportError) -> [ParameterValues] {
        guard var arrays else { return [] }
        if let last = arrays.last, let wanted = network.parameters.last, arrays.count == network.parameters.count,
            last.count != wanted.count
        {
            throw .otherOutputs(path: path, model: last.count, data: wanted.count)
        }
        guard arrays.map(\.count) == network.parameters.map(\.count) else {
            throw .badDescription(path: path, part: "network", problem: "its weights do not fit its layers.")
        }
        if let target, loss?.isRegression == true, arrays.count >= 2 {
            // The network here gives the standardised number.
            let (mean, deviation) = (Float(target.mean), Float(target.deviation))
            arrays[arrays.count - 2] = arrays[arrays.count - 2].map { $0 / deviation }
            arrays[arrays.count - 1] = arrays[arrays.count - 1].map { ($0 - mean) / deviation }
        }
        return zip(network.parameters, arrays).map {
            ParameterValues(name: $0.name, shape: $0.shape, values: $1)
        }
    }
}

extension Preprocessing {
    /// Refuses what makes no sense by itself, and data that it was not made for.
    fileprivate func check(_ dataset: Dataset, path: String, isRegression: Bool) throws {
        func bad(_ problem: String) -> ImportError {
            .badDescription(path: path, part: "preprocessing", problem: problem)
        }
        func other(_ field: String, _ model: String, _ data: String) -> ModelError {
            .otherData(path: path, field: field, model: model, data: data)
        }
        if dataset.classes != classes {
            throw other(
                isRegression ? "targets" : "classes", listed(classes), listed(dataset.classes))
        }
        if dataset.columns != columns {
            throw other("columns", listed(columns.map(\.name)), listed(dataset.columns.map(\.name)))
        }
        if dataset.shape != rawShape { throw other("shapes", "\(rawShape)", "\(dataset.shape)") }
        guard (target != nil) == (dataset.targets != nil) else { throw bad("numbers and classes are mixed up.") }
        if let target, !target.mean.isFinite || !target.deviation.isFinite || target.deviation <= 0 {
            throw bad("its target's scaling is not finite.")
        }
        switch rawShape {
        case .image(let channels, _, _):
            guard shape == rawShape, scale.count == channels, shift.count == channels, encodings.isEmpty,
                (scale + shift).allSatisfy(\.isFinite)
            else { throw bad("it needs one finite scale and shift for each channel.") }
        case .vector:
            guard encodings.count == columns.count, scale.isEmpty, shift.isEmpty else {
                throw bad("it needs one encoding for each column.")
            }
            var width = 0
            for (column, encoding) in zip(columns, encodings) {
                switch (column.kind, encoding) {
                case (.numeric, .standardised(let mean, let deviation)):
                    guard mean.isFinite, deviation.isFinite, deviation >= 0 else {
                        throw bad("the scaling of the column '\(column.name)' is not finite.")
                    }
                    width += 1
                case (.category(let levels), .oneHot(let count)) where levels.count == count: width += count
                default: throw bad("the column '\(column.name)' and its encoding differ in kind.")
                }
            }
            guard shape == .vector(width) else { throw bad("it makes \(width) features, but says \(shape).") }
        }
    }
}
