// CProgram: the text of a C99 program that computes a network: constants, steps, and one memory that they share.

/// Collects what a program is made of.
struct CProgram {
    /// What a value is made of.
    enum Element: String {
        case float
        case byte = "uint8_t"
        var bytes: Int { self == .float ? 4 : 1 }
    }

    /// A call that makes a value of others.
    private struct Step {
        var inputs: [Int]
        var count: Int
        var element: Element
        var call: (_ inputs: [String], _ output: String) -> String
    }

    let prefix: String
    private var constants = ""
    private(set) var constantBytes = 0
    private var steps: [Step] = []
    private var numbers = 0

    init(prefix: String) { self.prefix = prefix }

    /// A name for C out of any text: letters, digits and underscores, not beginning with a digit.
    static func identifier(_ text: String) -> String {
        let letters = text.unicodeScalars.map { scalar -> Character in
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
            return isPlain ? Character(scalar) : "_"
        }
        let name = String(letters.prefix(40))
        let isWord = name.first.map { $0.isLetter } ?? false
        // A keyword would be no name; what ends with an underscore is none.
        return (isWord ? name : "net_" + name) + (keywords.contains(name) ? "_net" : "")
    }

    private static let keywords: Set<String> = [
        "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern",
        "float", "for",
        "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof", "static",
        "struct",
        "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "main",
    ]

    /// A string literal; everything but plain letters, digits and spaces as octal.
    static func literal(_ text: String) -> String {
        let escaped = text.utf8.map { byte -> String in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x20: return String(UnicodeScalar(byte))
            default:
                return "\\" + String(repeating: "0", count: 3 - String(byte, radix: 8).count) + String(byte, radix: 8)
            }
        }
        return "\"\(escaped.joined())\""
    }

    /// The shortest digits that give the same float32 again.
    static func number(_ value: Float) -> String { "\(value)f" }

    private mutating func constant(_ type: String, _ texts: [String], bytes: Int) -> String {
        numbers += 1
        let name = "\(prefix)_\(numbers)"
        constantBytes += texts.count * bytes
        constants += "static const \(type) \(name)[\(texts.count)] = {\n"
        for first in stride(from: 0, to: texts.count, by: 12) {
            constants += "    " + texts[first..<min(first + 12, texts.count)].joined(separator: ", ") + ",\n"
        }
        constants += "};\n"
        return name
    }

    mutating func constant(_ values: [Float]) -> String { constant("float", values.map(Self.number), bytes: 4) }
    mutating func constant(_ values: [Int8]) -> String { constant("int8_t", values.map { "\($0)" }, bytes: 1) }
    mutating func constant(_ values: [UInt8]) -> String { constant("uint8_t", values.map { "\($0)" }, bytes: 1) }
    mutating func constant(_ values: [Int32]) -> String {
        constant("int32_t", values.map { $0 == .min ? "(-2147483647 - 1)" : "\($0)" }, bytes: 4)
    }

    /// Adds a step; returns the number of the value that it makes.
    mutating func step(
        _ inputs: [Int], _ count: Int, _ element: Element,
        _ call: @escaping (_ inputs: [String], _ output: String) -> String
    ) -> Int {
        steps.append(Step(inputs: inputs, count: count, element: element, call: call))
        return steps.count - 1
    }

    /// The steps as lines, and how many bytes of memory they share. A value's place is taken again once nobody needs it.
    /// - Parameter last: the value that is read at the end.
    func lines(last: Int) -> (text: String, memory: Int, output: String) {
        var needed = Array(steps.indices)
        for (index, step) in steps.enumerated() {
            for input in step.inputs { needed[input] = max(needed[input], index) }
        }
        needed[last] = steps.count
        var live: [(value: Int, range: Range<Int>)] = []
        var places: [Int] = []
        var memory = 0
        for (index, step) in steps.enumerated() {
            live.removeAll { needed[$0.value] < index }
            let size = (step.count * step.element.bytes + 15) / 16 * 16
            var start = 0
            for taken in live.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
                if start + size <= taken.range.lowerBound { break }
                start = max(start, taken.range.upperBound)
            }
            live.append((index, start..<start + size))
            places.append(start)
            memory = max(memory, start + size)
        }
        func name(_ value: Int) -> String {
            let step = steps[value]
            return step.element == .float ? "memory.floats + \(places[value] / 4)" : "memory.bytes + \(places[value])"
        }
        let text = steps.enumerated().map { index, step in
            "    \(step.call(step.inputs.map(name), name(index)));\n"
        }
        return (text.joined(), memory, name(last))
    }

    var constantsText: String { constants }
}
