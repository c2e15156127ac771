// CSV text to fields, after RFC 4180: quotes, doubled quotes, line breaks inside quotes, CRLF, and what real files add
// (a byte order mark, `;` and tabs between fields, blanks around them, empty lines).

/// A header and equally long rows of fields, kept as bytes.
struct CSVTable {
    /// Names the file in errors.
    let path: String
    /// `,`, `;`, tab or `|`, whichever the header has most of.
    private(set) var separator: UInt8 = 0x2c
    /// Names of the columns; a column without a name is called `column N`.
    private(set) var names: [String] = []
    /// Columns that had no name of their own.
    private(set) var unnamed: [String] = []
    private(set) var rowCount = 0

    /// All fields one after the other, quotes resolved, the header's first.
    private var text: [UInt8] = []
    /// Where each field ends in `text`.
    private var ends: [UInt32] = []
    /// The line each row starts on, counted from 1.
    private var lines: [UInt32] = []

    static let maximumFileBytes = 2 << 30
    static let maximumFieldBytes = 1 << 20
    static let maximumColumns = 100_000

    var columnCount: Int { names.count }
    func line(ofRow row: Int) -> Int { Int(lines[row]) }

    /// The bytes of a field. Unquoted fields have no blanks at their ends.
    func withField<Result>(row: Int, column: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        let range = fieldRange((row + 1) * columnCount + column)
        return text.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[range])) }
    }

    /// A field as text; invalid UTF-8 is replaced.
    func field(row: Int, column: Int) -> String {
        withField(row: row, column: column) { String(decoding: $0, as: UTF8.self) }
    }

    private func fieldRange(_ index: Int) -> Range<Int> {
        (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])
    }

    /// Reads a whole file's `bytes`. Throws for text that is not CSV, rows of unequal length, doubled names.
    init(_ bytes: [UInt8], path: String) throws(DatasetError) {
        self.path = path
        if bytes.starts(with: [0xff, 0xfe]) || bytes.starts(with: [0xfe, 0xff]) {
            throw .csv(path: path, line: 1, problem: "this is UTF-16 text: save it as UTF-8")
        }
        if bytes.contains(0) { throw .csv(path: path, line: 1, problem: "this is not text (it holds zero bytes)") }
        try MemoryBudget.check("reading \(path)", bytes: bytes.count * 4)
        var parser = Parser(at: bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0)
        separator = Self.separator(of: bytes[parser.position...])
        text.reserveCapacity(bytes.count)
        let parsed: Swift.Result<Void, DatasetError> = bytes.withUnsafeBufferPointer { buffer in
            Result { () throws(DatasetError) in try parse(buffer, &parser) }
        }
        try parsed.get()
        guard !names.isEmpty else { throw .empty(path: path) }
    }

    private struct Parser {
        var position: Int
        var line = 1
        init(at position: Int) { self.position = position }
    }

    private mutating func parse(_ bytes: UnsafeBufferPointer<UInt8>, _ parser: inout Parser) throws(DatasetError) {
        while parser.position < bytes.count {
            let line = parser.line
            let before = (text: text.count, ends: ends.count)
            let quoted = try parseRecord(bytes, &parser)
            let found = ends.count - before.ends
            if found == 1 && !quoted && text.count == before.text {
                ends.removeLast()  // an empty line
            } else if names.isEmpty {
                try takeHeader(line: line)
            } else if found != columnCount {
                throw .raggedRow(path: path, line: line, found: found, expected: columnCount)
            } else {
                lines.append(UInt32(line))
                rowCount += 1
            }
        }
    }

    /// One record up to and with its line break. Returns whether its last field was quoted.
    private mutating func parseRecord(
        _ bytes: UnsafeBufferPointer<UInt8>, _ parser: inout Parser
    ) throws(DatasetError) -> Bool {
        let first = ends.count
        while true {
            let start = text.count
            var position = parser.position
            while position < bytes.count && isBlank(bytes[position]) { position += 1 }
            let quoted = position < bytes.count && bytes[position] == 0x22
            if quoted {
                parser.position = position + 1
                try parseQuoted(bytes, &parser)
                position = parser.position
                while position < bytes.count && isBlank(bytes[position]) { position += 1 }
                if position < bytes.count && bytes[position] != separator && !isLineBreak(bytes[position]) {
                    throw .csv(path: path, line: parser.line, problem: "there is text after a closing quote")
                }
            } else {
                let begin = position
                while position < bytes.count && bytes[position] != separator && !isLineBreak(bytes[position]) {
                    position += 1
                }
                var end = position
                while end > begin && isBlank(bytes[end - 1]) { end -= 1 }
                text.append(contentsOf: bytes[begin..<end])
            }
            try checkField(bytes: text.count - start, line: parser.line)
            ends.append(UInt32(text.count))
            let count = ends.count - first
            if count > (names.isEmpty ? Self.maximumColumns : columnCount + 1000) {
                throw .csv(path: path, line: parser.line, problem: "more than \(count - 1) fields in one row")
            }
            parser.position = position
            if position == bytes.count { return quoted }
            parser.position += 1
            if bytes[position] == separator { continue }
            if bytes[position] == 0x0d && parser.position < bytes.count && bytes[parser.position] == 0x0a {
                parser.position += 1
            }
            parser.line += 1
            return quoted
        }
    }

    /// From behind an opening quote to behind its closing one.
    private mutating func parseQuoted(
        _ bytes: UnsafeBufferPointer<UInt8>, _ parser: inout Parser
    ) throws(DatasetError) {
        let opening = parser.line
        let start = text.count
        while parser.position < bytes.count {
            let byte = bytes[parser.position]
            parser.position += 1
            let next = parser.position < bytes.count ? bytes[parser.position] : 0
            if byte == 0x22 {
                if next != 0x22 { return }
                parser.position += 1
            }
            if byte == 0x0a || (byte == 0x0d && next != 0x0a) { parser.line += 1 }
            text.append(byte)
            if text.count - start > Self.maximumFieldBytes { try checkField(bytes: text.count - start, line: opening) }
        }
        throw .csv(path: path, line: opening, problem: "the quote that opens here is never closed")
    }

    private func checkField(bytes: Int, line: Int) throws(DatasetError) {
        if bytes > Self.maximumFieldBytes {
            throw .csv(path: path, line: line, problem: "a field is longer than \(Self.maximumFieldBytes) bytes")
        }
    }

    private mutating func takeHeader(line: Int) throws(DatasetError) {
        names = ends.indices.map { String(decoding: text[fieldRange($0)], as: UTF8.self) }
        let numbers = names.map { parseNumber(Array($0.utf8), decimalComma: separator == 0x3b) }
        if Self.lookLikeValues(numbers) {
            throw .headerMissing(path: path, sample: names.prefix(4).joined(separator: ", "))
        }
        var seen: [String: Int] = [:]
        for column in names.indices {
            if names[column].isEmpty {
                names[column] = "column \(column + 1)"
                unnamed.append(names[column])
            }
            if let other = seen.updateValue(column, forKey: names[column]) {
                throw .csv(
                    path: path, line: line,
                    problem: "columns \(other + 1) and \(column + 1) are both called '\(names[column])'")
            }
        }
    }

    /// Half of the names are numbers, and not evenly counted ones (0, 1, 2, …) as data frames give to their columns.
    private static func lookLikeValues(_ names: [Double?]) -> Bool {
        let numbers = names.compactMap { $0 }
        guard !numbers.isEmpty, numbers.count * 2 >= names.count else { return false }
        guard numbers.count > 1, numbers[1] > numbers[0] else { return true }
        let step = numbers[1] - numbers[0]
        return !zip(numbers, numbers.dropFirst()).allSatisfy { $1 - $0 == step && $0 == $0.rounded() }
    }

    private static func separator(of bytes: ArraySlice<UInt8>) -> UInt8 {
        let candidates: [UInt8] = [0x2c, 0x3b, 0x09, 0x7c]
        var counts = [Int](repeating: 0, count: candidates.count)
        var quoted = false
        var started = false
        for byte in bytes {
            if byte == 0x22 { quoted.toggle() }
            if quoted { continue }
            if isLineBreak(byte) {
                if started { break }
                continue
            }
            started = true
            if let candidate = candidates.firstIndex(of: byte) { counts[candidate] += 1 }
        }
        var best = 0
        for candidate in candidates.indices where counts[candidate] > counts[best] { best = candidate }
        return candidates[best]
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (byte == 0x09 && separator != 0x09) }
}

private func isLineBreak(_ byte: UInt8) -> Bool { byte == 0x0a || byte == 0x0d }

/// A finite or infinite decimal number that fills all of `bytes`; nil for anything else, names of numbers among them.
/// With `decimalComma` a comma is read as the decimal point, as files with `;` between fields often have it.
func parseNumber(_ bytes: some RandomAccessCollection<UInt8>, decimalComma: Bool) -> Double? {
    var mantissa: UInt64 = 0
    var digits = 0
    var scale = 0
    var exponent = 0
    var exponentDigits = 0
    var position = bytes.startIndex
    func digit() -> UInt64? {
        guard position < bytes.endIndex, bytes[position] >= 0x30, bytes[position] <= 0x39 else { return nil }
        return UInt64(bytes[position] - 0x30)
    }
    func sign() -> Bool {
        guard position < bytes.endIndex, bytes[position] == 0x2b || bytes[position] == 0x2d else { return false }
        position = bytes.index(after: position)
        return bytes[bytes.index(before: position)] == 0x2d
    }
    func takeDigits(_ take: (UInt64) -> Void) {
        while let value = digit() {
            take(value)
            position = bytes.index(after: position)
        }
    }
    let negative = sign()
    takeDigits {
        if mantissa < 1 << 58 { mantissa = mantissa * 10 + $0 } else { scale += 1 }
        digits += 1
    }
    if position < bytes.endIndex, bytes[position] == 0x2e || (decimalComma && bytes[position] == 0x2c) {
        position = bytes.index(after: position)
        takeDigits {
            if mantissa < 1 << 58 {
                mantissa = mantissa * 10 + $0
                scale -= 1
            }
            digits += 1
        }
    }
    guard digits > 0 else { return nil }
    if position < bytes.endIndex, bytes[position] | 0x20 == 0x65 {
        position = bytes.index(after: position)
        let below = sign()
        takeDigits {
            exponent = min(exponent * 10 + Int($0), 1_000_000)
            exponentDigits += 1
        }
        guard exponentDigits > 0 else { return nil }
        if below { exponent = -exponent }
    }
    guard position == bytes.endIndex else { return nil }
    scale += exponent
    // Clinger's fast path: both numbers are exact doubles, so one rounding gives the nearest double.
    if mantissa <= 1 << 53, scale >= -22, scale <= 22 {
        let size = scale < 0 ? Double(mantissa) / powersOfTen[-scale] : Double(mantissa) * powersOfTen[scale]
        return negative ? -size : size
    }
    return Double(String(decoding: bytes.map { $0 == 0x2c ? 0x2e : $0 }, as: UTF8.self))
}

private let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
]
