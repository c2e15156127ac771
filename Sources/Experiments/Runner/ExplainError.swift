// ExplainError: why a prediction can't be explained.

/// Why a prediction can't be explained.
public enum ExplainError: Error, Equatable, CustomStringConvertible {
    case rowOutOfRange(row: Int, rows: Int, name: String)
    case noColumns(path: String)
    case noSuchColumn(String, columns: [String])
    case columnOutOfRange(Int, columns: Int)
    case notANumber(column: String, text: String)
    case unknownLevel(column: String, text: String, levels: [String])
    case numbersHaveNoEntropy(path: String)
    case surveyNeedsColumns(path: String)

    public var description: String {
        switch self {
        case .rowOutOfRange(let row, let rows, let name):
            "There is no row \(row): the data set '\(name)' has \(rows) examples, 0 to \(rows - 1)."
        case .noColumns(let path): "The model in \(path) takes images, which have no columns to be changed."
        case .noSuchColumn(let name, let columns):
            columns.isEmpty
                ? "There is no column '\(name)': the model takes images, whose pixels have no names."
                : "There is no column '\(name)': the model's columns are \(listed(columns))."
        case .columnOutOfRange(let column, let columns):
            "There is no column \(column): the model has \(columns) columns, 0 to \(columns - 1)."
        case .notANumber(let column, let text):
            "'\(text)' is no number, which the column '\(column)' takes (or nothing at all: missing)."
        case .unknownLevel(let column, let text, let levels):
            "'\(text)' is no level of the column '\(column)': it takes \(listed(levels)) (or nothing at all: missing)."
        case .numbersHaveNoEntropy(let path):
            "The model in \(path) predicts numbers, so there are no classes that an entropy discretizer could tell apart: take quartile, decile or none."
        case .surveyNeedsColumns(let path):
            "The model in \(path) takes images, whose superpixels differ from one to the next: a survey needs a table."
        }
    }
}
