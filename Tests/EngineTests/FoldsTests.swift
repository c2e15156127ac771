// Folds: scikit-learn's numbers, what shuffling keeps, and what is refused.
import Testing

@testable import Engine

struct FoldsTests {
    private struct Case: Decodable {
        let kind: String
        let splits: Int
        let labels: [Int32]
        let foldOfRow: [Int]
    }

    @Test func foldFixtures() throws {
        let cases = try Fixture.load("folds.json", as: [Case].self)
        for (index, c) in cases.enumerated() {
            #expect(c.kind == "stratified, not shuffled", "case \(index) is of a kind that nobody tests")
            let folds = try Folds(stratified: c.labels, count: c.splits)
            #expect(folds.foldOfExample == c.foldOfRow, "case \(index)")
            let shuffled = try Folds(stratified: c.labels, count: c.splits, seed: 3)
            #expect(shuffled.foldOfExample != c.foldOfRow)
            for label in 0..<4 as Range<Int32> {
                for fold in 0..<c.splits {
                    func size(_ folds: Folds) -> Int { folds.test(fold).count { c.labels[Int($0)] == label } }
                    #expect(size(folds) == size(shuffled), "case \(index), class \(label), fold \(fold)")
                }
            }
        }
        print("folds.json: \(cases.count) cases, \(cases.count) ran")
        #expect(!cases.isEmpty)
    }

    @Test func eachExampleIsTestedOnce() throws {
        let labels = (0..<103).map { Int32($0 * $0 % 7 % 3) }
        for count in [2, 5, 10] {
            for seed in [nil, 1, 2] as [UInt64?] {
                let folds = try Folds(stratified: labels, count: count, seed: seed)
                #expect((0..<count).flatMap { folds.test($0) }.sorted() == (0..<103).map(Int32.init))
                for fold in 0..<count {
                    #expect((folds.test(fold) + folds.train(fold)).sorted() == (0..<103).map(Int32.init))
                    #expect(abs(Double(folds.test(fold).count) - 103 / Double(count)) < 1)
                }
                #expect(try folds == Folds(stratified: labels, count: count, seed: seed))
            }
            #expect(
                try Folds(stratified: labels, count: count, seed: 1)
                    != Folds(stratified: labels, count: count, seed: 2))
        }
    }

    @Test func plainFolds() throws {
        let folds = try Folds(examples: 11, count: 4, seed: 9)
        #expect((0..<4).map { folds.test($0).count } == [3, 3, 3, 2])
        #expect(folds.rareClasses.isEmpty && folds.foldOfExample != folds.foldOfExample.sorted())
    }

    @Test func whatIsRefusedAndWhatIsNoted() throws {
        for count in [-1, 0, 1] {
            #expect(throws: FoldsError.tooFew(count: count)) { try Folds(stratified: [0, 0, 1, 1], count: count) }
        }
        #expect(throws: FoldsError.tooMany(count: 3, largestClass: 2, classes: 2)) {
            try Folds(stratified: [0, 0, 1, 1], count: 3)
        }
        #expect(throws: FoldsError.tooMany(count: 2, largestClass: 0, classes: 0)) {
            try Folds(stratified: [], count: 2)
        }
        #expect(throws: FoldsError.tooMany(count: 12, largestClass: 11, classes: 1)) {
            try Folds(examples: 11, count: 12, seed: 0)
        }
        for error in [FoldsError.tooFew(count: 1), .tooMany(count: 3, largestClass: 2, classes: 2)] {
            #expect("\(error)".hasSuffix(".") && "\(error)".count { $0 == "." } == 1)
        }
        let rare = try Folds(stratified: [2, 0, 0, 0, 1, 1, 2], count: 3)
        #expect(rare.rareClasses == [1, 2])
    }
}
