// Ticks: round numbers along an axis.
import Foundation

/// What an axis counts.
public enum AxisUnit: Sendable, Hashable {
    /// A plain number.
    case plain
    /// Optimizer steps.
    case steps
    /// Epochs.
    case epochs
    /// Seconds.
    case seconds
    /// 0 to 1, shown as percent.
    case fraction

    /// `value` as a tick's label.
    func label(_ value: Double, step: Double) -> String {
        switch self {
        case .plain: return Format.number(clean(value, step))
        case .steps: return Format.short(clean(value, step))
        case .epochs: return Format.number(clean(value, step))
        case .seconds: return Self.clock(clean(value, step), step)
        case .fraction: return Format.number(clean(value * 100, step * 100)) + "%"
        }
    }

    /// 0.30000000000000004 is 0.3: the nearest multiple of the step.
    private func clean(_ value: Double, _ step: Double) -> Double {
        if step == 0 { return value }
        let rounded = (value / step).rounded() * step
        return rounded == 0 ? 0 : rounded
    }

    private static func clock(_ seconds: Double, _ step: Double) -> String {
        // Beyond thirty years nobody reads hours, and far beyond them no Int holds the seconds.
        if (step < 60 && seconds < 120) || seconds.magnitude > 1e9 { return Format.number(seconds) + "s" }
        let whole = Int(seconds.rounded())
        let (hours, minutes, rest) = (whole / 3600, whole % 3600 / 60, whole % 60)
        if hours > 0 { return minutes > 0 ? "\(hours)h\(minutes)m" : "\(hours)h" }
        return rest > 0 ? "\(minutes)m\(rest)s" : "\(minutes)m"
    }

    /// Steps that people count in, ascending, around `size`.
    func steps(near size: Double) -> [Double] {
        guard size > 0, size.isFinite else { return [1] }
        if self == .seconds, size > 0.5 {
            let clock: [Double] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200]
            return clock + (1...12).map { 86400 * Double(1 << ($0 - 1)) }
        }
        var power = 1.0
        while power > size { power /= 10 }
        while power * 10 <= size { power *= 10 }
        return [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map { $0 * power }
            .filter { self != .steps || $0 >= 1 }
    }
}

/// The vertical axis of a chart.
struct VerticalScale {
    /// Value at the middle of the lowest row; its logarithm on a logarithmic axis.
    private let low: Double
    /// Difference of two rows.
    private let perRow: Double
    private let isLogarithmic: Bool
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

    /// Rows above the lowest one, in fractions; NaN where a logarithmic axis has no place for `value`.
    func row(of value: Double) -> Double {
        if !isLogarithmic { return (value - low) / perRow }
        return value > 0 ? (log10(value) - low) / perRow : .nan
    }
}

/// The horizontal axis of a chart.
struct HorizontalScale {
    let range: ClosedRange<Double>
    let columns: Int

    init(_ range: ClosedRange<Double>, columns: Int) {
        let isPoint = !(range.upperBound > range.lowerBound)
        self.range = isPoint ? range.lowerBound...(range.lowerBound + 1) : range
        self.columns = columns
    }

    /// Columns from the left, in fractions; 0 to columns - 1.
    func column(of value: Double) -> Double {
        (value - range.lowerBound) / (range.upperBound - range.lowerBound) * Double(columns - 1)
    }

    /// Round values with labels that leave `gap` columns between them.
    func ticks(_ unit: AxisUnit, gap: Int) -> [(column: Int, label: String)] {
        let span = range.upperBound - range.lowerBound
        for step in unit.steps(near: span / Double(max(1, columns)) * 4) where step * 200 > span {
            var ticks: [(column: Int, label: String)] = []
            var value = (range.lowerBound / step - 1e-9).rounded(.up) * step
            while value <= range.upperBound + step * 1e-6 {
                ticks.append((Int(column(of: value).rounded()), unit.label(value, step: step)))
                value += step
            }
            let fits = zip(ticks, ticks.dropFirst()).allSatisfy { left, right in
                let end = left.column + (displayWidth(left.label) + 1) / 2
                return right.column - displayWidth(right.label) / 2 - end >= gap
            }
            if fits { return ticks }
        }
        return []
    }
}
