// What can be wrong with data from the world, in one sentence each: what, where, and what to do.
import Engine

/// Why a data set could not be loaded.
public enum DatasetError: Error, Equatable, CustomStringConvertible {
    /// No built-in set has this name and no path was given.
    case unknownDataset(String, known: [String])
    /// The set is read from files, but no path says where.
    case pathNeeded(dataset: String)
    /// A setting that this data has no use for.
    case settingUnused(setting: String, reason: String)
    /// A setting outside its range.
    case settingOutOfRange(setting: String, value: Int, allowed: ClosedRange<Int>)

    /// The system refused to open or read it.
    case unreadable(path: String, reason: String)
    /// Larger than this program takes.
    case fileTooLarge(path: String, bytes: Int, limit: Int)
    /// The examples would not fit into memory.
    case memory(what: String, bytes: Int, available: Int)
    /// Nothing there that looks like data.
    case unrecognised(path: String)
    /// A file of a known binary kind whose content is wrong.
    case damaged(path: String, problem: String)
    /// NumPy's arrays that are well written but no examples.
    case arrays(path: String, problem: String)
    /// Images and labels that do not belong together.
    case countsDiffer(images: String, imageCount: Int, labels: String, labelCount: Int)
    /// The file that belongs to another one is not there.
    case partnerMissing(path: String, needed: String)
    /// Several files could be meant.
    case ambiguous(path: String, candidates: [String])
    /// Fewer than two classes.
    case tooFewClasses(path: String, found: [String])

    /// A CSV file breaks the rules of the format at a line.
    case csv(path: String, line: Int, problem: String)
    /// A CSV record with more or fewer fields than the header.
    case raggedRow(path: String, line: Int, found: Int, expected: Int)
    /// The first line holds values, not names.
    case headerMissing(path: String, sample: String)
    /// A column that was asked for is not in the file.
    case columnMissing(path: String, column: String, columns: [String])
    /// Columns that cannot be inputs as they are; `ignoring` would leave them out.
    case columnsUnusable(path: String, problems: [String], ignoring: [String])
    /// The label column cannot be one.
    case targetUnusable(path: String, column: String, problem: String)
    /// A target that is no number where numbers are learnt.
    case targetNotNumber(path: String, line: Int, column: String, text: String, isTooLarge: Bool, loss: String)
    /// Classes where the loss learns numbers.
    case classesForNumbers(dataset: String, classes: [String], loss: String, hasColumns: Bool)
    /// A number to predict where the loss learns classes.
    case numbersForClasses(dataset: String, target: String, loss: String)
    /// Rows without a label.
    case targetMissing(path: String, column: String, lines: [Int], count: Int)
    /// No rows.
    case empty(path: String)

    /// Images of several sizes, and no `resize`.
    case sizesDiffer(first: String, firstSize: String, second: String, secondSize: String)
    /// Too few of the files could be read.
    case mostlyBroken(path: String, broken: Int, total: Int, example: SkippedFile)
    /// A class folder without a usable image.
    case classEmpty(path: String)
    /// A class of the test folder that was never trained.
    case testOnlyClass(path: String)
    /// Columns of the model that a table for it lacks.
    case modelColumnsMissing(path: String, missing: [String])
    /// The data does not fit what the model was trained on.
    case otherKind(path: String, expected: String)

    public var description: String {
        switch self {
        case .unknownDataset(let name, let known):
            "there is no built-in data set '\(name)': choose one of \(known.joined(separator: ", ")), or give the "
                + "path of your own files"
        case .pathNeeded(let dataset):
            "the data set '\(dataset)' is read from files: say where they are with --data PATH or data.path"
        case .settingUnused(let setting, let reason): "data.\(setting) has no use here: \(reason)"
        case .settingOutOfRange(let setting, let value, let allowed):
            "data.\(setting) is \(value), but must be from \(allowed.lowerBound) to \(allowed.upperBound)"
        case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
        case .fileTooLarge(let path, let bytes, let limit):
            "\(path) has \(bytes) bytes, more than the \(limit) that are read"
        case .memory(let what, let bytes, let available):
            "\(what) would take \(bytes >> 20) MiB of memory, but only \(available >> 20) MiB can be had: use fewer or "
                + "smaller examples (data.resize, data.grey)"
        case .unrecognised(let path):
            "\(path) holds no data that is known here: expected a CSV file, NumPy arrays (.npz, .npy), IDX files "
                + "(train-images-idx3-ubyte, plain or .gz), CIFAR-10 binary files (data_batch_1.bin) or one folder of PNG or JPEG images a class"
        case .damaged(let path, let problem): "\(path) is damaged or of another kind: \(problem)"
        case .arrays(let path, let problem): "\(path): \(problem)"
        case .countsDiffer(let images, let imageCount, let labels, let labelCount):
            "\(images) holds \(imageCount) images, but \(labels) holds \(labelCount) labels"
        case .partnerMissing(let path, let needed): "\(path) needs \(needed) beside it, which is not there"
        case .ambiguous(let path, let candidates):
            "\(path) holds several sets (\(listed(candidates))): give the path of one images file"
        case .tooFewClasses(let path, let found):
            "\(path) holds \(found.isEmpty ? "no class" : "only the class '\(found[0])'"): at least two are needed"
        case .csv(let path, let line, let problem): "\(path), line \(line): \(problem)"
        case .raggedRow(let path, let line, let found, let expected):
            "\(path), line \(line): \(found) \(found == 1 ? "field" : "fields") where the header has \(expected)"
        case .headerMissing(let path, let sample):
            "\(path), line 1: these look like values (\(sample)), not column names: add a first line with names"
        case .columnMissing(let path, let column, let columns):
            "\(path) has no column '\(column)': its columns are \(listed(columns))"
        case .columnsUnusable(let path, let problems, let ignoring):
            "\(path): \(problems.joined(separator: "; ")): leave out with "
                + ignoring.map { "--ignore \(shellQuoted($0))" }.joined(separator: " ")
        case .targetUnusable(let path, let column, let problem):
            "\(path): column '\(column)' cannot be the label: \(problem)"
        case .targetNotNumber(let path, let line, let column, let text, let isTooLarge, let loss):
            "\(path), line \(line): '\(text)' in the target column '\(column)' is "
                + (isTooLarge ? "too large for a 32-bit number" : "not a number")
                + ", and training.loss \(loss) learns numbers: correct it, choose another column with --target, or for "
                + "classes set training.loss to softmax_cross_entropy"
        case .classesForNumbers(let dataset, let classes, let loss, let hasColumns):
            "the data set '\(dataset)' has classes (\(listed(classes))), but training.loss \(loss) learns numbers: set "
                + "training.loss to softmax_cross_entropy"
                + (hasColumns ? ", or name a column of numbers with data.target" : "")
        case .numbersForClasses(let dataset, let target, let loss):
            "the data set '\(dataset)' has a number to predict ('\(target)'), but training.loss \(loss) learns classes: "
                + "set training.loss to mean_squared_error"
        case .targetMissing(let path, let column, let lines, let count):
            "\(path): the label column '\(column)' is empty in \(count) \(count == 1 ? "row" : "rows") (line "
                + lines.map(String.init).joined(separator: ", ") + (count > lines.count ? ", …" : "")
                + "): fill or delete them"
        case .empty(let path): "\(path) holds no examples"
        case .sizesDiffer(let first, let firstSize, let second, let secondSize):
            "images of different sizes: \(first) has \(firstSize), \(second) has \(secondSize) (height x width): set "
                + "data.resize, for example to \(firstSize)"
        case .mostlyBroken(let path, let broken, let total, let example):
            "\(broken) of \(total) files in \(path) cannot be used, for example \(example.path): \(example.reason)"
        case .classEmpty(let path): "the class folder \(path) holds no usable PNG or JPEG image"
        case .testOnlyClass(let path): "\(path) is a class of the test folder that the train folder lacks"
        case .modelColumnsMissing(let path, let missing):
            "\(path) lacks the \(missing.count == 1 ? "column" : "columns") \(listed(missing)), on which the model was "
                + "trained"
        case .otherKind(let path, let expected): "\(path) does not fit the model, which takes \(expected)"
        }
    }
}

/// At most ten names, for the middle of a sentence.
func listed(_ names: [String]) -> String {
    names.prefix(10).joined(separator: ", ") + (names.count > 10 ? " and \(names.count - 10) more" : "")
}

/// A word that a POSIX shell takes as it stands.
private func shellQuoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { byte in
        (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) || byte == 0x5f || byte == 0x2e
    }
    guard !plain || word.isEmpty else { return word }
    return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}
