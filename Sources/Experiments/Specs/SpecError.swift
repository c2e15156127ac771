// SpecError: what is wrong with a spec, all of it at once, with file and line.

/// One thing that is wrong with a spec.
public struct SpecProblem: Sendable, Equatable {
    /// Line in the file, from 1; nil when an option of the command line brought it in.
    public var line: Int?
    /// A sentence.
    public var message: String
}

/// Everything that is wrong with a spec, first line first.
public struct SpecError: Error, Equatable, CustomStringConvertible {
    public var file: String
    public var problems: [SpecProblem]

    init(file: String, problems: [SpecProblem]) {
        self.file = file
        self.problems = problems.enumerated().sorted {
            ($0.element.line ?? .max, $0.offset) < ($1.element.line ?? .max, $1.offset)
        }.map(\.element)
    }

    init(file: String, line: Int? = nil, _ message: String) {
        self.init(file: file, problems: [SpecProblem(line: line, message: message)])
    }

    public var description: String {
        problems.map { problem in
            problem.line.map { "\(file):\($0): \(problem.message)" } ?? "\(file): \(problem.message)"
        }.joined(separator: "\n")
    }
}

/// The known name that `name` was probably meant to be; nil when none is near.
func nearest(_ name: String, among known: [String]) -> String? {
    let best = known.map { ($0, editDistance(Array(name.lowercased()), Array($0))) }.min { $0.1 < $1.1 }
    guard let (candidate, distance) = best, distance <= max(1, candidate.count / 3) else { return nil }
    return candidate
}

/// Insertions, deletions, substitutions and swaps of neighbours between two words (Damerau 1964, restricted).
private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
    guard a.count < 100 else { return .max }
    var rows = [Array(0...b.count)]
    for i in 0..<a.count {
        var row = [i + 1]
        for j in 0..<b.count {
            var cost = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, rows[i - 1][j - 1] + 1) }
            row.append(cost)
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}
