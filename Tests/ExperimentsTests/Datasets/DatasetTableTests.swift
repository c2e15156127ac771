// Tables: what a column holds, which one is the label, and what cannot be learnt from.
import Engine
import Testing

@testable import Experiments

@Suite struct DatasetTableTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func load(_ text: String, target: String? = nil, ignore: [String] = []) throws -> Dataset {
        try folder.write(text, "x.csv")
        var spec = DataSpec(dataset: "csv")
        spec.path = folder["x.csv"]
        spec.target = target
        spec.ignore = ignore
        return try DatasetLoader.load(spec)
    }

    private func problem(_ text: String, target: String? = nil, ignore: [String] = []) -> DatasetError? {
        #expect(throws: DatasetError.self) { try load(text, target: target, ignore: ignore) }
    }

    private func values(_ set: Dataset) throws -> [Float] {
        guard case .floats(let values) = set.features else { throw Surprise() }
        return values
    }

    private let flowers = "size,colour,kind\n1.5,red,b\n2,blue,a\n-3e2,red,b\n"

    @Test func columnsAndLabels() throws {
        let set = try load(flowers)
        #expect(set.shape == .vector(2) && set.target == "kind" && set.name == "csv")
        #expect(set.origin == "CSV file \(folder["x.csv"])")
        #expect(set.classes == ["a", "b"] && set.labels == [1, 0, 1])
        #expect(
            set.columns == [
                Column(name: "size", kind: .numeric), Column(name: "colour", kind: .category(levels: ["blue", "red"])),
            ])
        #expect(try values(set) == [1.5, 1, 2, 0, -300, 1])
    }

    @Test func targetAndIgnore() throws {
        let set = try load(flowers, target: "colour")
        #expect(set.classes == ["blue", "red"] && set.labels == [1, 0, 1])
        #expect(set.columns.map(\.name) == ["size", "kind"])
        // Without a target the last column that is left.
        let last = try load(flowers, ignore: ["kind"])
        #expect(last.target == "colour" && last.columns.map(\.name) == ["size"])
        #expect(
            problem(flowers, target: "weight")
                == .columnMissing(path: folder["x.csv"], column: "weight", columns: ["size", "colour", "kind"]))
        #expect(
            problem(flowers, ignore: ["weight"])
                == .columnMissing(path: folder["x.csv"], column: "weight", columns: ["size", "colour", "kind"]))
        for (target, ignore) in [("kind", ["kind"]), ("kind", ["size", "colour"]), (nil, ["size", "colour", "kind"])] {
            guard case .targetUnusable = problem(flowers, target: target, ignore: ignore) else { throw Surprise() }
        }
    }

    @Test(arguments: ["", "NA", "nan", "NaN", "NULL", "null", "?", "   "])
    func missingValues(text: String) throws {
        let values = try values(try load("x,c,y\n1,u,a\n\(text),\(text),b\n3,v,a\n"))
        #expect(values[2].isNaN && values[3].isNaN && values[4] == 3 && values[5] == 1)
        guard case .targetMissing(_, "y", [3], 1) = problem("x,y\n1,a\n2,\(text)\n3,b\n") else { throw Surprise() }
    }

    @Test func fewTextsAreCategoriesEvenWhereSomeAreNumbers() throws {
        let set = try load("x,y\n1,a\nmany,b\n3,a\n1,b\n")
        #expect(set.columns == [Column(name: "x", kind: .category(levels: ["1", "3", "many"]))])
        #expect(try values(set) == [0, 2, 1, 0])
    }

    @Test func numericClassesGoUpwardsInOneSpelling() throws {
        let set = try load("x,y\n1,10\n2,2\n3,2.0\n4,-1\n")
        #expect(set.classes == ["-1", "2", "10"] && set.labels == [2, 1, 1, 0])
    }

    @Test func decimalCommas() throws {
        let set = try load("x;y\n1,5;a\n2,25;b\n")
        #expect(try values(set) == [1.5, 2.25])
    }

    @Test func quantitiesAreNoClasses() throws {
        func reason(_ text: String) throws -> String {
            guard case .targetUnusable(_, _, let reason) = problem(text) else { throw Surprise() }
            return reason
        }
        #expect(try reason("x,y\n1,0.5\n2,1.5\n").contains("quantities such as"))
        let counted = (0..<30).map { "\($0),\($0)" }.joined(separator: "\n")
        #expect(try reason("x,y\n\(counted)\n").contains("30 different numbers"))
        let named = (0..<30).map { "\($0),name \($0)" }.joined(separator: "\n")
        #expect(try reason("x,y\n\(named)\n").contains("30 different texts in 30 rows"))
        #expect(
            problem("x,y\n1,a\n2,a\n")
                == .tooFewClasses(path: "\(folder["x.csv"]), column 'y'", found: ["a"]))
    }

    @Test func columnsThatCannotBeInputs() throws {
        // Free text, an empty column, one without a name, text among numbers: all are named at once.
        let rows = (0..<60).map { "note \($0),,\($0),\($0 == 7 ? "many" : "\($0)"),\($0 % 2)" }
        let text = "note,void,,amount,y\n" + rows.joined(separator: "\n") + "\n"
        guard case .columnsUnusable(_, let problems, let ignoring) = problem(text) else { throw Surprise() }
        #expect(ignoring == ["note", "void", "column 3", "amount"], "nothing would be left")
        #expect(problems[0].contains("more than 50 different texts"))
        #expect(problems[1] == "'void' is empty in every row")
        #expect(problems[2] == "'column 3' has no name in the header")
        #expect(problems[3] == "'amount' holds 'many' (line 9) among its numbers")
        let message = problem(text).map(String.init(describing:)) ?? ""
        #expect(message.hasSuffix("--ignore note --ignore void --ignore 'column 3' --ignore amount"))
        #expect(throws: DatasetError.self) { try load(text, ignore: ignoring) }  // Then nothing is left.
    }

    /// Names and empty columns are left out with a note; a text among numbers stays a mistake.
    @Test func uselessColumnsAreLeftOut() throws {
        let rows = (0..<60).map { "note \($0),,\($0),\($0 % 7),\($0 % 2)" }
        let loaded = try load("note,void,,size,y\n" + rows.joined(separator: "\n") + "\n")
        #expect(loaded.columns.map(\.name) == ["size"])
        #expect(loaded.shape == .vector(1))
        #expect(try values(loaded) == (0..<60).map { Float($0 % 7) })
        #expect(loaded.notes.count == 3)
        #expect(
            loaded.notes[0].hasSuffix(
                "the column 'note' holds more than 50 different texts such as 'note 0', too many for categories, so it was left out."
            ))
        #expect(loaded.notes[1].hasSuffix("the column 'void' is empty in every row, so it was left out."))
        // Names of which most look like numbers.
        let tickets = (0..<60).map { "\($0 % 4 == 0 ? "A/\($0)" : "\($0)"),\($0 % 3),\($0 % 2)" }
        #expect(try load("ticket,size,y\n" + tickets.joined(separator: "\n")).columns.map(\.name) == ["size"])
        let mixed = (0..<60).map { "note \($0),\($0 == 7 ? "many" : "\($0)"),\($0 % 3),\($0 % 2)" }
        guard
            case .columnsUnusable(_, _, ["amount"]) = problem("note,amount,size,y\n" + mixed.joined(separator: "\n"))
        else { throw Surprise() }
    }

    @Test func numbersTooLargeForTheEngine() {
        guard case .csv(_, 3, let reason)? = problem("x,y\n1,a\n1e39,b\n") else {
            Issue.record("1e39 was taken")
            return
        }
        #expect(reason == "'1e39' in column 'x' is too large for a 32-bit number")
    }

    @Test func noRowsAndNoTable() throws {
        #expect(problem("x,y\n") == .empty(path: folder["x.csv"]))
        try folder.write([0x25, 0x50, 0x44, 0x46, 0x00], "x.pdf")
        var spec = DataSpec(dataset: "csv")
        spec.path = folder["x.pdf"]
        #expect(throws: DatasetError.unrecognised(path: folder["x.pdf"])) { try DatasetLoader.load(spec) }
        spec.path = folder["gone.csv"]
        guard case .unreadable = #expect(throws: DatasetError.self, performing: { try DatasetLoader.load(spec) })
        else { throw Surprise() }
    }
}
