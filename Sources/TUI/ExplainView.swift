// ExplainView: how the screen Explain looks at the open session: which row, which class, what a person has changed.

import Engine
import Experiments

/// Which rows the screen lists.
enum RowFilter: Sendable, Equatable {
    /// Those that the model is wrong about, the surest first; where a number is predicted, the largest errors first.
    case wrong
    /// All, the least sure first.
    case unsure
    /// All, in the order of the data set.
    case all
    /// Those of one true class, wrong ones first.
    case ofClass(Int)
}

/// What the screen Explain shows.
struct ExplainView: Sendable, Equatable {
    var filter: RowFilter = .wrong
    /// Places in the list of predictions that the filter shows, in its order.
    var shown: [Int] = []
    /// Place in the data set of the selected row; nil: none yet.
    var row: Int?
    /// The selected value of the row.
    var column = 0
    /// Values that a person has set.
    var changes: [ValueChange] = []
    /// Which of the explained classes is shown, from the most probable.
    var surrogate = 0
    /// What matters over many rows in place of why one is so, where there is no room for both.
    var showsSurvey = false
    /// nil: the usual one.
    var kernelWidth: Double?
    /// How much of the answer to the last question is there, 0 to 1; nil: nothing is waited for.
    var fraction: Double?
    /// Why the last question was not answered.
    var failure: String?
    /// The gallery that the row was come to from; the way back leads there.
    var origin: GalleryView?
}

extension OpenSession {
    /// How explanations are asked for.
    var explainSettings: LIMESettings {
        LIMESettings(samples: isTable ? 5_000 : 1_000, features: 8, kernelWidth: explain.kernelWidth)
    }

    /// Whether the examples are rows of a table.
    var isTable: Bool { facts?.data?.summary?.columns.isEmpty == false }

    /// The filters that there are for this run, in the order in which a key goes through them.
    var rowFilters: [RowFilter] {
        if predictsNumbers { return [.wrong, .all] }
        return [.wrong, .unsure, .all] + (run.head?.classes ?? []).indices.map(RowFilter.ofClass)
    }

    /// Lists the rows that the filter shows, and selects one of them.
    mutating func listRows() {
        // Facts may come before the events that say what the run predicts.
        guard let list = facts?.predictions, run.head != nil else {
            explain.shown = []
            return
        }
        let places = Array(0..<list.count)
        func error(_ place: Int) -> Float { (list[place].prediction - list[place].truth).magnitude }
        func isWrong(_ place: Int) -> Bool { list[place].label != list[place].predicted }
        switch explain.filter {
        case .wrong where predictsNumbers: explain.shown = places.sorted { (error($1), $0) < (error($0), $1) }
        case .wrong:
            explain.shown = places.filter(isWrong).sorted {
                (list[$1].prediction, $0) < (list[$0].prediction, $1)
            }
        case .unsure: explain.shown = places.sorted { (list[$0].prediction, $0) < (list[$1].prediction, $1) }
        case .all: explain.shown = places
        case .ofClass(let label):
            let mine = places.filter { list[$0].label == label }
            explain.shown = mine.filter(isWrong) + mine.filter { !isWrong($0) }
        }
        // A model without a mistake has other rows to look at.
        if explain.filter == .wrong, explain.shown.isEmpty, !list.isEmpty {
            explain.filter = .unsure
            return listRows()
        }
        if selectedPlace == nil { explain.row = explain.shown.first.map { list[$0].index } }
    }

    /// Where the selected row stands among the shown ones.
    var selectedPlace: Int? {
        guard let row = explain.row, let list = facts?.predictions else { return nil }
        return explain.shown.firstIndex { list[$0].index == row }
    }

    /// The newest explanation of the selected row, as it is or as a person has changed it.
    var explanation: Explanation? {
        guard let row = explain.row else { return nil }
        let changed = !explain.changes.isEmpty
        return run.explanations.last { $0.row == row && $0.values.contains(where: \.isChanged) == changed }
    }

    /// The newest explanation of the selected row as it is in the data set.
    var plainExplanation: Explanation? {
        guard let row = explain.row else { return nil }
        return run.explanations.last { $0.row == row && !$0.values.contains(where: \.isChanged) }
    }

    /// The surrogate that is shown of an explanation.
    func surrogate(of explanation: Explanation) -> Surrogate? {
        guard !explanation.surrogates.isEmpty else { return nil }
        return explanation.surrogates[explain.surrogate % explanation.surrogates.count]
    }
}
