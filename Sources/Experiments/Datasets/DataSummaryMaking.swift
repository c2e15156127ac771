// DataSummaryMaking: a data set and its splits made into their summary.

import Engine

extension DataSummary {
    /// Input columns that are described.
    static let maximumColumns = 64
    /// Thumbnails of a class, and of all.
    private static let thumbnailsOfAClass = 3
    private static let maximumThumbnails = 30

    /// The summary of `dataset`.
    /// - Complexity: O(examples · described columns).
    public init(_ dataset: Dataset, _ splits: Splits) {
        self.splits = Split.allCases.filter { !splits[$0].isEmpty }.map { split in
            var counts = [Int](repeating: 0, count: dataset.classes.count)
            for index in splits[split] { counts[Int(dataset.labels[Int(index)])] += 1 }
            return SplitCounts(split: split, counts: counts)
        }
        thumbnails = Self.thumbnails(dataset, splits.train)
        columns = dataset.columns.prefix(Self.maximumColumns).enumerated().map { place, column in
            ColumnSummary(column, at: place, of: dataset, rows: splits.train)
        }
        target = dataset.targets.map { targets in
            ColumnSummary.Numbers(of: splits.train.lazy.map { targets[Int($0)] })
        }
        findings = DataDoctor.findings(dataset, splits).prefix(Self.maximumFindings).map { finding in
            var finding = finding
            finding.text = String(finding.text.prefix(Self.maximumFindingText))
            return finding
        }
    }

    private static func thumbnails(_ dataset: Dataset, _ train: [Int32]) -> [LabelledThumbnail] {
        guard dataset.thumbnail(of: 0) != nil else { return [] }
        var byClass = [[Int]](repeating: [], count: dataset.classes.count)
        for index in train {
            let label = Int(dataset.labels[Int(index)])
            if byClass[label].count < thumbnailsOfAClass { byClass[label].append(Int(index)) }
        }
        let chosen = (0..<thumbnailsOfAClass).flatMap { round in
            byClass.enumerated().compactMap { label, members in
                members.indices.contains(round) ? (index: members[round], label: label) : nil
            }
        }
        return chosen.prefix(maximumThumbnails).compactMap { index, label in
            dataset.thumbnail(of: index).map { LabelledThumbnail(index: index, label: label, image: $0) }
        }
    }
}

extension Dataset {
    /// A small version of an example; nil unless the examples are images, and of a streamed one that is gone.
    func thumbnail(of index: Int) -> Thumbnail? {
        guard case .image(let channels, let height, let width) = shape, (0..<count).contains(index) else { return nil }
        do throws(ExampleError) {
            return try features.image(index, bytes: shape.count).map {
                Thumbnail($0[...], channels: channels, height: height, width: width)
            }
        } catch {
            return nil  // The run itself says so when it needs the image.
        }
    }
}

extension ColumnSummary {
    /// Names and levels are cut after so many characters.
    static let maximumName = 64

    /// Column `place` of `dataset` over its examples `rows`.
    init(_ column: Column, at place: Int, of dataset: Dataset, rows: [Int32]) {
        guard case .floats(let values) = dataset.features else { preconditionFailure("columns of an image set") }
        let width = dataset.shape.count
        let all = rows.lazy.map { values[Int($0) * width + place] }
        name = String(column.name.prefix(Self.maximumName))
        switch column.kind {
        case .numeric:
            let numbers = Numbers(of: all.filter(\.isFinite))
            missing = rows.count - numbers.counts.reduce(0, +)
            content = .numeric(numbers)
        case .category(let names):
            var counts = [Int](repeating: 0, count: names.count)
            for value in all where value >= 0 && value < Float(names.count) { counts[Int(value)] += 1 }
            missing = rows.count - counts.reduce(0, +)
            let order = names.indices.sorted { (counts[$1], $0) < (counts[$0], $1) }
            let shown = order.prefix(Self.maximumLevels)
            content = .category(
                Levels(
                    names: shown.map { String(names[$0].prefix(Self.maximumName)) }, counts: shown.map { counts[$0] },
                    others: order.dropFirst(Self.maximumLevels).reduce(0) { $0 + counts[$1] }))
        }
    }
}

extension ColumnSummary.Numbers {
    fileprivate init(of values: some Sequence<Float>) {
        self.init(
            minimum: 0, maximum: 0, mean: 0, deviation: 0, counts: Array(repeating: 0, count: ColumnSummary.bins))
        var (low, high, sum, count) = (Float.infinity, -Float.infinity, 0.0, 0)
        for value in values {
            low = min(low, value)
            high = max(high, value)
            sum += Double(value)
            count += 1
        }
        guard count > 0 else { return }
        mean = sum / Double(count)
        let scale = high > low ? Double(ColumnSummary.bins) / (Double(high) - Double(low)) : 0
        var squares = 0.0
        for value in values {
            let distance = Double(value) - mean
            squares += distance * distance
            counts[min(ColumnSummary.bins - 1, Int((Double(value) - Double(low)) * scale))] += 1
        }
        deviation = (squares / Double(count)).squareRoot()
        // As a person would write them: 0.1, not the 0.10000000149 that a float of it is.
        minimum = Double("\(low)") ?? Double(low)
        maximum = Double("\(high)") ?? Double(high)
    }
}
