// CellExamples: a few test examples of each cell of the confusion matrix, and the artifacts of the test split.

import Engine
import Foundation

extension Mistake {
    /// Name of the artifact, of the kind ``artifactKind``, that holds examples of the cells.
    public static let cellsName = "cells"
    /// Examples that a session keeps of one cell, and of all of them.
    public static let maximumOfCell = 6
    public static let maximumCellExamples = 240
    /// Bytes of the artifact.
    static let maximumCellBytes = 600_000

    /// A few examples of each cell of the confusion matrix of `inference`, cell by cell: the most confident of those that are
    /// taken for another class, the least sure of those that are not. Where they are too many, they are left out of the
    /// cells that have most.
    public static func cells(of inference: Inference, indices: [Int32], in dataset: Dataset) -> [Mistake] {
        let classes = dataset.classes.count
        precondition(
            inference.probabilities.count == indices.count * classes,
            "\(inference.probabilities.count) probabilities for \(indices.count) examples")
        var cells: [Int: [Answer]] = [:]
        for answer in answers(inference, classes: classes) {
            cells[Int(inference.labels[answer.row]) * classes + answer.predicted, default: []].append(answer)
        }
        var kept = cells.sorted { $0.key < $1.key }.map { cell, answers in
            let isRight = cell / classes == cell % classes
            let order = answers.sorted { a, b in
                if a.probability != b.probability { return (a.probability < b.probability) == isRight }
                return a.row < b.row
            }
            return Kept(isRight: isRight, population: answers.count, examples: Array(order.prefix(maximumOfCell)))
        }
        thin(&kept, to: maximumCellExamples) { _ in 1 }
        // Told as bytes only now: a thousand pictures need not be read.
        var filled = kept.map { cell in
            Kept(
                isRight: cell.isRight, population: cell.population,
                examples: cell.examples.map { Mistake($0, of: inference, indices: indices, in: dataset) })
        }
        // An array of one has its brackets where one of many has its comma.
        thin(&filled, to: maximumCellBytes) { encoded([$0]).count }
        return filled.flatMap(\.examples)
    }

    /// What is kept of a cell.
    private struct Kept<Example> {
        var isRight: Bool
        /// Examples of the split in the cell.
        var population: Int
        var examples: [Example]
    }

    /// Takes the last examples of the fullest cells away, one after the other, until all sizes add up to no more than
    /// `limit`: of equally full ones first those of right examples, then those of rare mistakes.
    private static func thin<Example>(
        _ cells: inout [Kept<Example>], to limit: Int, size: (Example) -> Int
    ) {
        var total = cells.reduce(0) { $0 + $1.examples.reduce(0) { $0 + size($1) } }
        let order = cells.indices.sorted { a, b in
            let (left, right) = (cells[a], cells[b])
            if left.isRight != right.isRight { return left.isRight }
            return (left.population, b) < (right.population, a)
        }
        for level in stride(from: maximumOfCell, through: 1, by: -1) {
            for index in order where total > limit && cells[index].examples.count == level {
                total -= size(cells[index].examples.removeLast())
            }
        }
    }
}

extension Dataset {
    /// What is kept of the examples `test` when a run ends, of which the model says `inference`: the worst mistakes, examples of each cell of the confusion matrix, and
    /// all predictions. Of predicted numbers the evaluation itself tells which are worst.
    func testArtifacts(_ inference: Inference, of test: [Int32], step: Int) -> [SessionArtifact] {
        let name = Split.test.rawValue
        let predictsNumbers = targets != nil
        var artifacts: [SessionArtifact] = []
        func add(_ kind: String, _ name: String, _ body: Data) {
            artifacts.append(SessionArtifact(kind: kind, name: name, step: step, body: body))
        }
        if !predictsNumbers {
            let worst = Mistake.worst(of: inference, indices: test, in: self)
            add(Mistake.artifactKind, name, Mistake.encoded(worst))
            let cells = Mistake.cells(of: inference, indices: test, in: self)
            add(Mistake.artifactKind, Mistake.cellsName, Mistake.encoded(cells))
        }
        let list = PredictionList(
            inference, indices: test, classes: predictsNumbers ? nil : classes.count)
        add(PredictionList.artifactKind, name, list.encoded())
        return artifacts
    }
}
