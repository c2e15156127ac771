// DataFinding: what a person should know of a data set before they believe what a model makes of it.

/// Something that was noticed in a data set.
public struct DataFinding: Sendable, Equatable, Codable {
    /// What it is about.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// A column gives the label away: the model would learn nothing else.
        case leak
        /// Examples of the test split are in the training split too.
        case sharedExamples = "shared_examples"
        /// Equal examples with different labels.
        case contradiction
        /// Classes of very different sizes.
        case imbalance
        /// A class with very few examples to learn from.
        case rareClass = "rare_class"
        /// Values that are not there.
        case missing
        /// A column with one value.
        case constant
        /// Columns that say the same.
        case duplicateColumns = "duplicate_columns"
        /// Examples that are in the training split more than once.
        case duplicates
    }
    public var kind: Kind
    /// It makes results look better than they are, or a class unlearnable; else it is only worth knowing.
    public var isSerious: Bool
    /// One sentence, or two: what was found, and what to do.
    public var text: String

    public init(kind: Kind, isSerious: Bool, text: String) {
        self.kind = kind
        self.isSerious = isSerious
        self.text = text
    }
}
