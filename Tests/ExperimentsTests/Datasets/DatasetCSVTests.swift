// CSV text: the cases of csv-spectrum, what real files add to RFC 4180, and errors that name the line.
import Engine
import Testing

@testable import Experiments

@Suite struct DatasetCSVTests {
    /// All records, the header's first.
    private func records(_ text: String) throws -> [[String]] {
        let table = try CSVTable(Array(text.utf8), path: "x.csv")
        return [table.names]
            + (0..<table.rowCount).map { row in
                (0..<table.columnCount).map { table.field(row: row, column: $0) }
            }
    }

    private func problem(_ text: String) -> DatasetError? {
        #expect(throws: DatasetError.self) { try records(text) }
    }

    /// https://github.com/maxogden/csv-spectrum, and cuts between the rules.
    @Test(arguments: [
        ("first,zip\nJohn,\"Anytown, WW\"\n", [["first", "zip"], ["John", "Anytown, WW"]]),
        ("a,b,c\n1,\"\",\"\"\n2,3,4\n", [["a", "b", "c"], ["1", "", ""], ["2", "3", "4"]]),
        ("a,b,c\r\n1,\"\",\"\"\r\n2,3,4\r\n", [["a", "b", "c"], ["1", "", ""], ["2", "3", "4"]]),
        ("a,b\n1,\"ha \"\"ha\"\" ha\"\n3,4\n", [["a", "b"], ["1", "ha \"ha\" ha"], ["3", "4"]]),
        (
            "key,val\n1,\"{\"\"type\"\": \"\"Point\"\", \"\"coordinates\"\": [102.0, 0.5]}\"\n",
            [["key", "val"], ["1", "{\"type\": \"Point\", \"coordinates\": [102.0, 0.5]}"]]
        ),
        ("a,b\n1,37°36'37.8\"N 121°2'17.9\"W\n", [["a", "b"], ["1", "37°36'37.8\"N 121°2'17.9\"W"]]),
        (
            "a,b,c\n1,2,3\n\"Once upon \na time\",5,6\n7,8,9\n",
            [["a", "b", "c"], ["1", "2", "3"], ["Once upon \na time", "5", "6"], ["7", "8", "9"]]
        ),
        (
            "a,b,c\r\n1,2,3\r\n\"Once upon \r\na time\",5,6\r\n7,8,9\r\n",
            [["a", "b", "c"], ["1", "2", "3"], ["Once upon \r\na time", "5", "6"], ["7", "8", "9"]]
        ),
        ("a,b\n1,\"ha \n\"\"ha\"\" \nha\"\n3,4\n", [["a", "b"], ["1", "ha \n\"ha\" \nha"], ["3", "4"]]),
        ("a,b,c\n1,2,3\n4,5,ʤ\n", [["a", "b", "c"], ["1", "2", "3"], ["4", "5", "ʤ"]]),
        // No line break at the end, old line breaks, empty lines, blanks around fields and quotes.
        ("a,b\n1,2", [["a", "b"], ["1", "2"]]),
        ("a,b\r1,2\r", [["a", "b"], ["1", "2"]]),
        ("\n\na,b\n\n1,2\n\n", [["a", "b"], ["1", "2"]]),
        ("a , b\n 1 ,\t\" 2 \" \n", [["a", "b"], ["1", " 2 "]]),
        ("a,b\n1,\n,2\n", [["a", "b"], ["1", ""], ["", "2"]]),
        ("a\n\"\"\nx\n", [["a"], [""], ["x"]]),
        // A byte order mark; other separators.
        ("\u{FEFF}a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
        ("\u{FEFF}\"a\",b\n1,2\n", [["a", "b"], ["1", "2"]]),
        ("a;b\n1,5;2\n", [["a", "b"], ["1,5", "2"]]),
        ("a\tb\n1\t\n", [["a", "b"], ["1", ""]]),
        ("\"a,b\"|c\n1|2\n", [["a,b", "c"], ["1", "2"]]),
        ("a,,b\n1,2,3\n", [["a", "column 2", "b"], ["1", "2", "3"]]),
    ])
    func fields(text: String, expected: [[String]]) throws {
        #expect(try records(text) == expected)
    }

    @Test func errorsNameTheLine() throws {
        #expect(
            problem("a,b\n1,2\n3\n") == .raggedRow(path: "x.csv", line: 3, found: 1, expected: 2))
        // Lines inside quotes count.
        #expect(
            problem("a,b\n\"1\n\n\",2\n3,4,5\n") == .raggedRow(path: "x.csv", line: 5, found: 3, expected: 2))
        #expect(
            problem("a,b\n1,2\n\"3,4\n5,6\n")
                == .csv(path: "x.csv", line: 3, problem: "the quote that opens here is never closed"))
        #expect(
            problem("a,b\n\"1\"x,2\n") == .csv(path: "x.csv", line: 2, problem: "there is text after a closing quote"))
        #expect(
            problem("a,b,a\n1,2,3\n")
                == .csv(path: "x.csv", line: 1, problem: "columns 1 and 3 are both called 'a'"))
        #expect(problem("5.1,3.5,a\n4.9,3.0,b\n") == .headerMissing(path: "x.csv", sample: "5.1, 3.5, a"))
        #expect(problem("") == .empty(path: "x.csv"))
        #expect(problem("\n\n") == .empty(path: "x.csv"))
        #expect(
            problem("a,b\n1,\u{0}\n")
                == .csv(path: "x.csv", line: 1, problem: "this is not text (it holds zero bytes)"))
        #expect(throws: DatasetError.csv(path: "x", line: 1, problem: "this is UTF-16 text: save it as UTF-8")) {
            try CSVTable([0xff, 0xfe, 0x61, 0x00], path: "x")
        }
        let long = String(repeating: "x", count: CSVTable.maximumFieldBytes + 1)
        guard case .csv("x.csv", 2, _) = problem("a,b\n1,\(long)\n") else { throw Surprise() }
        guard case .csv("x.csv", 2, _) = problem("a,b\n1,\"\(long)\n") else { throw Surprise() }
        guard case .csv("x.csv", 2, _) = problem("a,b\n" + String(repeating: ",", count: 5000)) else {
            throw Surprise()
        }
    }

    @Test func invalidUTF8IsReplaced() throws {
        let table = try CSVTable(Array("a,b\n1,".utf8) + [0xff, 0x0a], path: "x.csv")
        #expect(table.field(row: 0, column: 1) == "\u{FFFD}")
    }

    @Test func numbersAreTheNearestDoubles() {
        func number(_ text: String, comma: Bool = false) -> Double? {
            parseNumber(Array(text.utf8), decimalComma: comma)
        }
        for text in [
            "0", "-0", "+1", "1.", ".5", "3.14159265358979", "1e22", "1e23", "1E-7", "-2.5e+3", "123456789012345678",
            "9007199254740993", "0.1", "1e-320", "1.7976931348623157e308", "0.30000000000000004", "1e400",
            "2.2250738585072011e-308", "00012", "99999999999999999999999",
        ] {
            #expect(number(text) == Double(text), "\(text)")
        }
        for text in ["", "-", ".", "e5", "1e", "1e+", "0x10", "nan", "inf", "1 2", "1,5", "--1", "1.2.3", "½"] {
            #expect(number(text) == nil, "\(text)")
        }
        #expect(number("3,25", comma: true) == 3.25 && number("-1,0e2", comma: true) == -100)
        #expect(number("1,2,3", comma: true) == nil)
        var random = CounterRandom(seed: 5, purpose: .madeUp)
        for _ in 0..<2000 {
            let value = random.uniform(-1, 1) * [1, 1e-30, 1e9, 1e200][random.below(4)]
            #expect(number("\(value)") == value)
        }
    }
}
