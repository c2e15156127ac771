// ExplanationBenchmark: how long an explanation takes on this machine, on cases that other libraries can run too.
import Engine

/// Explanations whose time is measured: one seed, as many samples as the authors' package takes.
enum ExplanationBenchmark {
    static let all: [EvaluationBenchmark] = [tabular, image]

    /// A row of breast-cancer, five features out of quartiles; a random network takes as long as a trained one.
    private static let tabular = EvaluationBenchmark("LIME tabular, 30 features, 5000 samples, 64-32 network") {
        let dataset = try DatasetLoader.load(DataSpec(dataset: "breast-cancer"))
        guard case .floats(let values) = dataset.features else { preconditionFailure("a table has no pixels") }
        let all = Array(Int32(0)..<Int32(dataset.count))
        let preprocessing = Preprocessing(fitting: dataset, train: all, spec: DataSpec(dataset: dataset.name))
        let network = try Network(
            [.dense(units: 64, activation: .relu), .dense(units: 32, activation: .relu), .dense(units: nil)],
            input: preprocessing.shape, classes: 2)
        let probe = try NetworkProbe(
            network, weights: network.initialWeights(seed: 1), loss: .softmaxCrossEntropy(),
            preprocessing: preprocessing, workers: Machine.processors)
        let sampler = TableSampler(
            values, columns: dataset.columns, train: all, labels: dataset.labels, classes: 2, discretizer: .quartile,
            preprocessing: preprocessing)
        let settings = LIMESettings(kernelWidth: 3, repeats: 1)
        return {
            let row = TableNeighbourhood(sampler, row: Array(values[0..<dataset.columns.count]))
            _ = probe.explain(row, settings: settings) { _ in true }
        }
    }

    /// An image of noise; all superpixels, as the authors' package does.
    private static let image = EvaluationBenchmark(
        "LIME image, 32x32x3, 1000 samples, cifar-cnn on ONNX Runtime"
    ) {
        var random = CounterRandom(seed: 0, purpose: .benchmark)
        let pixels = (0..<3 * 32 * 32).map { _ in UInt8(truncatingIfNeeded: random.next32() >> 24) }
        let dataset = Dataset(
            name: "noise", shape: .image(channels: 3, height: 32, width: 32), classes: (0..<10).map(String.init),
            features: .bytes(pixels), labels: [0], origin: "random")
        let preprocessing = Preprocessing(fitting: dataset, train: [0], spec: DataSpec(dataset: "noise"))
        let network = try Network(TrainingBenchmark.cifarCNN.layers, input: preprocessing.shape, classes: 10)
        let probe = try NetworkProbe(
            network, weights: network.initialWeights(seed: 1), loss: .softmaxCrossEntropy(),
            preprocessing: preprocessing, workers: Machine.processors)
        let settings = LIMESettings(samples: 1_000, features: 64, repeats: 1)
        return {
            let superpixels = Superpixels(pixels, channels: 3, height: 32, width: 32)
            let place = ImageNeighbourhood(pixels, superpixels: superpixels, preprocessing: preprocessing)
            _ = probe.explain(place, settings: settings) { _ in true }
        }
    }
}
