// AnalystQuestion: what a screen asks about a model, and what it hears beside events.

import Engine

/// A value of a table's row that a person sets to see what would be.
public struct ValueChange: Sendable, Equatable {
    /// Place of the column in the data set, from 0.
    public var column: Int
    /// As a person types it; empty: missing.
    public var text: String
    public init(column: Int, text: String) {
        self.column = column
        self.text = text
    }
}

/// What may be asked of an ``Analyst``.
public enum AnalystQuestion: Sendable, Equatable {
    /// Why does the model say what it says of the example at this place in the data set?
    case explain(row: Int, changes: [ValueChange], settings: LIMESettings)
    /// What matters to it over so many examples?
    case survey(rows: Int, settings: LIMESettings)
    /// What does it predict for each example of the test split? Kept in the session, once.
    case predictions
    /// What do these smaller variants weigh, lose and gain? Recipes by name; trained on for so many epochs where they have lost
    /// something, 0: not.
    case compare(variants: [String], epochs: Int)
    /// Which is the smallest variant that loses at most so many points of accuracy? Tries some, smaller and smaller ones.
    case search(points: Double, epochs: Int)
    /// What does each layer lose when it alone is made smaller?
    case sensitivity
    /// Keeps a person's word on a variant that was compared.
    case decide(variant: String, act: VariantChoice.Act)
    /// What is being worked on is no longer wanted.
    case cancel
}

/// What an ``Analyst`` tells its screens beside the events that it records.
public enum AnalystNews: Sendable, Equatable {
    /// It is at work; how much of it is done, 0 to 1, and on what, where that changes.
    case working(fraction: Double, on: String = "")
    /// Nothing is being worked on any more.
    case idle
    /// A question could not be answered, and why, in one sentence.
    case failed(String)
    /// More is in the session file beside the events.
    case facts
}
