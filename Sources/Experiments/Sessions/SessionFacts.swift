// SessionFacts: what a session tells beside its events, for screens that show network, data and mistakes.

import Engine
import Foundation

/// The head of a session in typed form, its network, its data and its mistakes. What is not there, or makes no sense, is nil
/// or empty: a session is shown as far as it can be.
public struct SessionFacts: Sendable, Equatable {
    public var name: String
    public var createdAt: Date
    public var host: String
    public var processor: String
    /// oneDNN version and instruction set.
    public var kernels: String
    public var programVersion: String
    /// Arguments of the program, the program's name first.
    public var command: [String]
    public var gitCommit: String?
    public var specYAML: String
    /// The network of the spec for the data as they were preprocessed.
    public var network: Network?
    public var data: DatasetFacts?
    /// The worst mistakes on the test split, the worst first; empty until a run has ended, and when there are none. Their
    /// classes are among those of `data`.
    public var mistakes: [Mistake]
    /// Step of the weights that made the mistakes; nil when none were looked for.
    public var mistakesStep: Int?
    /// A few examples of each cell of the test split's confusion matrix, those on its diagonal right ones; empty until a run
    /// has ended, and in sessions of earlier versions.
    public var cellExamples: [Mistake] = []
    /// What the model at the end says of the examples of the test split; nil until a run has ended, and in sessions of
    /// earlier versions.
    public var predictions: PredictionList?

    /// Reads the facts of a session. A run that goes on gets mistakes when it ends: read again then.
    public init(reader: SessionReader) {
        let info = reader.info
        name = info.name
        createdAt = info.createdAt
        host = info.host
        processor = info.processor
        kernels = info.kernels
        programVersion = info.programVersion
        command = info.command
        gitCommit = info.gitCommit
        specYAML = info.specYAML
        data = info.facts
        let preprocessing = Self.preprocessing(info.preprocessingJSON)
        network = preprocessing.flatMap { Self.network(info.specYAML, $0) }
        mistakes = []
        guard let classes = data?.classes.count ?? preprocessing?.classes.count else { return }
        do throws(SessionError) {
            let kept = try reader.artifacts(kind: Mistake.artifactKind)
            if let newest = kept.last(where: { $0.name == Split.test.rawValue }) {
                mistakes = Mistake.decoded(newest.body, classes: classes)
                mistakesStep = newest.step
            }
            if let cells = kept.last(where: { $0.name == Mistake.cellsName }) {
                cellExamples = Mistake.decoded(cells.body, classes: classes, maximum: Mistake.maximumCellExamples)
            }
            let lists = try reader.artifacts(kind: PredictionList.artifactKind)
            predictions = lists.last { $0.name == Split.test.rawValue }
                .flatMap { PredictionList($0.body, classes: classes) }
        } catch {
            // Shown without them; events that are damaged too say so where they are read.
        }
    }

    /// The preprocessing, if its shapes are ones that a data set can have.
    private static func preprocessing(_ json: String) -> Preprocessing? {
        guard json.utf8.count <= 8 << 20 else { return nil }
        do {
            let preprocessing = try JSONDecoder().decode(Preprocessing.self, from: Data(json.utf8))
            let lengths =
                switch preprocessing.shape {
                case .image(let channels, let height, let width): [channels, height, width]
                case .vector(let length): [length]
                }
            let isPossible = lengths.allSatisfy { (1...1_000_000).contains($0) } && !preprocessing.classes.isEmpty
            return isPossible ? preprocessing : nil
        } catch {
            return nil
        }
    }

    private static func network(_ yaml: String, _ preprocessing: Preprocessing) -> Network? {
        guard yaml.utf8.count <= 1 << 20 else { return nil }
        do {
            let spec = try SpecFile.parse(yaml: yaml, file: "session").spec
            let network = try Network(
                spec.network, input: preprocessing.shape,
                classes: spec.training.loss.outputs(classes: preprocessing.classes.count))
            // Each layer is of a size that was checked; the sum over thousands of them need not fit an Int.
            let work = network.layers.reduce(0.0) { $0 + Double($1.multiplyAdds) }
            return work < 0x1p62 ? network : nil
        } catch {
            return nil
        }
    }
}
