// Where examples come from: the program itself, a generator, or files whose kind their content tells.
import CImages
import Engine

/// Loads the examples that a spec asks for.
public enum DatasetLoader {
    /// Sets that need no files.
    public static let builtInNames = BuiltInSets.names + MadeUpSets.names
    /// Kinds of files; `dataset` says one of them, or any name when there is a path.
    public static let fileKinds = ["mnist", "idx", "cifar10", "npz", "npy", "csv", "folder"]

    /// Loads a whole data set into memory. With a path the content decides what is read and `dataset` is a label;
    /// images are made grey and resized as the spec says. The order of examples and classes is the same every time.
    /// Throws ``DatasetError``, which says what is wrong, where, and what to do.
    /// - Parameter loss: what the examples are learnt by; it decides whether a target is read as classes or as numbers.
    public static func load(
        _ spec: DataSpec, for loss: LossSpec = .softmaxCrossEntropy()
    ) throws(DatasetError) -> Dataset {
        if spec.examples != nil, spec.path != nil || !MadeUpSets.names.contains(spec.dataset) {
            throw .settingUnused(setting: "examples", reason: "only made-up sets take it")
        }
        var dataset: Dataset
        if let path = spec.path {
            dataset = try load(DiskPath(path), spec, loss)
        } else if let made = try MadeUpSets.make(spec.dataset, examples: spec.examples, seed: spec.seed) {
            dataset = made
        } else if let builtIn = try BuiltInSets.load(
            spec.dataset, target: spec.target, ignore: spec.ignore, for: loss)
        {
            dataset = builtIn
        } else if fileKinds.contains(spec.dataset) {
            throw .pathNeeded(dataset: spec.dataset)
        } else {
            throw .unknownDataset(spec.dataset, known: builtInNames)
        }
        try refuseUnusedSettings(spec, for: dataset)
        if let target = dataset.targets.map({ _ in dataset.classes[0] }), !loss.isRegression {
            throw .numbersForClasses(dataset: dataset.name, target: target, loss: loss.name)
        }
        if dataset.targets == nil, loss.isRegression {
            throw .classesForNumbers(
                dataset: dataset.name, classes: dataset.classes, loss: loss.name, hasColumns: !dataset.columns.isEmpty)
        }
        try ImagePreparation(resize: spec.resize, grey: spec.grey).apply(to: &dataset)
        return dataset
    }

    private static func refuseUnusedSettings(_ spec: DataSpec, for dataset: Dataset) throws(DatasetError) {
        if spec.stream {
            guard case .streamed = dataset.features else {
                throw .settingUnused(setting: "stream", reason: "only folders of images are streamed")
            }
        }
        if case .image = dataset.shape {
            if spec.target != nil { throw .settingUnused(setting: "target", reason: "images have no columns") }
            if !spec.ignore.isEmpty { throw .settingUnused(setting: "ignore", reason: "images have no columns") }
        } else {
            if spec.resize != nil { throw .settingUnused(setting: "resize", reason: "a table has no images") }
            if spec.grey { throw .settingUnused(setting: "grey", reason: "a table has no images") }
        }
    }

    private static func load(
        _ path: DiskPath, _ spec: DataSpec, _ loss: LossSpec
    ) throws(DatasetError) -> Dataset {
        switch try FileBytes.entry(at: path) {
        case .other: throw .unreadable(path: path.text, reason: "it is neither a file nor a folder")
        case .file:
            // Before IDX: a record's label and first pixels can look like an IDX header.
            if CIFARFiles.isBatchName(path.name) { return try CIFARFiles.load(file: path, name: spec.dataset) }
            let start = try FileBytes.read(path, limit: .max - 1, prefix: 4096)
            if IDXFiles.looksLike(start) || IDXFiles.isImagesName(path.name) {
                return try IDXFiles.load(images: path, name: spec.dataset)
            }
            if NPYFiles.isArchive(start) { return try NPYFiles.load(archive: path, spec, for: loss) }
            if NPYFiles.isArray(start) || NPYFiles.isArrayName(path.name) {
                return try NPYFiles.load(file: path, spec, for: loss)
            }
            if start.contains(0) { throw .unrecognised(path: path.text) }
            let bytes = try FileBytes.read(path, limit: CSVTable.maximumFileBytes)
            return try TableLoader.load(
                bytes, path: path.text, name: spec.dataset, target: spec.target, ignore: spec.ignore,
                origin: "CSV file \(path.text)", for: loss)
        case .folder:
            let names = try FileBytes.names(in: path).map { String(decoding: $0, as: UTF8.self) }
            if names.contains(where: IDXFiles.isImagesName) {
                return try IDXFiles.load(folder: path, name: spec.dataset)
            }
            if let batches = CIFARFiles.batchesFolder(path, names: names) {
                return try CIFARFiles.load(folder: batches, name: spec.dataset)
            }
            if names.contains(where: NPYFiles.isArrayName) { return try NPYFiles.load(folder: path, spec, for: loss) }
            return try ImageFolder.load(
                path, name: spec.dataset, resize: spec.resize, grey: spec.grey, stream: spec.stream,
                cacheBytes: spec.cache << 20)
        }
    }
}
