// CSV: texts as fields of comma-separated values.

/// Comma-separated values (RFC 4180).
public enum CSV {
    /// `text` as a field: in quotes where it must be, and where a table program could take it for a formula.
    public static func quoted(_ text: String) -> String {
        let special: Set<Unicode.Scalar> = [",", "\"", "\r", "\n"]
        let isFormula = text.unicodeScalars.first.map { ["=", "+", "-", "@", "\t"].contains($0) } ?? false
        guard isFormula || text.unicodeScalars.contains(where: special.contains) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
