// FoldMeasures: what is measured on the examples that were kept from a fold, of each fold and of all together.
import Engine

/// Predictions of several folds as those of one model.
enum FoldPooling {
    /// The predictions of several parts in the order of the data set.
    /// - Parameter width: values of a prediction.
    static func pool(_ parts: [([Int32], Inference)], width: Int) -> (examples: [Int32], inference: Inference) {
        var places: [(example: Int32, part: Int, row: Int)] = []
        for (part, (examples, _)) in parts.enumerated() {
            places += examples.enumerated().map { ($1, part, $0) }
        }
        places.sort { $0.example < $1.example }
        var pooled = Inference(probabilities: [], losses: [], hits: [], labels: [])
        for (_, part, row) in places {
            let own = parts[part].1
            pooled.probabilities += own.probabilities[row * width..<(row + 1) * width]
            pooled.losses.append(own.losses[row])
            if !own.hits.isEmpty { pooled.hits.append(own.hits[row]) }
            pooled.labels.append(own.labels[row])
            if !own.targets.isEmpty { pooled.targets.append(own.targets[row]) }
        }
        return (places.map(\.example), pooled)
    }
}

/// The measures of a fold, or of all folds pooled, by name without the split.
enum FoldMeasures {
    /// Those of what `trainer` says of the examples that were kept from the fold `part`.
    static func all(_ inference: Inference, _ trainer: Trainer, _ part: Experiment) -> [String: Double] {
        let isRegression = part.spec.training.loss.isRegression
        return all(
            inference.meanLoss, isRegression ? nil : inference.accuracy, trainer.detail(of: inference),
            isRegression ? RegressionDetail(inference, examples: part.splits.test) : nil)
    }

    /// Undefined ones are left out.
    static func all(
        _ loss: Double, _ accuracy: Double?, _ detail: EvaluationDetail?, _ regression: RegressionDetail?
    ) -> [String: Double] {
        var measures = ["loss": loss]
        measures["accuracy"] = accuracy
        for (name, value) in regression?.scores.named ?? [] { measures[name] = value }
        if let detail {
            let matrix = ConfusionMatrix(rows: detail.confusion)
            measures["macro_f1"] = matrix.macroF1
            measures["mcc"] = matrix.mcc
            measures["brier"] = detail.summary?.brier
            let areas = detail.roc.compactMap(\.auc)
            if areas.count == detail.roc.count, !areas.isEmpty {
                measures["auc"] = areas.reduce(0, +) / Double(areas.count)
            }
        }
        return measures
    }

    /// What a measure can be.
    static func bounds(of measure: String) -> ClosedRange<Double>? {
        switch measure {
        case "accuracy", "macro_f1", "auc": 0...1
        case "mcc": -1...1
        case "r2": -.infinity...1
        default: 0...(.infinity)
        }
    }
}
