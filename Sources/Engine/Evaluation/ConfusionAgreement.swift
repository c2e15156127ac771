// ConfusionAgreement: how far predicted and true classes agree beyond chance, in one number.

extension ConfusionMatrix {
    /// Matthews' correlation of predicted and true classes, for any number of classes (Gorodkin 2004, "Comparing two K-category
    /// assignments by a K-category correlation coefficient"), -1 to 1; nil when all examples are of one class or all were
    /// taken for one.
    public var mcc: Double? {
        let margins = margins
        let total = Double(total)
        let shared = zip(margins.rows, margins.columns).reduce(0) { $0 + $1.0 * $1.1 }
        let rows = total * total - margins.rows.reduce(0) { $0 + $1 * $1 }
        let columns = total * total - margins.columns.reduce(0) { $0 + $1 * $1 }
        guard rows > 0, columns > 0 else { return nil }
        return (margins.hits * total - shared) / (rows.squareRoot() * columns.squareRoot())
    }

    /// Cohen's kappa (Cohen 1960, "A coefficient of agreement for nominal scales"): how much better than the same predictions
    /// in random order, 1 at most; nil when chance alone is always right.
    public var cohenKappa: Double? {
        let margins = margins
        let total = Double(total)
        guard total > 0 else { return nil }
        let chance = zip(margins.rows, margins.columns).reduce(0) { $0 + $1.0 / total * ($1.1 / total) }
        return chance < 1 ? (margins.hits / total - chance) / (1 - chance) : nil
    }

    /// Examples of each true and of each predicted class, and those on the diagonal.
    private var margins: (rows: [Double], columns: [Double], hits: Double) {
        let all = 0..<classes
        return (
            all.map { k in all.reduce(0.0) { $0 + Double(self[k, $1]) } },
            all.map { k in all.reduce(0.0) { $0 + Double(self[$1, k]) } }, all.reduce(0.0) { $0 + Double(self[$1, $1]) }
        )
    }
}
