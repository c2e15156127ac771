// DataDoctor: looks a data set over before it is learnt from.

/// Looks a data set and its splits over. The same data give the same findings, the serious ones first.
public struct DataDoctor {
    private let dataset: Dataset
    private let splits: Splits
    /// Rows of a table; nil: images.
    private let table: Table?
    /// Columns that are compared with each other; more would take too long.
    private static let mostCompared = 200
    /// Names that a sentence lists.
    private static let mostNamed = 4

    /// - Complexity: O(examples · columns · log examples) for tables, O(bytes) for images; streamed images are not read.
    public static func findings(_ dataset: Dataset, _ splits: Splits) -> [DataFinding] {
        let doctor = DataDoctor(dataset, splits)
        let found =
            doctor.leaks() + doctor.repeated() + doctor.classes() + doctor.constantColumns() + doctor.sameColumns()
            + doctor.missing()
        return found.filter(\.isSerious) + found.filter { !$0.isSerious }
    }

    private init(_ dataset: Dataset, _ splits: Splits) {
        self.dataset = dataset
        self.splits = splits
        if case .floats(let values) = dataset.features {
            table = Table(values: values, width: dataset.shape.count)
        } else {
            table = nil
        }
    }

    private struct Table {
        let values: [Float]
        let width: Int
        func column(_ column: Int, _ rows: [Int32]) -> [Float] { rows.map { values[Int($0) * width + column] } }
    }

    private static func listed(_ names: [String]) -> String {
        let shown = names.prefix(mostNamed).map { "'\($0)'" }.joined(separator: ", ")
        return names.count > mostNamed ? "\(shown) and \(names.count - mostNamed) more" : shown
    }

    private static func percent(_ fraction: Double) -> String {
        let tenths = Int((fraction * 1000).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10) %" : "\(tenths / 10).\(tenths % 10) %"
    }

    // MARK: classes

    private func classes() -> [DataFinding] {
        guard dataset.targets == nil, dataset.classes.count > 1 else { return [] }
        var counts = [Int](repeating: 0, count: dataset.classes.count)
        for index in splits.train { counts[Int(dataset.labels[Int(index)])] += 1 }
        var found: [DataFinding] = []
        let few = counts.indices.filter { counts[$0] < 10 }
        if !few.isEmpty {
            let names = few.map { "\(dataset.classes[$0])" }
            found.append(
                DataFinding(
                    kind: .rareClass, isSerious: true,
                    text:
                        "\(Self.listed(names)) \(few.count == 1 ? "has" : "have") fewer than 10 training examples: too few to learn from or to judge by."
                ))
        }
        guard let most = counts.max(), let least = counts.filter({ $0 > 0 }).min(), most >= 3 * least else {
            return found
        }
        let largest = counts.firstIndex(of: most) ?? 0
        let share = Self.percent(Double(most) / Double(splits.train.count))
        found.append(
            DataFinding(
                kind: .imbalance, isSerious: most >= 10 * least,
                text:
                    "The largest class has \(most / least) times as many examples as the smallest. Saying '\(dataset.classes[largest])' always is right in \(share): look at balanced accuracy and macro F1, or set class_weights: balanced."
            ))
        return found
    }

    // MARK: columns

    /// Columns from which alone the label follows.
    private func leaks() -> [DataFinding] {
        guard let table else { return [] }
        let held = splits.test + splits.validation
        guard splits.train.count >= 20, held.count >= 10 else { return [] }
        let named = dataset.columns.indices.filter { column in
            if let targets = dataset.targets { return follows(column, targets, table) }
            return tells(column, table, held)
        }.map { dataset.columns[$0].name }
        guard !named.isEmpty else { return [] }
        let what = dataset.targets == nil ? "the class" : "the number to predict"
        return [
            DataFinding(
                kind: .leak, isSerious: true,
                text:
                    "\(Self.listed(named)) alone \(named.count == 1 ? "gives" : "give") \(what) away (at least 99 % of the held-out examples): if it is not known when the model will be asked, leave it out (data.ignore)."
            )
        ]
    }

    /// The most frequent class of each of a column's levels, or of 32 ranges of its numbers, is right in 99 % of the held-out
    /// examples, and clearly more often than the most frequent class of all. Where values are missing is a level too.
    private func tells(_ column: Int, _ table: Table, _ held: [Int32]) -> Bool {
        let values = table.column(column, splits.train)
        let borders: [Double]
        switch dataset.columns[column].kind {
        case .category: borders = []
        case .numeric:
            let finite = values.filter { $0.isFinite }.map(Double.init)
            guard !finite.isEmpty else { return false }
            borders = Array(
                Set(ColumnBins.percentiles(finite, stride(from: 3.125, to: 100, by: 3.125).map { $0 }))
            ).sorted()
        }
        func level(_ value: Float) -> Int {
            if value.isNaN { return -1 }
            if case .category = dataset.columns[column].kind { return Int(value) }
            return borders.firstIndex { Double(value) <= $0 } ?? borders.count
        }
        var votes: [Int: [Int]] = [:]
        for (value, row) in zip(values, splits.train) {
            votes[level(value), default: Array(repeating: 0, count: dataset.classes.count)][
                Int(dataset.labels[Int(row)])] += 1
        }
        func winner(_ counts: [Int]) -> Int { counts.firstIndex(of: counts.max() ?? 0) ?? 0 }
        let said = votes.mapValues(winner)
        var (right, usual) = (0, 0)
        var counts = [Int](repeating: 0, count: dataset.classes.count)
        for row in splits.train { counts[Int(dataset.labels[Int(row)])] += 1 }
        let most = winner(counts)
        for (value, row) in zip(table.column(column, held), held) {
            let label = Int(dataset.labels[Int(row)])
            if label == said[level(value)] ?? most { right += 1 }
            if label == most { usual += 1 }
        }
        return Double(right) >= 0.99 * Double(held.count) && right - usual >= max(3, held.count / 50)
    }

    /// A number that is the target but for scale and shift.
    private func follows(_ column: Int, _ targets: [Float], _ table: Table) -> Bool {
        guard case .numeric = dataset.columns[column].kind else { return false }
        let numbers = splits.train.map { targets[Int($0)] }
        return Self.correlation(table.column(column, splits.train), numbers).magnitude > 0.9999
    }

    /// Pearson's correlation of the places where both are finite; 0 where one does not vary.
    private static func correlation(_ a: [Float], _ b: [Float]) -> Double {
        var (count, sa, sb) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) where x.isFinite && y.isFinite {
            count += 1
            sa += Double(x)
            sb += Double(y)
        }
        guard count > 2 else { return 0 }
        let (ma, mb) = (sa / count, sb / count)
        var (aa, bb, ab) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) where x.isFinite && y.isFinite {
            let (dx, dy) = (Double(x) - ma, Double(y) - mb)
            aa += dx * dx
            bb += dy * dy
            ab += dx * dy
        }
        return aa > 0 && bb > 0 ? ab / (aa * bb).squareRoot() : 0
    }

    private func constantColumns() -> [DataFinding] {
        guard let table else { return [] }
        let named = dataset.columns.indices.filter { column in
            var values = Set<Float>()
            for row in splits.train {
                let value = table.values[Int(row) * table.width + column]
                if !value.isNaN { values.insert(value) }
                if values.count > 1 { return false }
            }
            return true
        }.map { dataset.columns[$0].name }
        guard !named.isEmpty else { return [] }
        return [
            DataFinding(
                kind: .constant, isSerious: false,
                text:
                    "\(Self.listed(named)) \(named.count == 1 ? "has" : "have") one value in the whole training split: nothing can be learnt from \(named.count == 1 ? "it" : "them")."
            )
        ]
    }

    /// Columns that are equal, or but for scale and shift.
    private func sameColumns() -> [DataFinding] {
        guard let table else { return [] }
        let columns = (0..<min(dataset.columns.count, Self.mostCompared)).filter {
            if case .numeric = dataset.columns[$0].kind { true } else { false }
        }
        // A few hundred rows tell columns apart that differ; those that do not are compared in full.
        let few = Array(splits.train.prefix(300))
        let heads = columns.map { table.column($0, few) }
        var pairs: [String] = []
        for (place, first) in columns.enumerated() {
            for (other, second) in columns.enumerated().dropFirst(place + 1)
            where Self.correlation(heads[place], heads[other]).magnitude > 0.99999 {
                let all = Self.correlation(table.column(first, splits.train), table.column(second, splits.train))
                if all.magnitude > 0.99999 {
                    pairs.append("\(dataset.columns[first].name)' = '\(dataset.columns[second].name)")
                }
            }
        }
        guard !pairs.isEmpty else { return [] }
        return [
            DataFinding(
                kind: .duplicateColumns, isSerious: false,
                text:
                    "\(Self.listed(pairs)) say the same but for scale and shift: explanations split the weight between them; one of each is enough."
            )
        ]
    }

    private func missing() -> [DataFinding] {
        guard let table else { return [] }
        let counts = dataset.columns.indices.map { column in
            (column, splits.train.count { table.values[Int($0) * table.width + column].isNaN })
        }.filter { $0.1 > 0 }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }
        guard let worst = counts.first else { return [] }
        let shares = counts.map { column, count in
            "\(dataset.columns[column].name)' (\(Self.percent(Double(count) / Double(splits.train.count))))"
        }
        // Closed by the list's own quotes.
        let names = shares.prefix(Self.mostNamed).map { "'\($0)" }.joined(separator: ", ")
        let more = shares.count > Self.mostNamed ? " and \(shares.count - Self.mostNamed) more" : ""
        return [
            DataFinding(
                kind: .missing, isSerious: 2 * worst.1 > splits.train.count,
                text:
                    "Values are missing in \(names)\(more): a missing number is taken as the column's mean, a missing category as none."
            )
        ]
    }

    // MARK: examples

    /// Examples that occur more than once.
    private func repeated() -> [DataFinding] {
        guard let key = exampleKeys() else { return [] }
        var first: [UInt64: Int32] = [:]
        var twice = 0
        var torn = Set<UInt64>()
        func differs(_ a: Int32, _ b: Int32) -> Bool {
            dataset.targets.map { $0[Int(a)] != $0[Int(b)] } ?? (dataset.labels[Int(a)] != dataset.labels[Int(b)])
        }
        for row in splits.train {
            let hash = key(Int(row))
            if let other = first[hash] {
                twice += 1
                if differs(other, row) { torn.insert(hash) }
            } else {
                first[hash] = row
            }
        }
        var found: [DataFinding] = []
        for (split, rows) in [("test", splits.test), ("validation", splits.validation)] {
            let shared = rows.count { first[key(Int($0))] != nil }
            guard shared > 0 else { continue }
            let share = Double(shared) / Double(rows.count)
            found.append(
                DataFinding(
                    kind: .sharedExamples, isSerious: share >= 0.01,
                    text:
                        "\(shared) of \(rows.count) \(split) examples are in the training split too (\(Self.percent(share))): what is measured there is too good by what was learnt by heart."
                ))
        }
        if !torn.isEmpty {
            found.append(
                DataFinding(
                    kind: .contradiction, isSerious: Double(torn.count) >= 0.01 * Double(splits.train.count),
                    text:
                        "\(torn.count) training \(torn.count == 1 ? "example occurs" : "examples occur") with different labels: no model can get all of them right."
                ))
        }
        if twice > 0 {
            found.append(
                DataFinding(
                    kind: .duplicates, isSerious: false,
                    text:
                        "\(twice) training \(twice == 1 ? "example is" : "examples are") equal to another one (\(Self.percent(Double(twice) / Double(splits.train.count))))."
                ))
        }
        return found
    }

    /// A function from a place to a hash of the example's values; nil where they are not in memory.
    private func exampleKeys() -> ((Int) -> UInt64)? {
        func mixed(_ hash: UInt64, _ word: UInt64) -> UInt64 {
            // The finaliser of MurmurHash3 over a running sum: 64 bits, so that even millions of examples seldom meet.
            var h = (hash ^ word) &* 0xFF51_AFD7_ED55_8CCD
            h ^= h >> 33
            return h &* 0xC4CE_B9FE_1A85_EC53 ^ h >> 29
        }
        let width = dataset.shape.count
        switch dataset.features {
        case .floats(let values):
            return { row in
                var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
                for value in values[row * width..<(row + 1) * width] {
                    // All that is missing is equal, and so are both zeros.
                    hash = mixed(hash, value.isNaN ? 0x7FC0_0000 : UInt64((value + 0).bitPattern))
                }
                return hash
            }
        case .bytes(let bytes):
            return { row in
                bytes.withUnsafeBytes { all in
                    var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
                    var place = row * width
                    let end = place + width
                    while place + 8 <= end {
                        hash = mixed(hash, all.loadUnaligned(fromByteOffset: place, as: UInt64.self))
                        place += 8
                    }
                    while place < end {
                        hash = mixed(hash, UInt64(all[place]))
                        place += 1
                    }
                    return hash
                }
            }
        case .streamed: return nil
        }
    }
}
