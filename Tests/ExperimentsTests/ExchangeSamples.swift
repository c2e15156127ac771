// Networks of all kinds with weights and examples, for handing them on and holding what comes back against them.

import Engine
import Foundation

@testable import Experiments

/// A network that is handed on.
struct ExchangeSample {
    var name: String
    var network: Network
    var weights: [ParameterValues]
    var quantized: QuantizedModel
    var preprocessing: Preprocessing
    var loss: LossSpec
    /// Raw examples, and the same prepared.
    var raw: FeatureStorage
    var data: PreparedExamples

    private struct Plan {
        var name: String
        var layers: [LayerSpec]
        var shape: TensorShape
        var loss = LossSpec.softmaxCrossEntropy()
        var classes = 5
    }

    private static let plans: [Plan] = {
        let image = TensorShape.image(channels: 3, height: 13, width: 12)
        var depthwise = ConvolutionSpec(filters: 0, kernel: 3)
        depthwise.padding = .same
        var separable = ConvolutionSpec(filters: 24, kernel: 3)
        separable.activation = .relu
        return [
            Plan(
                name: "mnist-like",
                layers: [
                    .conv(filters: 16, kernel: 3, activation: .relu), .maxPool(size: 2, stride: 2),
                    .conv(filters: 32, kernel: 3, activation: .relu), .maxPool(size: 2, stride: 2), .flatten,
                    .dense(units: 20, activation: .relu), .dense(units: nil),
                ], shape: .image(channels: 1, height: 19, width: 18)),
            Plan(
                name: "norms",
                layers: [
                    .conv(filters: 20, kernel: 3, padding: .same, hasBias: false), .batchNorm(activation: .relu),
                    .conv(filters: 24, kernel: 3, stride: 2, padding: .explicit(1)), .batchNorm(), .activation(.relu),
                    .averagePool(size: 3, stride: 2, padding: .same), .globalAveragePool,
                    .dense(units: 12), .batchNorm(activation: .tanh), .dense(units: nil),
                ], shape: image),
            Plan(
                name: "residual",
                layers: [
                    .conv(filters: 16, kernel: 5, padding: .same, activation: .relu),
                    .residual([
                        .conv(filters: 32, kernel: 3, stride: 2, padding: .same, hasBias: false),
                        .batchNorm(activation: .relu),
                        .conv(filters: 32, kernel: 3, padding: .same, hasBias: false), .batchNorm(),
                    ]),
                    .residual([.conv(filters: 32, kernel: 3, padding: .same), .batchNorm()]), .dropout(rate: 0.5),
                    .globalAveragePool, .dense(units: nil),
                ], shape: image),
            Plan(
                name: "grouped",
                layers: [
                    .conv(filters: 24, kernel: 3, padding: .same, activation: .silu),
                    .conv(filters: 16, kernel: 3, padding: .same, dilation: 2, groups: 4, activation: .relu),
                    .depthwiseConv(depthwise), .batchNorm(activation: .relu),
                    .maxPool(size: 3, stride: 2, padding: .same), .activation(.gelu), .batchNorm(), .flatten,
                    .activation(.sigmoid), .dense(units: nil),
                ], shape: image),
            Plan(
                name: "separable",
                layers: [
                    .separableConv(separable), .maxPool(size: 2, stride: 2), .activation(.elu),
                    .conv(filters: 8, kernel: 1, activation: .leakyReLU(slope: 0.1)), .flatten,
                    .dense(units: 9, activation: .tanh), .dense(units: nil),
                ], shape: image),
            Plan(
                name: "strided",
                layers: [
                    .conv(filters: 8, kernel: 5, stride: 2, padding: .same, activation: .relu),
                    .conv(filters: 8, kernel: 3, stride: 2, padding: .valid, activation: .relu),
                    .averagePool(size: 2, stride: 2), .flatten, .dense(units: nil),
                ], shape: .image(channels: 1, height: 28, width: 28)),
            Plan(
                name: "table",
                layers: [
                    .dense(units: 30, activation: .relu), .layerNorm(), .dense(units: 17, activation: .elu),
                    .dense(units: nil),
                ], shape: .vector(7)),
            Plan(
                name: "wide-table",
                layers: [
                    .dense(units: 64, activation: .relu), .dense(units: 32, activation: .relu), .dense(units: nil),
                ],
                shape: .vector(19), classes: 3),
            Plan(
                name: "binary", layers: [.dense(units: 12, activation: .gelu), .dense(units: nil)], shape: .vector(6),
                loss: .binaryCrossEntropy, classes: 2),
            Plan(
                name: "number", layers: [.dense(units: 24, activation: .relu), .dense(units: nil)], shape: .vector(8),
                loss: .meanSquaredError, classes: 1),
        ]
    }()

    static func all(count: Int = 48) throws -> [ExchangeSample] { try plans.map { try sample($0, count) } }

    private static func sample(_ plan: Plan, _ count: Int) throws -> ExchangeSample {
        var random = CounterRandom(seed: 21, purpose: .benchmark)
        func unit() -> Float { Float(random.below(1 << 20)) / Float(1 << 20) }
        let isImage = plan.shape.isImage
        let size = plan.shape.count
        // Every third column is a category, and some values are missing.
        let columns =
            isImage
            ? []
            : (0..<size).map { column in
                Column(
                    name: "c\(column)",
                    kind: column % 3 == 2 ? .category(levels: ["a", "b", "c"]) : .numeric)
            }
        let features: FeatureStorage =
            isImage
            ? .bytes((0..<count * size).map { _ in UInt8(random.below(256)) })
            : .floats(
                (0..<count * size).map { place in
                    if random.below(12) == 0 { return .nan }
                    return place % size % 3 == 2 ? Float(random.below(3)) : unit() * 40 - 7
                })
        let isNumber = plan.loss.isRegression
        let labels = (0..<count).map { isNumber ? Int32(0) : Int32($0 % plan.classes) }
        let targets: [Float]? = isNumber ? (0..<count).map { Float($0) * 3 + 100 } : nil
        let dataset = Dataset(
            name: plan.name, shape: plan.shape, classes: (0..<plan.classes).map { "class \($0)" }, columns: columns,
            features: features, labels: labels, targets: targets, origin: "random")
        var preprocessing = Preprocessing(
            fitting: dataset, train: Array(0..<Int32(count)), spec: DataSpec(dataset: plan.name))
        if isImage { preprocessing.shift = preprocessing.shift.map { _ in -0.25 } }
        let network = try Network(
            plan.layers, input: preprocessing.shape, classes: plan.loss.outputs(classes: plan.classes))
        var weights = network.initialWeights(seed: 5)
        for index in weights.indices {
            let name = weights[index].name
            if name.hasSuffix(".variance") {
                weights[index].values = weights[index].values.map { _ in unit() + 0.2 }
            } else if name.hasSuffix(".mean") || name.hasSuffix(".bias") {
                weights[index].values = weights[index].values.map { _ in unit() * 0.4 - 0.2 }
            } else if name.hasSuffix("norm.weight") {
                weights[index].values = weights[index].values.map { _ in unit() + 0.5 }
            }
        }
        let data = PreparedExamples(features, labels: labels, targets: targets, by: preprocessing)
        return ExchangeSample(
            name: plan.name, network: network, weights: weights,
            quantized: try QuantizedModel(network, weights: weights, calibration: data), preprocessing: preprocessing,
            loss: plan.loss, raw: features, data: data)
    }

    /// What the network predicts in float32, and in bytes.
    func answers() throws -> (floats: [Float], bytes: [Float]) {
        (
            try Predictor(network, weights: weights, loss: loss, data: data, workers: 1).infer().probabilities,
            try QuantizedNetwork(quantized, like: data, loss: loss, workers: 1).infer(data).probabilities
        )
    }

    /// The examples as the first layer takes them, in plain order.
    var prepared: [Float] {
        switch data.features {
        case .floats(let values): return values
        case .bytes(let values):
            let plane = data.shape.count / data.scale.count
            return values.enumerated().map { place, byte in
                let channel = place / plane % data.scale.count
                return Float(byte) * data.scale[channel] + data.shift[channel]
            }
        case .streamed: return []
        }
    }
}
