// TableSampler: what the columns of a table are like on the training split, and rows drawn like it around one row.
import Foundation

/// The columns of a table as perturbations are drawn from them, fitted once on the training split.
///
/// Each column has levels: ranges of numbers, or the categories; a missing value is a level of its own, the last one. A perturbation
/// takes each column's level by its frequency, and a number by a normal distribution between the range's ends.
///
/// `@unchecked Sendable`: written in init only.
public final class TableSampler: @unchecked Sendable {
    public let columns: [Column]
    public let discretizer: LIMESettings.Discretizer
    let encodings: [ColumnEncoding]
    /// Ranges of the columns of numbers; nil for categories, and where numbers stay numbers.
    let bins: [ColumnBins?]

    /// How a column is drawn and encoded.
    struct Drawing {
        enum Kind { case bins, normal, category }
        var kind: Kind
        /// Place of its first level among all, and how many it has, the missing one included.
        var firstLevel: Int
        var levels: Int
        /// Place of its first feature.
        var feature: Int
        /// How numbers are encoded.
        var mean: Float = 0
        var deviation: Float = 0
    }

    /// How a number is drawn: `mean` + `scale`·z, z normal between the quantiles `low` and `low` + `range`, within `least` and `most`.
    struct Spread {
        var mean = 0.0
        var scale = 0.0
        var low = 0.0
        var range = 0.0
        var least = 0.0
        var most = 0.0
    }

    let drawings: [Drawing]
    /// By level.
    let frequencies: [Double]
    let spreads: [Spread]

    /// Fits the columns on the rows `train` of `values`, (rows, columns), missing ones NaN.
    /// - Parameter labels: a class index a row, which ``LIMESettings/Discretizer/entropy`` looks at.
    public init(
        _ values: [Float], columns: [Column], train: [Int32], labels: [Int32], classes: Int,
        discretizer: LIMESettings.Discretizer, preprocessing: Preprocessing
    ) {
        precondition(columns.count == preprocessing.encodings.count, "\(columns.count) columns")
        self.columns = columns
        self.discretizer = discretizer
        encodings = preprocessing.encodings
        let width = columns.count
        var bins: [ColumnBins?] = []
        var drawings: [Drawing] = []
        var frequencies: [Double] = []
        var spreads: [Spread] = []
        var feature = 0
        for (index, column) in columns.enumerated() {
            let encoding = encodings[index]
            let all = train.map { Double(values[Int($0) * width + index]) }
            let present = all.indices.filter { !all[$0].isNaN }
            let numbers = present.map { all[$0] }
            let missing = all.count - numbers.count
            var drawing = Drawing(kind: .category, firstLevel: frequencies.count, levels: 0, feature: feature)
            if case .standardised(let mean, let deviation) = encoding {
                (drawing.mean, drawing.deviation) = (mean, deviation)
            }
            var counts: [Int]
            switch column.kind {
            case .category(let levels):
                counts = Array(repeating: 0, count: levels.count)
                for number in numbers { counts[Int(number)] += 1 }
                bins.append(nil)
                spreads += Array(repeating: Spread(), count: levels.count + 1)
            case .numeric:
                let borders = ColumnBins.borders(
                    numbers, labels: present.map { labels[Int(train[$0])] }, classes: classes, by: discretizer)
                let fitted = ColumnBins(numbers, borders: borders ?? [])
                counts = fitted.counts
                drawing.kind = borders == nil ? .normal : .bins
                bins.append(borders == nil ? nil : fitted)
                for bin in counts.indices {
                    spreads.append(borders == nil ? .whole(fitted) : .within(fitted, bin))
                }
                spreads.append(Spread())
            }
            counts.append(missing)
            drawing.levels = counts.count
            frequencies += counts.map { Double($0) / Double(max(1, all.count)) }
            drawings.append(drawing)
            feature += encoding.width
        }
        self.bins = bins
        self.drawings = drawings
        self.frequencies = frequencies
        self.spreads = spreads
    }

    /// Level of `value` in column `column`, from 0; the last one is that of missing values.
    func level(_ value: Float, _ column: Int) -> Int {
        let drawing = drawings[column]
        if value.isNaN { return drawing.levels - 1 }
        switch drawing.kind {
        case .bins: return bins[column]?.code(Double(value)) ?? 0
        case .normal: return 0
        case .category: return Int(value)
        }
    }

    /// What a person calls `value` of column `column`: "13.37 < mean radius <= 15.78", "sex = female", "age missing".
    public func text(_ value: Float, column: Int) -> String {
        let name = columns[column].name
        if value.isNaN { return "\(name) missing" }
        if case .category(let levels) = columns[column].kind { return "\(name) = \(levels[Int(value)])" }
        guard let names = bins[column]?.names(name) else { return name }
        return names[level(value, column)]
    }
}

extension TableSampler.Spread {
    /// Numbers of one range.
    fileprivate static func within(_ bins: ColumnBins, _ bin: Int) -> Self {
        let (mean, deviation) = (bins.means[bin], bins.deviations[bin])
        let (least, most) = (bins.minima[bin], bins.maxima[bin])
        // All alike, or none seen: any number of the range stands for it.
        guard deviation > 0, least < most else {
            let value = bins.counts[bin] > 0 ? min(max(mean, least), most) : least / 2 + most / 2
            return Self(mean: value, scale: 0, low: 0.25, range: 0.5, least: value, most: value)
        }
        let (a, b) = ((least - mean) / deviation, (most - mean) / deviation)
        // In the upper tail probabilities near 1 would lose their digits: the mirror image is drawn.
        let isMirrored = a > 0
        let low = NormalDistribution.below(isMirrored ? -b : a)
        let range = NormalDistribution.below(isMirrored ? -a : b) - low
        return Self(
            mean: mean, scale: isMirrored ? -deviation : deviation, low: low, range: range, least: least, most: most)
    }

    /// Numbers of a column that stay numbers, with its mean and deviation.
    fileprivate static func whole(_ bins: ColumnBins) -> Self {
        Self(
            mean: bins.means[0], scale: bins.deviations[0], low: 0, range: 1, least: -.infinity, most: .infinity)
    }
}

/// Rows around one row of a table. A feature of the surrogate is 1 where the perturbation has the row's level in the column; a number
/// that stays a number is standardised.
public final class TableNeighbourhood: Neighbourhood {
    let example: [Float]
    let defaultKernelWidth: Double
    private let sampler: TableSampler
    /// As they came.
    private let row: [Float]
    private let levels: [Int]
    /// By level: draws below it take this level or one before it, in units of 2^-32.
    private let ends: [UInt64]

    var features: Int { row.count }

    /// The neighbourhood of `row`, a value a column.
    public init(_ sampler: TableSampler, row: [Float]) {
        precondition(row.count == sampler.columns.count, "\(row.count) values for \(sampler.columns.count) columns")
        self.sampler = sampler
        self.row = row
        defaultKernelWidth = 0.75 * Double(row.count).squareRoot()
        let levels = row.indices.map { sampler.level(row[$0], $0) }
        self.levels = levels
        example = row.indices.map { column in
            let drawing = sampler.drawings[column]
            guard drawing.kind == .normal, !row[column].isNaN else { return 1 }
            return Self.standardised(Double(row[column]), sampler.spreads[drawing.firstLevel])
        }
        var ends: [UInt64] = []
        for (drawing, level) in zip(sampler.drawings, levels) {
            var shares = Array(sampler.frequencies[drawing.firstLevel..<drawing.firstLevel + drawing.levels])
            // A level that training never saw would never be drawn, and nothing could be learnt of it: it gets an equal part.
            if shares[level] == 0 {
                let part = 1 / Double(shares.count)
                for other in shares.indices { shares[other] *= 1 - part }
                shares[level] = part
            }
            var sum = 0.0
            for share in shares {
                sum += share
                ends.append(UInt64((sum * 0x1p32).rounded()))
            }
            // Rounding must not leave the last draws without a level.
            if let last = shares.lastIndex(where: { $0 > 0 }) {
                for place in last..<shares.count { ends[drawing.firstLevel + place] = 1 << 32 }
            }
        }
        self.ends = ends
    }

    private static func standardised(_ value: Double, _ spread: TableSampler.Spread) -> Float {
        spread.scale > 0 ? Float((value - spread.mean) / spread.scale) : 0
    }

    func perturb(
        _ number: Int, seed: UInt64, features: UnsafeMutablePointer<Float>, input: UnsafeMutablePointer<Float>
    ) {
        if number == 0 {
            for column in row.indices {
                features[column] = example[column]
                encode(row[column], sampler.drawings[column], input)
            }
            return
        }
        var random = CounterRandom(seed: seed, purpose: .perturbation, first: number)
        sampler.drawings.withUnsafeBufferPointer { drawings in
            sampler.spreads.withUnsafeBufferPointer { spreads in
                ends.withUnsafeBufferPointer { ends in
                    for column in 0..<drawings.count {
                        let drawing = drawings[column]
                        let (pick, within) = (UInt64(random.next32()), random.next32())
                        var level = 0
                        while level < drawing.levels - 1, pick >= ends[drawing.firstLevel + level] { level += 1 }
                        let isMissing = level == drawing.levels - 1
                        var value = Float.nan
                        if drawing.kind == .category {
                            if !isMissing { value = Float(level) }
                        } else if !isMissing {
                            let spread = spreads[drawing.firstLevel + level]
                            var drawn = spread.mean
                            if spread.scale != 0 {
                                let part = (Double(within) + 0.5) * 0x1p-32
                                drawn += spread.scale * NormalDistribution.quantile(spread.low + part * spread.range)
                                drawn = min(max(drawn, spread.least), spread.most)
                            }
                            value = Float(drawn)
                        }
                        encode(value, drawing, input)
                        if drawing.kind == .normal, !row[column].isNaN {
                            features[column] =
                                isMissing ? 0 : Self.standardised(Double(value), spreads[drawing.firstLevel])
                        } else {
                            features[column] = level == levels[column] ? 1 : 0
                        }
                    }
                }
            }
        }
    }

    /// As ``Preprocessing/apply(_:)`` does.
    @inline(__always)
    private func encode(_ value: Float, _ drawing: TableSampler.Drawing, _ input: UnsafeMutablePointer<Float>) {
        if drawing.kind == .category {
            for level in 0..<drawing.levels - 1 { input[drawing.feature + level] = value == Float(level) ? 1 : 0 }
        } else {
            input[drawing.feature] =
                value.isNaN || drawing.deviation == 0 ? 0 : (value - drawing.mean) / drawing.deviation
        }
    }

    /// Euclidean.
    func distance(_ features: UnsafePointer<Float>) -> Double {
        var sum = 0.0
        for column in 0..<row.count {
            let difference = Double(features[column] - example[column])
            sum += difference * difference
        }
        return sum.squareRoot()
    }

    func text(_ feature: Int) -> String { sampler.text(row[feature], column: feature) }
}
