// Balance of classes: what an epoch draws, and what SMOTE makes up.
import Testing

@testable import Engine

struct OversamplingTests {
    /// 50, 7 and 3 examples of three classes.
    private static let labels = (0..<60).map { Int32($0 < 50 ? 0 : $0 < 57 ? 1 : 2) }

    private func order(_ train: [Int32], seed: UInt64 = 3, _ balance: Balance = .oversample) -> EpochOrder {
        EpochOrder(train: train, labels: { Self.labels[Int($0)] }, balance: balance, seed: seed)
    }

    @Test func everyClassComesEquallyOften() {
        let train = Array(Int32(0)..<59)  // one of the last class is not trained on
        var more = Set<Int32>()
        for epoch in 1...20 {
            let examples = order(train).examples(epoch: epoch)
            #expect(examples.count == train.count && !examples.contains(59))
            var counts: [Int32: Int] = [:]
            for example in examples { counts[Self.labels[Int(example)], default: 0] += 1 }
            #expect(counts.values.sorted() == [19, 20, 20])
            more.formUnion(counts.filter { $0.value == 20 }.keys)
            // Within a class too, and the large class is not repeated.
            for label: Int32 in 0...2 {
                let times = train.filter { Self.labels[Int($0)] == label }.map { member in
                    examples.count { $0 == member }
                }
                #expect((times.max() ?? 9) - (times.min() ?? 0) <= 1)
            }
        }
        #expect(more == [0, 1, 2])
    }

    @Test func anEpochIsAFunctionOfSeedAndEpoch() {
        let train = Array(Int32(0)..<60)
        #expect(order(train).examples(epoch: 4) == order(train).examples(epoch: 4))
        #expect(order(train).examples(epoch: 4) != order(train).examples(epoch: 5))
        #expect(order(train).examples(epoch: 4) != order(train, seed: 4).examples(epoch: 4))
        #expect(order(train, .none).examples(epoch: 2).sorted() == train)
        #expect(order(train, .none).turns(train) == nil)
    }

    @Test func turnsCountWhatCameBefore() {
        #expect(order([0, 55, 58]).turns([58, 0, 58, 55, 58]) == [0, 0, 1, 0, 2])
    }

    @Test func trainingGoesOnInTheMiddleOfAnEpochWithAnyWorkers() throws {
        let dataset = Toy.images(90)
        let train = (Int32(0)..<90).filter { dataset.labels[Int($0)] != 1 || $0 < 20 }
        let preprocessing = Preprocessing(fitting: dataset, train: train, spec: DataSpec(dataset: "quarters"))
        let network = try Network(Toy.network, input: preprocessing.shape, classes: 4)
        var spec = TrainingSpec()
        spec.batch = 16
        func trainer(_ workers: Int) throws -> Trainer {
            try Trainer(
                network, spec: spec,
                data: PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing), train: train,
                balance: .oversample, augment: [.noise(deviation: 0.1), .mixup(alpha: 0.4)], workers: workers)
        }
        let whole = try trainer(1)
        for _ in 0..<7 { _ = whole.advance() }
        let snapshot = whole.snapshot()
        let losses = (0..<6).map { _ in whole.advance().lossSum }
        for workers in [2, 3] {
            let resumed = try trainer(workers)
            resumed.restore(snapshot)
            #expect((0..<6).map { _ in resumed.advance().lossSum } == losses)
            #expect(resumed.weights == whole.weights)
        }
    }
}

struct SmoteTests {
    /// Two numbers and a category of three levels; 40, 9, 3 examples of three classes and one that is not trained on.
    private static func table() -> Dataset {
        var random = CounterRandom(seed: 1, purpose: .benchmark)
        var values: [Float] = []
        var labels: [Int32] = []
        for row in 0..<53 {
            let label = row < 40 ? 0 : row < 49 ? 1 : 2
            values += [random.unit() * 3 + Float(label), random.unit() * 50, Float(random.below(3))]
            labels.append(Int32(label))
        }
        return Dataset(
            name: "table", shape: .vector(3), classes: ["many", "some", "few"],
            columns: [
                Column(name: "x", kind: .numeric), Column(name: "y", kind: .numeric),
                Column(name: "kind", kind: .category(levels: ["a", "b", "c"])),
            ], features: .floats(values), labels: labels, origin: "made up")
    }

    private static let train = Array(Int32(0)..<52)

    private func smote(seed: UInt64 = 42) throws -> (all: PreparedExamples, train: [Int32], rows: [[Float]]) {
        let dataset = Self.table()
        let preprocessing = Preprocessing(fitting: dataset, train: Self.train, spec: DataSpec(dataset: "table"))
        let prepared = PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing)
        let (all, train) = try prepared.withSmote(train: Self.train, encodings: preprocessing.encodings, seed: seed)
        guard case .floats(let values) = all.features, case .floats(let before) = prepared.features else {
            return (all, train, [])
        }
        #expect(Array(values.prefix(before.count)) == before)
        return (all, train, (0..<all.count).map { Array(values[$0 * 5..<($0 + 1) * 5]) })
    }

    @Test func everyClassGetsAsManyAsTheLargest() throws {
        let (all, train, _) = try smote()
        #expect(all.count == 53 + 31 + 37 && train.count == 120 && Set(train).count == 120)
        #expect(train.prefix(52) == Self.train[...] && !train.contains(52))
        for label: Int32 in 0...2 { #expect(train.count { all.labels[Int($0)] == label } == 40) }
    }

    @Test func madeUpExamplesLieBetweenNeighbours() throws {
        let (all, train, rows) = try smote()
        for made in train.dropFirst(52) {
            let point = rows[Int(made)]
            let members = Self.train.filter { all.labels[Int($0)] == all.labels[Int(made)] }.map { rows[Int($0)] }
            let isBetween = members.contains { base in
                let near = members.filter { $0 != base }
                    .sorted { Self.distance($0, base) < Self.distance($1, base) }.prefix(5)
                return near.contains { Self.isOnTheWay(point, from: base, to: $0) }
            }
            #expect(isBetween, "\(point)")
            #expect(point[2...].sorted() == [0, 0, 1], "\(point) has no level")
        }
    }

    private static func distance(_ a: [Float], _ b: [Float]) -> Float {
        zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }

    /// Whether the numbers lie on the line and the category is the nearer parent's.
    private static func isOnTheWay(_ point: [Float], from a: [Float], to b: [Float]) -> Bool {
        let way = abs(b[0] - a[0]) > 1e-3 ? (point[0] - a[0]) / (b[0] - a[0]) : (point[1] - a[1]) / (b[1] - a[1])
        guard (-1e-4...1.0001).contains(way) else { return false }
        let isOnLine = (0..<2).allSatisfy { abs(a[$0] + way * (b[$0] - a[$0]) - point[$0]) < 1e-4 }
        let isNear = point[2...] == (way < 0.5 ? a : b)[2...]
        return isOnLine && (isNear || abs(way - 0.5) < 1e-4)
    }

    @Test func theSeedDecides() throws {
        #expect(try smote().rows == smote().rows)
        #expect(try smote().rows != smote(seed: 43).rows)
    }

    @Test func whatCannotBeBalancedIsRefused() throws {
        let dataset = Self.table()
        let preprocessing = Preprocessing(fitting: dataset, train: Self.train, spec: DataSpec(dataset: "table"))
        let prepared = PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing)
        #expect(throws: BalanceError.classTooSmall("few")) {
            try prepared.withSmote(
                train: Array(Int32(0)..<50), encodings: preprocessing.encodings, seed: 1)
        }
        let images = Toy.images(20)
        let ofImages = Preprocessing(fitting: images, train: [0, 1], spec: DataSpec(dataset: "quarters"))
        #expect(throws: BalanceError.needsTable) {
            try PreparedExamples(images.features, labels: images.labels, by: ofImages)
                .withSmote(train: [0, 1], encodings: [], seed: 1)
        }
    }
}
