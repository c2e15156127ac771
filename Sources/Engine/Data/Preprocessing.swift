// Preprocessing: part of the model. Fitted on the training split, recorded, applied to everything that the model sees.

/// How one column of a table becomes features.
public enum ColumnEncoding: Sendable, Equatable, Codable {
    /// (x - mean) / deviation, missing values taken as the mean; a constant column becomes 0.
    case standardised(mean: Float, deviation: Float)
    /// One feature a level, 1 at the value's level; all 0 when it is missing or unknown.
    case oneHot(levels: Int)

    /// Features that the column becomes.
    var width: Int {
        switch self {
        case .standardised: 1
        case .oneHot(let levels): levels
        }
    }
}

/// How numbers to predict become what a network learns: (value - mean) / deviation, fitted on the training split.
///
/// A network begins with outputs around 0, so a target of another size would cost it its first epochs, and one learning rate
/// would not do for houses and for grams. All that a person sees is in the target's own units again.
public struct TargetScaling: Sendable, Equatable, Codable {
    public var mean: Double
    /// Population deviation; 1 for a target that is constant.
    public var deviation: Double

    public init(mean: Double, deviation: Double) {
        self.mean = mean
        self.deviation = deviation
    }

    /// The scaling of `values`, which are finite.
    init(fitting values: some Sequence<Float>) {
        guard case .standardised(let mean, let deviation) = ColumnEncoding.standardising(values) else {
            preconditionFailure("numbers are standardised")
        }
        self.init(mean: Double(mean), deviation: deviation > 0 ? Double(deviation) : 1)
    }

    /// What the network learns for a target.
    public func standardised(_ value: Float) -> Float { Float((Double(value) - mean) / deviation) }
    /// What an output of the network means, in the target's own units.
    public func restored(_ output: Float) -> Float { Float(Double(output) * deviation + mean) }
}

/// What happens to an example before the first layer.
public struct Preprocessing: Sendable, Equatable, Codable {
    /// Shape of a raw example: after decoding and resizing, for images.
    public var rawShape: TensorShape
    /// What the first layer gets.
    public var shape: TensorShape
    public var classes: [String]
    /// Images: each channel's bytes times `scale` plus `shift`.
    public var scale: [Float]
    public var shift: [Float]
    /// Tables: the columns and how each is encoded.
    public var columns: [Column]
    public var encodings: [ColumnEncoding]
    /// Images are turned grey while they are read, and resized to `rawShape`.
    public var grey: Bool
    public var resize: ImageSize?
    /// How the number to predict is scaled; nil where classes are predicted, and in sessions of earlier versions.
    public var target: TargetScaling?

    /// Fits the preprocessing of `dataset` on its examples `train` alone.
    public init(fitting dataset: Dataset, train: [Int32], spec: DataSpec) {
        rawShape = dataset.shape
        classes = dataset.classes
        columns = dataset.columns
        grey = spec.grey
        resize = spec.resize
        target = dataset.targets.map { targets in
            TargetScaling(fitting: train.lazy.map { targets[Int($0)] })
        }
        switch dataset.features {
        case .bytes, .streamed:
            guard case .image(let channels, _, _) = dataset.shape else {
                preconditionFailure("bytes are pixels, but \(dataset.name) has examples of \(dataset.shape)")
            }
            shape = dataset.shape
            scale = Array(repeating: 1 / 255, count: channels)
            shift = Array(repeating: 0, count: channels)
            encodings = []
        case .floats(let values):
            scale = []
            shift = []
            let width = dataset.shape.count
            encodings = dataset.columns.enumerated().map { column, facts in
                switch facts.kind {
                case .category(let levels): return .oneHot(levels: levels.count)
                case .numeric: return .standardising(train.lazy.map { values[Int($0) * width + column] })
                }
            }
            shape = .vector(encodings.reduce(0) { $0 + $1.width })
        }
    }

    /// Applies itself to raw examples: bytes stay bytes (scale and shift are applied as they are gathered), rows become features.
    public func apply(_ raw: FeatureStorage) -> FeatureStorage {
        guard case .floats(let values) = raw else { return raw }
        let rows = values.count / rawShape.count
        var features: [Float] = []
        features.reserveCapacity(rows * shape.count)
        for row in 0..<rows {
            for (column, encoding) in encodings.enumerated() {
                let value = values[row * rawShape.count + column]
                switch encoding {
                case .standardised(let mean, let deviation):
                    features.append(value.isNaN || deviation == 0 ? 0 : (value - mean) / deviation)
                case .oneHot(let levels):
                    for level in 0..<levels { features.append(value == Float(level) ? 1 : 0) }
                }
            }
        }
        return .floats(features)
    }
}

extension ColumnEncoding {
    /// Mean and population deviation of the values that are not missing.
    fileprivate static func standardising(_ values: some Sequence<Float>) -> ColumnEncoding {
        var count = 0.0
        var mean = 0.0
        var squares = 0.0
        for value in values where !value.isNaN {  // Welford 1962
            count += 1
            let delta = Double(value) - mean
            mean += delta / count
            squares += delta * (Double(value) - mean)
        }
        let deviation = count > 0 ? (squares / count).squareRoot() : 0
        return .standardised(mean: Float(mean), deviation: Float(deviation))
    }
}

/// Examples as the first layer gets them, with their labels.
public struct PreparedExamples: Sendable {
    public let shape: TensorShape
    public let classNames: [String]
    public let features: FeatureStorage
    public let labels: [Int32]
    /// (examples, outputs), where targets are numbers, as the loss takes them; nil where they are classes.
    public private(set) var targets: [Float]?
    /// The same in their own units.
    public private(set) var truth: [Float]?
    /// What lies between the two; nil: nothing.
    public private(set) var targetScaling: TargetScaling?
    public let scale: [Float]
    public let shift: [Float]
    /// Tables: for each feature 1 where it is a standardised number, 0 for levels and for columns that are constant.
    public let units: [Float]

    /// All examples of `raw`, preprocessed, and `targets` scaled. Unlabelled ones carry label 0.
    public init(_ raw: FeatureStorage, labels: [Int32], targets: [Float]? = nil, by preprocessing: Preprocessing) {
        shape = preprocessing.shape
        classNames = preprocessing.classes
        features = preprocessing.apply(raw)
        self.labels = labels
        truth = targets
        targetScaling = preprocessing.target
        self.targets =
            preprocessing.target.map { scaling in targets?.map { scaling.standardised($0) } } ?? targets
        scale = preprocessing.scale
        shift = preprocessing.shift
        units = preprocessing.encodings.flatMap { encoding -> [Float] in
            switch encoding {
            case .standardised(_, let deviation): [deviation > 0 ? 1 : 0]
            case .oneHot(let levels): Array(repeating: 0, count: levels)
            }
        }
        precondition(features.count == labels.count * shape.count, "\(features.count) values, \(labels.count) labels")
    }

    /// The same, with numbers to be learnt instead of classes: (examples, outputs).
    public func taught(_ numbers: [Float]) -> PreparedExamples {
        var taught = self
        (taught.targets, taught.truth, taught.targetScaling) = (numbers, numbers, nil)
        return taught
    }

    /// Others of the same kind, labelled by classes.
    init(_ kind: PreparedExamples, features: FeatureStorage, labels: [Int32]) {
        shape = kind.shape
        classNames = kind.classNames
        self.features = features
        self.labels = labels
        targets = nil
        truth = nil
        targetScaling = nil
        scale = kind.scale
        shift = kind.shift
        units = kind.units
        precondition(features.count == labels.count * shape.count, "\(features.count) values, \(labels.count) labels")
    }

    /// Number of examples.
    public var count: Int { labels.count }
    /// Number of classes.
    public var classes: Int { classNames.count }
}
