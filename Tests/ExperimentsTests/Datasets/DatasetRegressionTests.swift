// Numbers to predict: which column and rows they come from, what is refused and how, and the made-up set of them.
import Engine
import Foundation
import Testing

@testable import Experiments

@Suite struct DatasetRegressionTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func load(_ text: String, target: String? = nil, _ loss: LossSpec = .meanSquaredError) throws -> Dataset {
        try folder.write(text, "x.csv")
        var spec = DataSpec(dataset: "csv")
        spec.path = folder["x.csv"]
        spec.target = target
        return try DatasetLoader.load(spec, for: loss)
    }

    private func sentence(_ body: () throws -> Dataset) -> String {
        do {
            _ = try body()
            Issue.record("it was read")
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test func theTargetIsReadAsNumbers() throws {
        let set = try load("rooms,price,town\n3,250000.5,a\n4,3e5,b\n2,-1,a\n", target: "price")
        #expect(set.targets == [250000.5, 300000, -1])
        #expect(set.classes == ["price"] && set.target == "price" && set.labels == [0, 0, 0])
        #expect(set.columns.map(\.name) == ["rooms", "town"] && set.notes.isEmpty)
        // Whole numbers that could be classes too: the loss decides.
        #expect(try load("x,y\n1,0\n2,1\n3,1\n").targets == [0, 1, 1])
        #expect(try load("x,y\n1,0\n2,1\n3,1\n", .softmaxCrossEntropy()).targets == nil)
        #expect(try load("x;y\n1;2,5\n2;3,5\n", .huber(delta: 1)).targets == [2.5, 3.5])
    }

    @Test func rowsWithoutATargetAreLeftOutAndCounted() throws {
        let set = try load("a,y,b\n1,10,x\n2,,y\n3,30,x\n4,NA,y\n5,?,y\n6,60,x\n", target: "y")
        #expect(set.targets == [10, 30, 60] && set.count == 3)
        guard case .floats(let values) = set.features else { throw Surprise() }
        #expect(values == [1, 0, 3, 0, 6, 0])
        #expect(
            set.notes == [
                "3 of 6 rows of \(folder["x.csv"]) have no value in the target column 'y' and were left out (line 3, 5, 6)."
            ])
        let many = "a,y\n" + (0..<9).map { "\($0),\($0 == 4 ? "1" : "")\n" }.joined()
        #expect(try load(many).notes[0].hasPrefix("8 of 9 rows"))
        #expect(try load(many).notes[0].hasSuffix("(line 2, 3, 4, 5, 7, …)."))
        #expect(sentence { try load("a,y\n1,\n2,NA\n") }.contains("'y' cannot be the label: it is empty in every row"))
    }

    @Test func whatIsNoNumberIsNamed() {
        #expect(
            sentence { try load("a,y\n1,2\n3,tall\n") }
                == "\(folder["x.csv"]), line 3: 'tall' in the target column 'y' is not a number, and training.loss "
                + "mean_squared_error learns numbers: correct it, choose another column with --target, or for classes set "
                + "training.loss to softmax_cross_entropy")
        let large = sentence { try load("a,y\n1,1e300\n", .huber(delta: 1)) }
        #expect(large.contains("line 2: '1e300'") && large.contains("too large for a 32-bit number"))
        #expect(large.contains("training.loss huber"))
    }

    @Test func classesAndNumbersAreNotMistakenForEachOther() {
        func load(_ name: String, _ loss: LossSpec, target: String? = nil) throws -> Dataset {
            var spec = DataSpec(dataset: name)
            spec.target = target
            return try DatasetLoader.load(spec, for: loss)
        }
        for name in ["digits", "iris", "wine", "breast-cancer", "spirals", "shapes"] {
            let said = sentence { try load(name, .meanSquaredError) }
            #expect(
                said.contains("'\(name)' has classes (") && said.contains("set training.loss to softmax_cross_entropy"))
            #expect(said.contains("data.target") == !["digits", "shapes"].contains(name))
        }
        #expect(
            sentence { try load("friedman", .softmaxCrossEntropy()) }
                == "the data set 'friedman' has a number to predict ('y'), but training.loss softmax_cross_entropy learns "
                + "classes: set training.loss to mean_squared_error")
        #expect(throws: Never.self) { try load("iris", .meanSquaredError, target: "petal length (cm)") }
        // A quantity under a loss of classes says the way out.
        let counted = (0..<30).map { "\($0),\($0 * 3)" }.joined(separator: "\n")
        for text in ["x,y\n1,0.5\n2,1.5\n", "x,y\n\(counted)\n"] {
            let said = sentence { try self.load(text, .softmaxCrossEntropy()) }
            #expect(said.contains("to predict numbers set training.loss to mean_squared_error"), "\(said)")
        }
    }

    /// y less its noise is Friedman's function of the inputs; the noise has mean 0 and deviation 1; half the inputs are idle.
    @Test func friedmanIsFriedmans() throws {
        var spec = DataSpec(dataset: "friedman")
        #expect(try DatasetLoader.load(spec, for: .meanSquaredError).count == 2000)
        spec.examples = 20_000
        let set = try DatasetLoader.load(spec, for: .meanSquaredError)
        guard case .floats(let x) = set.features, let targets = set.targets else { throw Surprise() }
        #expect(x.allSatisfy { (0..<1).contains($0) } && set.columns.count == 10 && set.classes == ["y"])
        let signal = (0..<set.count).map { row -> Double in
            let v = x[row * 10..<row * 10 + 5].map(Double.init)
            return 10 * sin(.pi * v[0] * v[1]) + 20 * (v[2] - 0.5) * (v[2] - 0.5) + 10 * v[3] + 5 * v[4]
        }
        func moments(_ values: [Double]) -> (mean: Double, variance: Double) {
            let mean = values.reduce(0, +) / Double(values.count)
            return (mean, values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count))
        }
        let noise = moments(zip(targets, signal).map { Double($0) - $1 })
        #expect(abs(noise.mean) < 0.03 && abs(noise.variance - 1) < 0.05)
        // What the set's comment says of the variance.
        #expect(abs(moments(signal).variance - 23.8) < 0.7)
    }

    /// As the other made-up sets: a session keeps the seed alone.
    @Test func friedmanIsTheSameEverywhere() throws {
        var spec = DataSpec(dataset: "friedman")
        spec.examples = 300
        let set = try DatasetLoader.load(spec, for: .meanSquaredError)
        let targets = (set.targets ?? []).flatMap { value in
            withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init)
        }
        #expect(
            SHA256.hex(bytes(of: set) + targets) == "9389eac93e226bc640001d8cf9e714f1e067977912ca02c29f1ae24ff55d1dda")
        spec.examples = 310
        let more = try DatasetLoader.load(spec, for: .meanSquaredError)
        #expect(more.targets?.prefix(300).elementsEqual(set.targets ?? []) == true)
        spec.seed = 43
        #expect(try DatasetLoader.load(spec, for: .meanSquaredError).targets != more.targets)
    }

    @Test func aSummaryHasTheTarget() throws {
        let set = try load("a,y\n" + (0..<40).map { "\($0),\($0 / 2)\n" }.joined())
        let splits = try Splits(set, DataSpec(dataset: "csv"))
        let summary = DataSummary(set, splits)
        let target = try #require(summary.target)
        #expect(target.counts.reduce(0, +) == splits.train.count && target.maximum <= 19)
        #expect(summary.isSound(classes: 1))
        var wrong = summary
        wrong.target?.counts.removeLast()
        #expect(!wrong.isSound(classes: 1))
        let kept = try JSONDecoder().decode(DataSummary.self, from: JSONEncoder().encode(summary))
        #expect(kept == summary)
    }
}
