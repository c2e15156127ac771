// JSONText: JSON made by hand, member by member, safe to print.

/// Writes JSON text by hand: members in the order they are added, doubles that read back to the same bits.
struct JSONText {
    private(set) var text = "{"

    mutating func add(_ key: String, _ value: String) { add(key, raw: Self.quoted(value)) }
    mutating func add(_ key: String, _ value: Int) { add(key, raw: String(value)) }
    mutating func add(_ key: String, _ value: UInt64) { add(key, raw: String(value)) }
    mutating func add(_ key: String, _ value: Bool) { add(key, raw: String(value)) }
    mutating func add(_ key: String, _ value: Double) { add(key, raw: Self.number(value)) }
    mutating func add(_ key: String, _ values: [String]) {
        add(key, raw: "[\(values.map(Self.quoted).joined(separator: ","))]")
    }
    mutating func add(_ key: String, _ values: [Int]) {
        add(key, raw: "[\(values.map(String.init).joined(separator: ","))]")
    }
    mutating func add(_ key: String, _ values: [Double]) {
        add(key, raw: "[\(values.map(Self.number).joined(separator: ","))]")
    }

    /// Adds a member whose value is JSON already.
    mutating func add(_ key: String, raw value: String) {
        if text.utf8.count > 1 { text += "," }
        text += Self.quoted(key)
        text += ":"
        text += value
    }

    /// The whole object.
    func closed() -> String { text + "}" }

    /// A double as the shortest text that reads back to it; NaN and infinities, which JSON lacks, as strings.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "\"nan\"" }
        if value.isInfinite { return value < 0 ? "\"-inf\"" : "\"inf\"" }
        return value.description
    }

    /// A JSON string. Beside what JSON asks, the characters that steer terminals or the direction of text are escaped,
    /// so that a line is safe to print.
    static func quoted(_ value: String) -> String {
        var quoted = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case "\u{00}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{200E}", "\u{200F}", "\u{061C}",
                "\u{2028}"..."\u{202E}", "\u{2066}"..."\u{2069}", "\u{FEFF}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
