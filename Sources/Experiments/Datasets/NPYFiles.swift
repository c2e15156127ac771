// NumPy's arrays as data: an .npz archive, .npy files of a folder, or one .npy file with its labels beside it.
import Engine

enum NPYFiles {
    static let maximumFileBytes = 8 << 30
    private static let mostClasses = 1000
    private static let mostColumns = 65_536

    static func isArray(_ start: [UInt8]) -> Bool { start.starts(with: NPYHeader.magic) }
    static func isArchive(_ start: [UInt8]) -> Bool { start.starts(with: [0x50, 0x4B, 3, 4]) }
    static func isArrayName(_ name: String) -> Bool { name.lowercased().hasSuffix(".npy") }

    // MARK: Finding the arrays

    /// Inputs and what belongs to them.
    private struct Pair {
        enum Part { case train, test, validation, whole }
        var inputs: String
        var labels: String
        var part: Part
    }

    private static let words = [
        ("x", "y"), ("images", "labels"), ("features", "targets"), ("features", "labels"), ("data", "labels"),
        ("data", "targets"), ("data", "target"), ("inputs", "targets"),
    ]
    private static let naming =
        "x and y, images and labels, features and targets, or those with train and test before or behind"

    /// The pairs among `names`: the same name but for one word ("x_train", "y_train"; "test-images", "test-labels").
    private static func pairs(_ names: [String]) -> [Pair] {
        func parts(_ name: String) -> [String] {
            name.lowercased().split(omittingEmptySubsequences: false) { "_-. ".contains($0) }.map(String.init)
        }
        let byParts = Dictionary(names.map { (parts($0), $0) }, uniquingKeysWith: { first, _ in first })
        return names.flatMap { name -> [Pair] in
            let own = parts(name)
            let part: Pair.Part =
                own.contains("test") || own.contains("t10k")
                ? .test
                : own.contains { $0.hasPrefix("val") } ? .validation : own.contains("train") ? .train : .whole
            return words.compactMap { inputs, labels in
                guard let place = own.firstIndex(of: inputs) else { return nil }
                var other = own
                other[place] = labels
                return byParts[other].map { Pair(inputs: name, labels: $0, part: part) }
            }
        }
    }

    static func load(archive path: DiskPath, _ spec: DataSpec, for loss: LossSpec) throws(DatasetError) -> Dataset {
        let archive = try ZipArchive(FileBytes.read(path, limit: maximumFileBytes), path: path.text)
        var places: [String: NPYSource.Place] = [:]
        for entry in archive.entries where isArrayName(entry.name) {
            places[String(entry.name.dropLast(4))] = .entry(archive, entry)
        }
        return try load(places, path: path.text, origin: "NumPy archive \(path.text)", spec, loss)
    }

    static func load(folder path: DiskPath, _ spec: DataSpec, for loss: LossSpec) throws(DatasetError) -> Dataset {
        let places = try arrays(in: path)
        return try load(places, path: path.text, origin: "NumPy arrays in \(path.text)", spec, loss)
    }

    /// One file of inputs; a test part beside it ("x_test.npy" beside "x_train.npy") is taken too.
    static func load(file path: DiskPath, _ spec: DataSpec, for loss: LossSpec) throws(DatasetError) -> Dataset {
        let name = isArrayName(path.name) ? String(path.name.dropLast(4)) : path.name
        var places = try arrays(in: path.parent)
        places[name] = .file(path)
        let all = pairs(places.keys.sorted())
        guard let pair = all.first(where: { $0.inputs == name }) else {
            throw .partnerMissing(path: path.text, needed: "an .npy file of labels (names: \(naming))")
        }
        let test = all.filter { $0.part == .test && pair.part == .train && isTest($0.inputs, of: name) }
        let kept = Set(([pair] + test).flatMap { [$0.inputs, $0.labels] })
        return try load(
            places.filter { kept.contains($0.key) }, path: path.text,
            origin: "\(kept.count) .npy files in \(path.parent.text)", spec, loss)
    }

    private static func isTest(_ test: String, of train: String) -> Bool {
        train.lowercased().replacing("train", with: "test") == test.lowercased()
    }

    private static func arrays(in folder: DiskPath) throws(DatasetError) -> [String: NPYSource.Place] {
        var places: [String: NPYSource.Place] = [:]
        for file in try FileBytes.names(in: folder) {
            let name = String(decoding: file, as: UTF8.self)
            if isArrayName(name) { places[String(name.dropLast(4))] = .file(folder.appending(file)) }
        }
        return places
    }

    private static func load(
        _ places: [String: NPYSource.Place], path: String, origin: String, _ spec: DataSpec, _ loss: LossSpec
    ) throws(DatasetError) -> Dataset {
        if spec.target != nil {
            throw .settingUnused(setting: "target", reason: "NumPy's arrays have no named columns")
        }
        if !spec.ignore.isEmpty {
            throw .settingUnused(setting: "ignore", reason: "NumPy's arrays have no named columns")
        }
        let names = places.keys.sorted()
        let all = pairs(names)
        var train = all.filter { $0.part == .train || $0.part == .whole }
        var test = all.filter { $0.part == .test }
        if train.isEmpty { (train, test) = (test, []) }
        guard !train.isEmpty else {
            let found = names.isEmpty ? "it holds no arrays" : "it holds \(listed(names.map { String($0.prefix(64)) }))"
            throw .arrays(path: path, problem: "inputs and labels are not found: \(found); name them \(naming)")
        }
        guard train.count == 1, test.count <= 1 else {
            throw .arrays(
                path: path,
                problem: "several pairs could be meant: "
                    + listed((train + test).map { "\($0.inputs) with \($0.labels)" }))
        }
        var parts: [Part] = []
        for pair in train + test {
            guard let inputs = places[pair.inputs], let labels = places[pair.labels] else { continue }
            parts.append(try Part(inputs: NPYSource(inputs), labels: NPYSource(labels)))
        }
        let used = Set((train + test).flatMap { [$0.inputs, $0.labels] })
        let spare = names.filter { !used.contains($0) }
        let notes = spare.isEmpty ? [] : ["\(path): these arrays were left out: \(listed(spare))."]
        return try load(parts, path: path, name: spec.dataset, origin: origin, notes: notes, loss)
    }

    // MARK: Reading them

    private struct Part {
        var inputs: NPYSource
        var labels: NPYSource

        /// - Throws: where inputs and labels can't belong together.
        init(inputs: NPYSource, labels: NPYSource) throws(DatasetError) {
            (self.inputs, self.labels) = (inputs, labels)
            guard inputs.header.shape.count >= 2, inputs.header.shape.count <= 4 else {
                throw .arrays(
                    path: inputs.path,
                    problem:
                        "its shape is \(NPYFiles.shown(inputs.header.shape)), but inputs are (N, columns), (N, H, W), "
                        + "(N, H, W, C) or (N, C, H, W)")
            }
            guard inputs.header.count > 0 else { throw .empty(path: inputs.path) }
            let shape = labels.header.shape
            guard shape.count == 1 || shape.count == 2 && shape[1] == 1 else {
                throw .arrays(
                    path: labels.path,
                    problem:
                        "its shape is \(NPYFiles.shown(shape)), but labels are (N) or (N, 1), a class or a number for each example"
                )
            }
            guard shape[0] == inputs.header.shape[0] else {
                throw .countsDiffer(
                    images: inputs.path, imageCount: inputs.header.shape[0], labels: labels.path, labelCount: shape[0])
            }
        }

        var count: Int { inputs.header.shape[0] }
    }

    private static func shown(_ shape: [Int]) -> String { "(\(shape.map(String.init).joined(separator: ", ")))" }

    private static func load(
        _ parts: [Part], path: String, name: String, origin: String, notes: [String], _ loss: LossSpec
    ) throws(DatasetError) -> Dataset {
        let (first, last) = (parts[0], parts[parts.count - 1])
        guard first.inputs.header.shape.dropFirst() == last.inputs.header.shape.dropFirst() else {
            throw .sizesDiffer(
                first: first.inputs.path, firstSize: shown(first.inputs.header.shape), second: last.inputs.path,
                secondSize: shown(last.inputs.header.shape))
        }
        let isTable = first.inputs.header.shape.count == 2
        guard !isTable || first.inputs.header.shape[1] <= mostColumns else {
            throw .arrays(
                path: path,
                problem: "it has \(first.inputs.header.shape[1]) columns, more than the \(mostColumns) that are read")
        }
        var bytes = 0
        for part in parts {
            let inputs = part.inputs.header
            let made = inputs.count.multipliedReportingOverflow(by: isTable ? 4 : 1)
            let sum = [inputs.valueBytes, part.labels.header.valueBytes, made.partialValue].reduce(
                (bytes, made.overflow)
            ) { sum, more in
                let next = sum.0.addingReportingOverflow(more)
                return (next.partialValue, sum.1 || next.overflow)
            }
            guard !sum.1, sum.0 <= 2 * maximumFileBytes else {
                throw .arrays(
                    path: path, problem: "its arrays of the shape \(shown(inputs.shape)) are too large to be read")
            }
            bytes = sum.0
        }
        try MemoryBudget.check("reading \(path)", bytes: bytes)
        let count = parts.reduce(0) { $0 + $1.count }
        let official = parts.count > 1 ? first.count..<count : nil

        // Labels first: they are small, and what is wrong with them is said before minutes of unpacking.
        let answers = try answers(parts, path: path, isRegression: loss.isRegression && isTable)
        if isTable {
            let width = first.inputs.header.shape[1]
            let columns = (1...width).map { Column(name: "x\($0)", kind: .numeric) }
            return Dataset(
                name: name, shape: .vector(width), classes: answers.classes, columns: columns,
                features: .floats(try rows(parts, total: count * width)), labels: answers.labels,
                targets: answers.targets, officialTest: official, origin: origin,
                target: answers.targets == nil ? nil : answers.classes[0], notes: notes)
        }
        let layout = try ImageLayout(first.inputs)
        return Dataset(
            name: name, shape: .image(channels: layout.channels, height: layout.height, width: layout.width),
            classes: answers.classes, features: .bytes(try pixels(parts, layout)), labels: answers.labels,
            officialTest: official, origin: origin, notes: notes + layout.notes)
    }

    // MARK: Labels

    private static func answers(
        _ parts: [Part], path: String, isRegression: Bool
    ) throws(DatasetError) -> (labels: [Int32], classes: [String], targets: [Float]?) {
        if isRegression {
            var targets: [Float] = []
            for part in parts {
                let array = try part.labels.read()
                for place in 0..<part.count {
                    let value = array.double(place)
                    guard Float(value).isFinite else {
                        throw .arrays(
                            path: part.labels.path,
                            problem: "the target of example \(place) is \(value), which is no number to learn")
                    }
                    targets.append(Float(value))
                }
            }
            return (Array(repeating: 0, count: targets.count), ["y"], targets)
        }
        let arrays = try parts.map { (part) throws(DatasetError) in (part, try part.labels.read()) }
        var found: Set<Int> = []
        for (part, array) in arrays {
            for place in 0..<part.count {
                guard let value = array.integer(place) else {
                    throw .arrays(
                        path: part.labels.path,
                        problem:
                            "the label of example \(place) is \(array.double(place)), but classes are whole numbers "
                            + "(numbers to predict from tables want training.loss mean_squared_error)")
                }
                if found.insert(value).inserted, found.count > mostClasses {
                    throw .arrays(path: part.labels.path, problem: "it has more than \(mostClasses) different labels")
                }
            }
        }
        let classes = found.sorted()
        guard classes.count > 1 else { throw .tooFewClasses(path: path, found: classes.map(String.init)) }
        let index = Dictionary(uniqueKeysWithValues: zip(classes, 0...).map { ($0, Int32($1)) })
        var labels: [Int32] = []
        labels.reserveCapacity(parts.reduce(0) { $0 + $1.count })
        for (part, array) in arrays {
            for place in 0..<part.count { labels.append(array.integer(place).flatMap { index[$0] } ?? 0) }
        }
        return (labels, classes.map(String.init), nil)
    }

    // MARK: Tables

    private static func rows(_ parts: [Part], total: Int) throws(DatasetError) -> [Float] {
        var rows: [Float] = []
        rows.reserveCapacity(total)
        let width = parts[0].inputs.header.shape[1]
        var hasValue = [Bool](repeating: false, count: width)
        for part in parts {
            let array = try part.inputs.read()
            let strides = array.strides
            for row in 0..<part.count {
                for column in 0..<width {
                    let value = array.double(row * strides[0] + column * strides[1])
                    // A NaN is a value that is missing.
                    guard value.isNaN || Float(value).isFinite else {
                        throw .arrays(
                            path: part.inputs.path,
                            problem: "column \(column) of row \(row) is \(value), more than a 32-bit number holds")
                    }
                    if !value.isNaN { hasValue[column] = true }
                    rows.append(Float(value))
                }
            }
        }
        if let empty = hasValue.firstIndex(of: false) {
            throw .arrays(path: parts[0].inputs.path, problem: "column \(empty) holds no number at all")
        }
        return rows
    }

    // MARK: Images

    /// Which dimension is what.
    private struct ImageLayout {
        var channels = 1
        var height: Int
        var width: Int
        /// Places of channel, row and column in the shape; the channel's is nil where there is none.
        var channelPlace: Int?
        var rowPlace = 1
        var columnPlace = 2
        var notes: [String] = []

        init(_ source: NPYSource) throws(DatasetError) {
            let shape = source.header.shape
            if shape.count == 4 {
                let (isLast, isFirst) = ([1, 3].contains(shape[3]), [1, 3].contains(shape[1]))
                guard isLast || isFirst else {
                    throw .arrays(
                        path: source.path,
                        problem:
                            "its shape is \(NPYFiles.shown(shape)), but images have 1 or 3 channels, last or before the rows"
                    )
                }
                channelPlace = isLast ? 3 : 1
                channels = shape[isLast ? 3 : 1]
                (rowPlace, columnPlace) = isLast ? (1, 2) : (2, 3)
                if isLast, isFirst, shape[1] != shape[3] || shape[1] == 3 {
                    notes = [
                        "\(source.path): of the shape \(NPYFiles.shown(shape)) the last dimension was taken for the channels."
                    ]
                }
            }
            (height, width) = (shape[rowPlace], shape[columnPlace])
        }
    }

    /// What a value becomes as a byte.
    private enum Scale {
        case asItIs, by255
    }

    private static func pixels(_ parts: [Part], _ layout: ImageLayout) throws(DatasetError) -> [UInt8] {
        let plane = layout.height * layout.width
        let total = parts.reduce(0) { $0 + $1.count } * plane * layout.channels
        var pixels: [UInt8] = []
        var scale: Scale?
        for part in parts {
            let header = part.inputs.header
            if pixels.isEmpty, header.element == .unsigned(bytes: 1), !header.isFortran, layout.channels == 1 {
                // These are the pixels already: with room for the others they stay where they were unpacked to.
                pixels = try part.inputs.readValues(reserving: total)
                scale = .asItIs
                continue
            }
            pixels.reserveCapacity(total)
            let array = try part.inputs.read()
            let own = try self.scale(of: array, path: part.inputs.path)
            // A test part of whole numbers beside fractions would be another picture of the same values.
            if let scale, scale != own {
                throw .arrays(
                    path: part.inputs.path, problem: "its values have another range than those that are trained on")
            }
            scale = own
            let strides = array.strides
            let (perRow, perColumn) = (strides[layout.rowPlace], strides[layout.columnPlace])
            let perChannel = layout.channelPlace.map { strides[$0] } ?? 0
            let isByte = array.header.element == .unsigned(bytes: 1)
            if isByte, layout.channels == 1, !array.header.isFortran {
                pixels += array.bytes[array.header.length...]
                continue
            }
            for example in 0..<part.count {
                for channel in 0..<layout.channels {
                    for row in 0..<layout.height {
                        var place = example * strides[0] + channel * perChannel + row * perRow
                        for _ in 0..<layout.width {
                            if isByte {
                                pixels.append(array.byte(place))
                            } else {
                                pixels.append(UInt8(array.double(place) * (own == .by255 ? 255 : 1) + 0.5))
                            }
                            place += perColumn
                        }
                    }
                }
            }
        }
        return pixels
    }

    /// How the values become bytes without loss; refused where they can't.
    private static func scale(of array: NPYArray, path: String) throws(DatasetError) -> Scale {
        switch array.header.element {
        case .unsigned(1): return .asItIs
        case .boolean: return .by255
        case .unsigned, .signed:
            for place in 0..<array.header.count {
                let value = array.double(place)
                guard value >= 0, value <= 255 else {
                    throw .arrays(path: path, problem: "it holds the pixel \(Int(value)), but pixels are from 0 to 255")
                }
            }
            return .asItIs
        case .float(let bytes):
            // A 255th, rounded by somebody's arithmetic: in the last place of the numbers it may differ, not by more.
            let tolerance = bytes == 2 ? 5e-4 : 1.2e-7
            var (isFraction, isWhole) = (true, true)
            for place in 0..<array.header.count {
                let value = array.double(place)
                let byte = (value * 255).rounded()
                isFraction = isFraction && value >= 0 && value <= 1 && abs(byte / 255 - value) <= tolerance
                isWhole = isWhole && value >= 0 && value <= 255 && value == value.rounded()
                guard isFraction || isWhole else {
                    throw .arrays(
                        path: path,
                        problem:
                            "it holds the value \(value), but pixels are 255ths from 0 to 1 or whole numbers from 0 to 255: "
                            + "other images would lose in becoming bytes")
                }
            }
            return isFraction ? .by255 : .asItIs
        }
    }
}
