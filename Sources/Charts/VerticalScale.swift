// VerticalScale: values and rows, and round numbers along them.
import Foundation

/// The vertical axis of a chart.
struct VerticalScale {
    /// Value at the middle of the lowest row; its logarithm on a logarithmic axis.
    private let low: Double
    /// Difference of two rows.
    private let perRow: Double
    let isLogarithmic: Bool
    /// Ticks as (rows above the lowest, value), lowest first, and the difference that their labels have to show.
    let ticks: [(row: Int, value: Double)]
    let step: Double

    /// A scale of `rows` rows that shows `range`, with round ticks a whole number of rows apart. Ticks above `limit` are
    /// left out.
    init(_ range: ClosedRange<Double>, rows: Int, unit: AxisUnit, limit: Double = .infinity) {
        var (from, to) = (range.lowerBound, range.upperBound)
        if !(to - from > abs(to) * 1e-9) {
            let room = from == 0 ? 0.5 : abs(from) * 0.1
            (from, to) = (from - room, to + room)
            if unit == .fraction { (from, to) = (max(0, from), max(min(1, to), max(0, from) + 0.05)) }
        }
        let span = to - from
        var best: (score: Double, low: Double, step: Double, rows: Int)?
        let intervals = max(1, rows - 1)
        for perTick in 2...6 where perTick <= max(2, intervals) {
            for step in unit.steps(near: span / Double(intervals) * Double(perTick)) {
                let low = (from / step + 1e-9).rounded(.down) * step
                let reach = Double(intervals) * step / Double(perTick)
                guard low + reach >= to - span * 1e-9 else { continue }
                // How much of the height the data fill, and a liking for three to five rows a tick.
                let fill = span / reach
                let score = fill - 0.04 * Double(abs(perTick - 4))
                if score > best?.score ?? -1 { best = (score, low, step, perTick) }
            }
        }
        let chosen = best ?? (0, from, span, intervals)
        let (low, step, rowsPerTick) = (chosen.low, chosen.step, max(1, chosen.rows))
        let perRow = step / Double(rowsPerTick)
        self.low = low
        self.perRow = perRow
        self.step = step
        isLogarithmic = false
        ticks = stride(from: 0, to: rows, by: rowsPerTick).map { ($0, low + Double($0) * perRow) }
            .filter { $0.value <= limit + step * 1e-6 }
    }

    /// A logarithmic scale of `rows` rows for the positive values of `range`. A tick stands in the row that holds its value:
    /// powers of ten, and between them as many of 2, 5 and 3 as have room.
    init(logarithmic range: ClosedRange<Double>, rows: Int) {
        // Twelve decades are all that a screen can tell apart; what lies lower is off scale.
        let top = log10(max(range.upperBound, 1e-300))
        let bottom = max(log10(max(range.lowerBound, 1e-300)), top - 12)
        let room = top - bottom < 0.02 ? 0.05 : 0
        let (from, to) = (bottom - room, top + room)
        let perRow = (to - from) / Double(max(1, rows - 1))
        low = from
        self.perRow = perRow
        isLogarithmic = true
        func ticks(_ mantissas: [Double]) -> [(row: Int, value: Double)] {
            (Int(from.rounded(.down))...Int(to.rounded(.up))).flatMap { power in
                mantissas.map { $0 * pow(10, Double(power)) }
            }.map { (Int(((log10($0) - from) / perRow).rounded()), $0) }.filter { (0..<rows).contains($0.0) }
        }
        func isAiry(_ ticks: [(row: Int, value: Double)]) -> Bool {
            ticks.count > 1 && zip(ticks, ticks.dropFirst()).allSatisfy { $1.row - $0.row >= 2 }
        }
        let dense: [[Double]] = [[1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]]
        if let airy = dense.lazy.map(ticks).first(where: isAiry) {
            self.ticks = airy
        } else {
            // Many decades: every second, third, … power.
            let powers = ticks([1])
            let every = (2...12).first { every in
                isAiry(powers.enumerated().filter { $0.offset % every == 0 }.map(\.element))
            }
            self.ticks = powers.enumerated().filter { $0.offset % (every ?? max(1, powers.count)) == 0 }.map(\.element)
        }
        step = 0
    }

    /// A scale from 0 in the lowest of `rows` rows to 1 in the topmost, or one or two below it where ticks then are equally
    /// far from each other. A tick stands in the row nearest to its value.
    init(fractionsIn rows: Int) {
        let all = max(1, rows - 1)
        let intervals = all < 10 ? all : (all - 2...all).last { $0 % 4 == 0 || $0 % 5 == 0 } ?? all
        low = 0
        perRow = 1 / Double(intervals)
        isLogarithmic = false
        let even = [0.1, 0.2, 0.25, 0.5].filter {
            let rows = $0 * Double(intervals)
            return rows >= 2 && (rows - rows.rounded()).magnitude < 1e-9
        }
        let step = even.first { $0 * Double(intervals) >= 3 } ?? even.last ?? (intervals >= 4 ? 0.5 : 1)
        self.step = step
        ticks = (0...Int((1 / step).rounded())).map { index in
            let value = Double(index) * step
            return (Int((value * Double(intervals)).rounded()), value)
        }
    }

    /// Rows above the lowest one, in fractions; NaN where a logarithmic axis has no place for `value`.
    func row(of value: Double) -> Double {
        if !isLogarithmic { return (value - low) / perRow }
        return value > 0 ? (log10(value) - low) / perRow : .nan
    }

    /// The values that have a place in the rows, from the lower edge of the lowest row to the upper edge of the topmost.
    func values(rows: Int) -> ClosedRange<Double> {
        let bottom = low - (0.5 + 1e-9) * perRow
        let top = low + (Double(rows) - 0.5 + 1e-9) * perRow
        return isLogarithmic ? pow(10, bottom)...pow(10, top) : bottom...top
    }
}
