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
    /// What is being worked on is no longer wanted.
    case cancel
}

/// What an ``Analyst`` tells its screens beside the events that it records.
public enum AnalystNews: Sendable, Equatable {
    /// It is at work; how much of it is done, 0 to 1.
    case working(fraction: Double)
    /// Nothing is being worked on any more.
    case idle
    /// A question could not be answered, and why, in one sentence.
    case failed(String)
    /// More is in the session file beside the events.
    case facts
}
