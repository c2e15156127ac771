// NPYHeader: what the head of an .npy file says (numpy.org/doc/stable/reference/generated/numpy.lib.format.html). It is written as a
// Python dictionary; it is read by its grammar, never evaluated.

/// Type, order and shape of an array.
struct NPYHeader: Equatable {
    enum Element: Equatable {
        case boolean
        case signed(bytes: Int)
        case unsigned(bytes: Int)
        /// 2, 4 or 8 bytes.
        case float(bytes: Int)

        var bytes: Int {
            switch self {
            case .boolean: 1
            case .signed(let bytes), .unsigned(let bytes), .float(let bytes): bytes
            }
        }
    }
    var element: Element
    var isBigEndian: Bool
    /// The first index runs fastest.
    var isFortran: Bool
    var shape: [Int]
    /// Bytes before the values.
    var length: Int
    /// The product of `shape`.
    var count: Int

    /// Longest text that is read; numpy's own take 128 bytes.
    static let maximumText = 1 << 16
    /// Enough of a file for every head that is read.
    static let maximumLength = 12 + maximumText
    static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    private static let mostDimensions = 32

    /// Why it is none, in the middle of a sentence.
    struct Fault: Error {
        var problem: String
    }

    /// - Parameter bytes: the first ``maximumLength`` bytes of a file, or all.
    init(_ bytes: some Collection<UInt8>) throws(Fault) {
        let bytes = Array(bytes.prefix(Self.maximumLength))
        guard bytes.starts(with: Self.magic) else { throw Fault(problem: "it does not begin as a .npy file does") }
        guard bytes.count >= 10 else { throw Fault(problem: "it ends within its header") }
        guard (1...3).contains(bytes[6]), bytes[7] == 0 else {
            throw Fault(problem: "it has version \(bytes[6]).\(bytes[7]) of the format; 1.0, 2.0 and 3.0 are read")
        }
        let lengthBytes = bytes[6] == 1 ? 2 : 4
        guard bytes.count >= 8 + lengthBytes else { throw Fault(problem: "it ends within its header") }
        let text = (0..<lengthBytes).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
        guard text <= Self.maximumText else {
            throw Fault(problem: "its header takes \(text) bytes, more than the \(Self.maximumText) that are read")
        }
        length = 8 + lengthBytes + text
        guard bytes.count >= length else { throw Fault(problem: "it ends within its header") }
        var reader = Dictionary(bytes: bytes[8 + lengthBytes..<length])
        var (type, isFortran, shape): (String?, Bool?, [Int]?)
        try reader.read { (reader, key) throws(Fault) in
            switch key {
            case "descr" where type == nil: type = try reader.string()
            case "fortran_order" where isFortran == nil: isFortran = try reader.boolean()
            case "shape" where shape == nil: shape = try reader.tuple(atMost: Self.mostDimensions)
            default: throw Fault(problem: "its header has the key \(JSONText.quoted(String(key.prefix(32)))) too much")
            }
        }
        guard let type, let isFortran, let shape else {
            throw Fault(problem: "its header lacks descr, fortran_order or shape")
        }
        (element, isBigEndian) = try Self.element(type)
        (self.isFortran, self.shape) = (isFortran, shape)
        var count = 1
        for length in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: length)
            if overflow { throw Fault(problem: "its shape is too large to count") }
            count = product
        }
        guard !count.multipliedReportingOverflow(by: element.bytes).overflow else {
            throw Fault(problem: "its shape is too large to count")
        }
        self.count = count
    }

    /// Bytes of the values.
    var valueBytes: Int { count * element.bytes }

    private static func element(_ type: String) throws(Fault) -> (Element, isBigEndian: Bool) {
        let letters = Array(type.utf8)
        let known: [String: Element] = [
            "b1": .boolean, "u1": .unsigned(bytes: 1), "u2": .unsigned(bytes: 2), "u4": .unsigned(bytes: 4),
            "u8": .unsigned(bytes: 8), "i1": .signed(bytes: 1), "i2": .signed(bytes: 2), "i4": .signed(bytes: 4),
            "i8": .signed(bytes: 8), "f2": .float(bytes: 2), "f4": .float(bytes: 4), "f8": .float(bytes: 8),
        ]
        guard letters.count == 3, "<>=|".utf8.contains(letters[0]), let element = known[String(type.dropFirst())],
            letters[0] != UInt8(ascii: "|") || element.bytes == 1
        else {
            throw Fault(
                problem: "its numbers are of the type \(JSONText.quoted(String(type.prefix(32)))); "
                    + "read are \(known.keys.sorted().joined(separator: ", "))")
        }
        return (element, letters[0] == UInt8(ascii: ">"))
    }

    /// The small part of Python's literals that a header is written in.
    private struct Dictionary {
        let bytes: [UInt8]
        var place = 0

        init(bytes: some Collection<UInt8>) { self.bytes = Array(bytes) }

        private mutating func next() -> UInt8? {
            while place < bytes.count, bytes[place] == 0x20 || bytes[place] == 0x0A { place += 1 }
            return place < bytes.count ? bytes[place] : nil
        }

        private mutating func take(_ letter: Unicode.Scalar) -> Bool {
            guard next() == UInt8(ascii: letter) else { return false }
            place += 1
            return true
        }

        private func fault(_ wanted: String) -> Fault {
            Fault(problem: "\(wanted) was expected at byte \(place) of its header")
        }

        mutating func read(_ member: (inout Dictionary, String) throws(Fault) -> Void) throws(Fault) {
            guard take("{") else { throw fault("'{'") }
            while !take("}") {
                let key = try string()
                guard take(":") else { throw fault("':'") }
                try member(&self, key)
                if take("}") { break }
                guard take(",") else { throw fault("',' or '}'") }
            }
            if next() != nil { throw fault("nothing more") }
        }

        mutating func string() throws(Fault) -> String {
            if next() == UInt8(ascii: "[") {
                throw Fault(
                    problem: "it holds records of several fields, which are not read: save each field by itself")
            }
            guard let quote = next(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
                throw fault("a text")
            }
            place += 1
            let start = place
            while place < bytes.count, bytes[place] != quote {
                guard bytes[place] != UInt8(ascii: "\\"), bytes[place] >= 0x20 else { throw fault("a plain text") }
                place += 1
            }
            guard place < bytes.count else { throw fault("the end of a text") }
            place += 1
            return String(decoding: bytes[start..<place - 1], as: UTF8.self)
        }

        mutating func boolean() throws(Fault) -> Bool {
            _ = next()
            for (word, value) in [("True", true), ("False", false)] where bytes[place...].starts(with: word.utf8) {
                place += word.utf8.count
                return value
            }
            throw fault("True or False")
        }

        /// Whole numbers; Python 2 wrote an L behind them.
        mutating func tuple(atMost limit: Int) throws(Fault) -> [Int] {
            guard take("(") else { throw fault("'('") }
            var numbers: [Int] = []
            while !take(")") {
                guard numbers.count < limit else { throw Fault(problem: "it has more than \(limit) dimensions") }
                numbers.append(try number())
                _ = take("L")
                if take(")") {
                    // (3) is a number, (3,) a tuple.
                    if numbers.count == 1 { throw fault("','") }
                    break
                }
                guard take(",") else { throw fault("',' or ')'") }
            }
            return numbers
        }

        private mutating func number() throws(Fault) -> Int {
            guard let first = next(), (0x30...0x39).contains(first) else { throw fault("a whole number") }
            var number = 0
            while place < bytes.count, (0x30...0x39).contains(bytes[place]) {
                let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
                let (sum, carry) = tens.addingReportingOverflow(Int(bytes[place] - 0x30))
                if overflow || carry { throw Fault(problem: "its shape is too large to count") }
                number = sum
                place += 1
            }
            return number
        }
    }
}
