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

    /// `value` as it is read at a cursor: with more digits than a tick.
    func reading(_ value: Double) -> String {
        switch self {
        case .steps where value.magnitude < 1e15 && value == value.rounded(): Format.count(Int(value))
        case .plain, .steps, .epochs: Format.number(value)
        case .seconds: Format.duration(value)
        case .fraction: Format.percent(value)
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
