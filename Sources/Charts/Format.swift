// Format: numbers as people read them. Same input, same text, on any machine and in any locale.

/// Numbers as text.
public enum Format {
    /// "4.2s", "42s", "1m 05s", "2h 03m", "3d 04h"; "-" when it is not a number.
    public static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0 else { return "-" }
        if seconds < 9.95 { return fixed(seconds, 1) + "s" }
        guard seconds < 1e11 else { return "ages" }
        let whole = Int(seconds.rounded())
        switch whole {
        case ..<60: return "\(whole)s"
        case ..<3600: return "\(whole / 60)m \(two(whole % 60))s"
        case ..<86400: return "\(whole / 3600)h \(two(whole % 3600 / 60))m"
        default: return "\(whole / 86400)d \(two(whole % 86400 / 3600))h"
        }
    }

    /// "12,345".
    public static func count(_ value: Int) -> String {
        let digits = String(value.magnitude)
        var out = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { out.append(",") }
            out.append(digit)
        }
        return value < 0 ? "-" + out : out
    }

    /// "950", "1.2k", "34k", "5.6M": three characters or so, for axes.
    public static func short(_ value: Double) -> String {
        guard value.isFinite else { return number(value) }
        for (limit, unit) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] where abs(value) >= limit {
            return trimmed(fixed(value / limit, 2)) + unit
        }
        return number(value)
    }

    /// "950", "12.3k", "5.6M": a speed, with one decimal, so that its width stays calm.
    public static func rate(_ value: Double) -> String {
        guard value.isFinite else { return number(value) }
        for (limit, unit) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] where abs(value) >= limit {
            return fixed(value / limit, 1) + unit
        }
        return fixed(value, value < 10 ? 1 : 0)
    }

    /// "512 B", "1.2 MiB".
    public static func bytes(_ count: Int) -> String {
        var value = Double(count)
        for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
            if abs(value) < 1023.95 || unit == "TiB" {
                return unit == "B" ? "\(count) B" : "\(fixed(value, 1)) \(unit)"
            }
            value /= 1024
        }
        return "\(count) B"
    }

    /// Four significant digits: "0.001234", "12.34", "1234", "1.2e-07"; "not a number", "infinite".
    public static func number(_ value: Double) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        let size = abs(value)
        if size == 0 { return "0" }
        if size >= 1e7 || size < 9.9995e-5 { return scientific(value) }
        var decimals = 3
        var limit = 9.9995
        while size >= limit, decimals > 0 {
            decimals -= 1
            limit *= 10
        }
        var below = 0.99995
        while size < below, decimals < 8 {
            decimals += 1
            below /= 10
        }
        return trimmed(fixed(value, decimals))
    }

    /// Three significant digits in few characters (nine at most), for columns of a table: "1.23", "0.0123", "1.23e-04".
    public static func compact(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return number(value) }
        let size = abs(value)
        if size >= 1e4 { return short(value) }
        if size < 9.995e-4 { return scientific(value) }
        let decimals = size < 0.00995 ? 5 : size < 0.0995 ? 4 : size < 0.995 ? 3 : size < 9.95 ? 2 : size < 99.5 ? 1 : 0
        return fixed(value, decimals)
    }

    /// "97.12 %".
    public static func percent(_ fraction: Double) -> String {
        // The hundredfold of a finite number may be infinite.
        (fraction * 100).isFinite ? fixed(fraction * 100, 2) + " %" : number(fraction * 100)
    }

    /// An amount of money or energy, never in powers of ten: "1,234.50", "1.25", and of less than 1 two digits: "0.00015".
    public static func amount(_ value: Double) -> String {
        let size = abs(value)
        guard value.isFinite, size < 1e12 else { return number(value) }
        if size >= 0.995 {
            let text = fixed(size, 2)
            return (value < 0 ? "-" : "") + count(Int(text.dropLast(3)) ?? 0) + text.suffix(3)
        }
        var decimals = 2
        var least = 0.0995
        while size < least, decimals < 8 {
            decimals += 1
            least /= 10
        }
        return size < 5e-9 ? "0" : fixed(value, decimals)
    }

    /// "97 %", for what is measured roughly; "-" when it is not a number.
    public static func wholePercent(_ fraction: Double) -> String {
        guard fraction.isFinite, abs(fraction) < 1e6 else { return "-" }
        return "\(Int((fraction * 100).rounded())) %"
    }

    /// Decimals with which numbers up to `largest` stand under one another, the largest with three digits that count; nil:
    /// they are too large or too small for that.
    public static func decimals(upTo largest: Double) -> Int? {
        guard largest >= 1e-4, largest < 1e7 else { return nil }
        var (decimals, limit) = (2, 9.995)
        while largest >= limit, decimals > 0 { (decimals, limit) = (decimals - 1, limit * 10) }
        limit = 0.9995
        while largest < limit, decimals < 6, decimals >= 2 { (decimals, limit) = (decimals + 1, limit / 10) }
        return decimals
    }

    /// `value` with `decimals` digits after the point, rounded half away from zero; never "-0".
    public static func fixed(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite else { return number(value) }
        var scale = 1
        for _ in 0..<decimals { scale *= 10 }
        let scaled = (abs(value) * Double(scale)).rounded()
        guard scaled < 9e18 else { return scientific(value) }
        let whole = Int(scaled)
        let sign = value < 0 && whole != 0 ? "-" : ""
        guard decimals > 0 else { return "\(sign)\(whole)" }
        let fraction = String(whole % scale)
        return "\(sign)\(whole / scale)." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }

    private static func trimmed(_ text: String) -> String {
        guard text.contains(".") else { return text }
        var text = text
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text
    }

    private static func scientific(_ value: Double) -> String {
        guard value.isFinite else { return number(value) }
        var mantissa = abs(value)
        var exponent = 0
        while mantissa >= 9.995 {
            mantissa /= 10
            exponent += 1
        }
        while mantissa < 0.9995, exponent > -330 {
            mantissa *= 10
            exponent -= 1
        }
        let sign = exponent < 0 ? "-" : ""
        return (value < 0 ? "-" : "") + trimmed(fixed(mantissa, 2)) + "e\(sign)\(two(Int(exponent.magnitude)))"
    }

    private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
