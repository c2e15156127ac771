// HorizontalScale: places and columns, and round numbers along them.
import Foundation

/// The horizontal axis of a chart.
struct HorizontalScale {
    /// The places that are shown; more than a point.
    let range: ClosedRange<Double>
    let columns: Int
    /// Equal distances are equal ratios.
    let isLogarithmic: Bool
    /// Where the range begins and how long it is; logarithms on a logarithmic axis.
    private let low: Double
    private let span: Double

    /// A scale of `columns` columns. A logarithmic one needs a positive range.
    init(_ range: ClosedRange<Double>, columns: Int, isLogarithmic: Bool = false) {
        let (low, high) = (range.lowerBound, range.upperBound)
        if isLogarithmic {
            precondition(low > 0, "a logarithmic axis from \(low)")
            self.range = high / low > 1 + 1e-9 ? range : low...(low * 10)
        } else {
            self.range = high - low > abs(high) * 1e-12 ? range : low...(low + max(1, abs(low) * 1e-3))
        }
        self.low = isLogarithmic ? log10(low) : low
        span = isLogarithmic ? log10(self.range.upperBound) - self.low : self.range.upperBound - low
        self.columns = columns
        self.isLogarithmic = isLogarithmic
    }

    /// Columns from the left, in fractions, 0 to columns - 1 within the range; NaN where a logarithmic axis has no place.
    func column(of value: Double) -> Double {
        if isLogarithmic { return value > 0 ? (log10(value) - low) / span * Double(columns - 1) : .nan }
        return (value - low) / span * Double(columns - 1)
    }

    /// `place`: the column in fractions, for pictures that have more than columns.
    typealias Tick = (column: Int, place: Double, label: String)

    /// Round values with labels that leave `gap` columns between them; empty where there is no room for any.
    func ticks(_ unit: AxisUnit, gap: Int) -> [Tick] {
        if isLogarithmic {
            let decades = decadeTicks(unit, gap: gap)
            if decades.count > 1 { return decades }
        }
        let span = range.upperBound - range.lowerBound
        for step in unit.steps(near: span / Double(max(1, columns)) * 4) where step * 200 > span {
            let first = (range.lowerBound / step - 1e-9).rounded(.up)
            var ticks: [Tick] = []
            for index in 0...400 {
                let value = (first + Double(index)) * step
                if value > range.upperBound + step * 1e-6 { break }
                if let tick = tick(value, unit, step: step) { ticks.append(tick) }
            }
            if fits(ticks, gap: gap) { return ticks }
        }
        return []
    }

    /// Powers of ten with 2 and 5 between them, or the powers alone, or every second, third, … power: what fits first.
    private func decadeTicks(_ unit: AxisUnit, gap: Int) -> [Tick] {
        let powers = Int(log10(range.lowerBound).rounded(.down))...Int(log10(range.upperBound).rounded(.up))
        func ticks(_ mantissas: [Double], every: Int = 1) -> [Tick] {
            var ticks: [Tick] = []
            for power in powers where power % every == 0 {
                for mantissa in mantissas {
                    let value = mantissa * pow(10, Double(power))
                    guard value >= range.lowerBound * (1 - 1e-9), value <= range.upperBound * (1 + 1e-9) else {
                        continue
                    }
                    if let tick = tick(value, unit, step: 0) { ticks.append(tick) }
                }
            }
            return ticks
        }
        for mantissas in [[1, 2, 5], [1, 3], [1]] as [[Double]] {
            let ticks = ticks(mantissas)
            if fits(ticks, gap: gap) { return ticks }
        }
        return (2...100).lazy.map { ticks([1], every: $0) }.first { fits($0, gap: gap) } ?? []
    }

    private func tick(_ value: Double, _ unit: AxisUnit, step: Double) -> Tick? {
        let place = column(of: value)
        return place.isNaN ? nil : (Int(place.rounded()), place, unit.label(value, step: step))
    }

    private func fits(_ ticks: [Tick], gap: Int) -> Bool {
        zip(ticks, ticks.dropFirst()).allSatisfy { left, right in
            let end = left.column + (displayWidth(left.label) + 1) / 2
            return right.column - displayWidth(right.label) / 2 - end >= gap
        }
    }
}
