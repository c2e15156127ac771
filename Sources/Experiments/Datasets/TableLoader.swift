// A CSV table to a labelled data set: which column is the label, what each other column holds.
import Engine

enum TableLoader {
    /// More texts than this in one column are no categories.
    static let maximumLevels = 50
    /// A numeric label with more values than this is a quantity, not a class.
    static let maximumNumericClasses = 20
    static let maximumTextClasses = 1000

    static func load(
        _ bytes: [UInt8], path: String, name: String, target: String?, ignore: [String], origin: String,
        for loss: LossSpec
    ) throws(DatasetError) -> Dataset {
        let table = try CSVTable(bytes, path: path)
        guard table.rowCount > 0 else { throw .empty(path: path) }
        for column in ignore + (target.map { [$0] } ?? []) where !table.names.contains(column) {
            throw .columnMissing(path: path, column: column, columns: table.names)
        }
        let kept = table.names.filter { !ignore.contains($0) }
        guard let target = target ?? kept.last else {
            throw .targetUnusable(path: path, column: table.names[0], problem: "all columns are ignored")
        }
        guard !ignore.contains(target) else {
            throw .targetUnusable(path: path, column: target, problem: "it is among the ignored columns")
        }
        let inputs = table.names.indices.filter { kept.contains(table.names[$0]) && table.names[$0] != target }
        guard let targetColumn = table.names.firstIndex(of: target), !inputs.isEmpty else {
            throw .targetUnusable(path: path, column: target, problem: "no other column is left to learn from")
        }
        if loss.isRegression {
            return try numbers(
                of: targetColumn, inputs, in: table, name: name, origin: origin, loss: loss.name)
        }
        let (labels, classes) = try labels(of: targetColumn, in: table)
        try MemoryBudget.check("the table \(path)", bytes: table.rowCount * inputs.count * 4)
        let (columns, values, notes) = try features(of: inputs, in: table)
        return Dataset(
            name: name, shape: .vector(columns.count), classes: classes, columns: columns, features: .floats(values),
            labels: labels, origin: origin, target: target, notes: notes)
    }

    // MARK: A number to predict

    /// The table with `target` as numbers; rows without one are left out, and said to be.
    private static func numbers(
        of target: Int, _ inputs: [Int], in table: CSVTable, name: String, origin: String, loss: String
    ) throws(DatasetError) -> Dataset {
        let column = table.names[target]
        var targets: [Float] = []
        var rows: [Int] = []
        for row in 0..<table.rowCount {
            let value: Double? = table.withField(row: row, column: target) {
                isMissing($0) ? .nan : parseNumber($0, decimalComma: table.hasDecimalCommas)
            }
            guard let value, value.isNaN || Float(value).isFinite else {
                throw .targetNotNumber(
                    path: table.path, line: table.line(ofRow: row), column: column,
                    text: shortened(table.field(row: row, column: target)), isTooLarge: value != nil, loss: loss)
            }
            if value.isNaN { continue }
            targets.append(Float(value))
            rows.append(row)
        }
        guard !rows.isEmpty else {
            throw .targetUnusable(path: table.path, column: column, problem: "it is empty in every row")
        }
        try MemoryBudget.check("the table \(table.path)", bytes: table.rowCount * inputs.count * 4)
        var (columns, values, notes) = try features(of: inputs, in: table)
        if rows.count < table.rowCount {
            values = rows.flatMap { values[$0 * columns.count..<($0 + 1) * columns.count] }
            let kept = Set(rows)
            let missing = (0..<table.rowCount).filter { !kept.contains($0) }
            let lines = missing.prefix(5).map { String(table.line(ofRow: $0)) }.joined(separator: ", ")
            notes.append(
                "\(missing.count) of \(table.rowCount) rows of \(table.path) have no value in the target column '\(column)' "
                    + "and were left out (line \(lines)\(missing.count > 5 ? ", …" : ""))."
            )
        }
        return Dataset(
            name: name, shape: .vector(columns.count), classes: [column], columns: columns, features: .floats(values),
            labels: Array(repeating: 0, count: rows.count), targets: targets, origin: origin,
            target: column, notes: notes)
    }

    // MARK: The label

    private static func labels(
        of column: Int, in table: CSVTable
    ) throws(DatasetError) -> (labels: [Int32], classes: [String]) {
        let name = table.names[column]
        var codes: [String: Int32] = [:]
        var labels: [Int32] = []
        var missing: [Int] = []
        labels.reserveCapacity(table.rowCount)
        for row in 0..<table.rowCount {
            guard let text = className(table, row: row, column: column) else {
                missing.append(table.line(ofRow: row))
                continue
            }
            let code = codes[text] ?? Int32(codes.count)
            if Int(code) == codes.count { codes[text] = code }
            labels.append(code)
        }
        if !missing.isEmpty {
            throw .targetMissing(
                path: table.path, column: name, lines: Array(missing.prefix(5)), count: missing.count)
        }
        let classes = try sortedClasses(Array(codes.keys), column: name, in: table)
        guard classes.count > 1 else { throw .tooFewClasses(path: "\(table.path), column '\(name)'", found: classes) }
        var order = [Int32](repeating: 0, count: classes.count)
        for (index, name) in classes.enumerated() { order[Int(codes[name] ?? 0)] = Int32(index) }
        return (labels.map { order[Int($0)] }, classes)
    }

    /// Numbers upwards, texts by their Unicode values. Throws when they are too many for classes.
    private static func sortedClasses(
        _ names: [String], column: String, in table: CSVTable
    ) throws(DatasetError) -> [String] {
        let numbers = names.map { parseNumber(Array($0.utf8), decimalComma: false) }
        guard numbers.allSatisfy({ $0 != nil }) else {
            if names.count > maximumTextClasses || (names.count > 20 && names.count * 2 > table.rowCount) {
                throw .targetUnusable(
                    path: table.path, column: column,
                    problem: "it holds \(names.count) different texts in \(table.rowCount) rows; choose another with "
                        + "--target")
            }
            return names.sorted()
        }
        let values = zip(names, numbers).compactMap { name, number in number.map { (name, $0) } }
        if let (fraction, _) = values.first(where: { $0.1 != $0.1.rounded() }) {
            throw .targetUnusable(
                path: table.path, column: column,
                problem: "it holds quantities such as \(fraction), which are no classes: to predict numbers set "
                    + "training.loss to mean_squared_error, or choose another column with --target")
        }
        if names.count > maximumNumericClasses {
            throw .targetUnusable(
                path: table.path, column: column,
                problem: "it holds \(names.count) different numbers, too many for classes: to predict numbers set "
                    + "training.loss to mean_squared_error, or choose another column with --target")
        }
        return values.sorted { $0.1 < $1.1 }.map(\.0)
    }

    /// The class that a row's label field names: whole numbers in one spelling, so that `1` and `1.0` are one class.
    /// nil: missing.
    static func className(_ table: CSVTable, row: Int, column: Int) -> String? {
        table.withField(row: row, column: column) { bytes in
            if isMissing(bytes) { return nil }
            if let number = parseNumber(bytes, decimalComma: table.hasDecimalCommas), number == number.rounded(),
                number.magnitude < 1e15
            {
                return String(Int(number))
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    // MARK: The inputs

    /// The columns that can be learnt from. What holds nothing for that (names and other texts that hardly come twice, no value
    /// at all) is left out, and said to be; a text among numbers is a mistake that only a person can mend.
    private static func features(
        of inputs: [Int], in table: CSVTable
    ) throws(DatasetError) -> (columns: [Column], values: [Float], notes: [String]) {
        var columns: [Column] = []
        var kept: [Int] = []
        var left: [(name: String, problem: String)] = []
        var wrong: [(name: String, problem: String)] = []
        for column in inputs {
            let name = table.names[column]
            switch try ColumnReading(of: column, in: table) {
            case .numbers:
                columns.append(Column(name: name, kind: .numeric))
                kept.append(column)
            case .categories(let levels):
                columns.append(Column(name: name, kind: .category(levels: levels)))
                kept.append(column)
            case .useless(let problem): left.append((name, problem))
            case .mixed(let problem): wrong.append((name, problem))
            }
        }
        let unusable = kept.isEmpty ? left + wrong : wrong
        guard unusable.isEmpty else {
            throw .columnsUnusable(
                path: table.path, problems: unusable.map(\.problem), ignoring: unusable.map(\.name))
        }
        var values = [Float](repeating: .nan, count: table.rowCount * kept.count)
        for (position, column) in kept.enumerated() {
            try fill(
                &values, at: position, of: kept.count, as: columns[position].kind, from: column, in: table)
        }
        return (columns, values, left.map { "\(table.path): the column \($0.problem), so it was left out." })
    }

    /// The table's `column` to place `position` of each row of `values`, which are `width` long: numbers, or indices of
    /// categories; NaN when missing, or when a category is unknown. Throws for text among numbers.
    static func fill(
        _ values: inout [Float], at position: Int, of width: Int, as kind: ColumnKind, from column: Int,
        in table: CSVTable
    ) throws(DatasetError) {
        switch kind {
        case .numeric:
            for row in 0..<table.rowCount {
                values[row * width + position] = try number(table, row: row, column: column)
            }
        case .category(let levels):
            let codes = Dictionary(uniqueKeysWithValues: zip(levels, (0..<levels.count).map(Float.init)))
            for row in 0..<table.rowCount {
                values[row * width + position] = code(table, row: row, column: column, codes: codes)
            }
        }
    }

    /// A number, NaN when missing. Throws for text, and for numbers that a Float cannot hold.
    private static func number(_ table: CSVTable, row: Int, column: Int) throws(DatasetError) -> Float {
        let value: Double? = table.withField(row: row, column: column) {
            isMissing($0) ? .nan : parseNumber($0, decimalComma: table.hasDecimalCommas)
        }
        guard let value, value.isNaN || Float(value).isFinite else {
            throw .csv(
                path: table.path, line: table.line(ofRow: row),
                problem: "'\(shortened(table.field(row: row, column: column)))' in column '\(table.names[column])' is "
                    + (value == nil ? "not a number" : "too large for a 32-bit number"))
        }
        return Float(value)
    }

    /// A category's index, NaN when missing or unknown.
    private static func code(_ table: CSVTable, row: Int, column: Int, codes: [String: Float]) -> Float {
        table.withField(row: row, column: column) {
            isMissing($0) ? .nan : codes[String(decoding: $0, as: UTF8.self)] ?? .nan
        }
    }

    /// Empty, NA, NaN, null or ?, in any case.
    static func isMissing(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        func equals(_ word: StaticString) -> Bool {
            bytes.count == word.utf8CodeUnitCount && bytes.indices.allSatisfy { bytes[$0] | 0x20 == word.utf8Start[$0] }
        }
        switch bytes.count {
        case 0: return true
        case 1: return bytes[0] == 0x3f
        case 2: return equals("na")
        case 3: return equals("nan")
        case 4: return equals("null")
        default: return bytes.allSatisfy { $0 == 0x20 }
        }
    }

    static func shortened(_ text: String) -> String { text.count > 40 ? text.prefix(39) + "…" : text }
}

extension CSVTable {
    /// Files with `;` between their fields come from places that write 3,5.
    var hasDecimalCommas: Bool { separator == 0x3b }
}

/// What a whole column turns out to hold.
private enum ColumnReading {
    case numbers
    case categories([String])
    /// Nothing can be learnt from it; one clause of a sentence.
    case useless(String)
    /// Numbers, and something else among them.
    case mixed(String)

    /// So few different texts among numbers stand for something that is no number, "many" or "-". More of them, in a tenth of the
    /// rows at least, make names of which some look like numbers: tickets, orders.
    private static let fewTexts = 10

    init(of column: Int, in table: CSVTable) throws(DatasetError) {
        let name = table.names[column]
        guard !table.unnamed.contains(name) else {
            self = .useless("'\(name)' has no name in the header")
            return
        }
        var numbers = 0
        var firstText: Int?
        var levels: Set<String> = []
        var textLevels: Set<String> = []
        for row in 0..<table.rowCount {
            let kind = table.withField(row: row, column: column) { bytes -> (missing: Bool, number: Bool) in
                let missing = TableLoader.isMissing(bytes)
                return (missing, !missing && parseNumber(bytes, decimalComma: table.hasDecimalCommas) != nil)
            }
            if kind.missing { continue }
            if kind.number { numbers += 1 } else if firstText == nil { firstText = row }
            if !kind.number, textLevels.count <= Self.fewTexts {
                textLevels.insert(table.field(row: row, column: column))
            }
            if levels.count <= TableLoader.maximumLevels { levels.insert(table.field(row: row, column: column)) }
        }
        guard let firstText else {
            self = numbers > 0 ? .numbers : .useless("'\(name)' is empty in every row")
            return
        }
        let sample = TableLoader.shortened(table.field(row: firstText, column: column))
        let texts =
            levels.count > TableLoader.maximumLevels ? "more than \(TableLoader.maximumLevels)" : "\(levels.count)"
        let present = (0..<table.rowCount).count { row in
            !table.withField(row: row, column: column) { TableLoader.isMissing($0) }
        }
        if levels.count <= TableLoader.maximumLevels && (levels.count <= 10 || levels.count * 5 <= present * 4) {
            self = .categories(levels.sorted())
        } else if numbers * 2 > present, (present - numbers) * 10 < present || textLevels.count <= Self.fewTexts {
            self = .mixed("'\(name)' holds '\(sample)' (line \(table.line(ofRow: firstText))) among its numbers")
        } else {
            self = .useless("'\(name)' holds \(texts) different texts such as '\(sample)', too many for categories")
        }
    }
}
