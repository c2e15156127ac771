// Sets that are made on the spot from a seed: two-moons, spirals and friedman (tables), shapes (images).
import Engine

enum MadeUpSets {
    static let names = ["two-moons", "spirals", "friedman", "shapes"]

    /// nil: no such set. `examples` 20 to 1,000,000; nil: the set's own number. Classes come in turn.
    static func make(_ name: String, examples: Int?, seed: UInt64) throws(DatasetError) -> Dataset? {
        guard names.contains(name) else { return nil }
        if let examples, !(20...1_000_000).contains(examples) {
            throw .settingOutOfRange(setting: "examples", value: examples, allowed: 20...1_000_000)
        }
        switch name {
        case "two-moons": return twoMoons(examples: examples ?? 1000, seed: seed)
        case "spirals": return spirals(examples: examples ?? 1500, seed: seed)
        case "friedman": return friedman(examples: examples ?? 2000, seed: seed)
        default:
            let count = examples ?? 4000
            try MemoryBudget.check("\(count) made-up images", bytes: count * Shape.side * Shape.side * 3)
            return shapes(examples: count, seed: seed)
        }
    }

    /// Two half circles of radius 1 that reach into each other, each point moved by normal noise of deviation 0.2.
    private static func twoMoons(examples: Int, seed: UInt64) -> Dataset {
        points(named: "two-moons", classes: ["upper", "lower"], examples: examples, seed: seed) { label, random in
            let point = circlePoint(turns: random.uniform(0, 0.5))
            let moon = label == 0 ? point : (1 - point.x, 0.5 - point.y)
            return (moon.0 + 0.2 * random.normal(), moon.1 + 0.2 * random.normal())
        }
    }

    /// Three arms of one turn and a quarter each, from the centre to radius 1.
    private static func spirals(examples: Int, seed: UInt64) -> Dataset {
        points(named: "spirals", classes: ["a", "b", "c"], examples: examples, seed: seed) { label, random in
            let radius = random.uniform(0.08, 1)
            let point = circlePoint(turns: 1.25 * radius + Double(label) / 3)
            return (radius * point.x + 0.025 * random.normal(), radius * point.y + 0.025 * random.normal())
        }
    }

    /// Friedman 1991 ("Multivariate adaptive regression splines", equation 61): ten inputs between 0 and 1, of which five count,
    /// y = 10 sin(π x1 x2) + 20 (x3 - 1/2)² + 10 x4 + 5 x5 + normal noise of deviation 1. No model has an RMSE below 1 on
    /// fresh examples; the variance of y without the noise is about 23.8, so none has an R² above about 0.96.
    private static func friedman(examples: Int, seed: UInt64) -> Dataset {
        var values: [Float] = []
        var targets: [Float] = []
        for index in 0..<examples {
            var random = CounterRandom(seed: seed, purpose: .madeUp, first: index)
            let x = (0..<10).map { _ in random.uniform(0, 1) }
            let wave = 10 * circlePoint(turns: x[0] * x[1] / 2).y
            let bowl = 20 * (x[2] - 0.5) * (x[2] - 0.5)
            values += x.map { Float($0) }
            targets.append(Float(wave + bowl + 10 * x[3] + 5 * x[4] + random.normal()))
        }
        return Dataset(
            name: "friedman", shape: .vector(10), classes: ["y"],
            columns: (1...10).map { Column(name: "x\($0)", kind: .numeric) }, features: .floats(values),
            labels: Array(repeating: 0, count: examples), targets: targets, origin: "made up from seed \(seed)",
            target: "y")
    }

    private static func points(
        named name: String, classes: [String], examples: Int, seed: UInt64,
        _ point: (_ label: Int, _ random: inout CounterRandom) -> (Double, Double)
    ) -> Dataset {
        var values: [Float] = []
        for index in 0..<examples {
            var random = CounterRandom(seed: seed, purpose: .madeUp, first: index)
            let (x, y) = point(index % classes.count, &random)
            values += [Float(x), Float(y)]
        }
        return Dataset(
            name: name, shape: .vector(2), classes: classes,
            columns: [Column(name: "x", kind: .numeric), Column(name: "y", kind: .numeric)],
            features: .floats(values), labels: (0..<examples).map { Int32($0 % classes.count) },
            origin: "made up from seed \(seed)", target: "class")
    }

    private static func shapes(examples: Int, seed: UInt64) -> Dataset {
        let size = 3 * Shape.side * Shape.side
        let pixels = [UInt8](unsafeUninitializedCapacity: examples * size) { buffer, initialized in
            for index in 0..<examples {
                var random = CounterRandom(seed: seed, purpose: .madeUp, first: index)
                let image = UnsafeMutableBufferPointer(rebasing: buffer[index * size..<(index + 1) * size])
                Shape.allCases[index % Shape.allCases.count].draw(into: image, &random)
            }
            initialized = examples * size
        }
        return Dataset(
            name: "shapes", shape: .image(channels: 3, height: Shape.side, width: Shape.side),
            classes: Shape.allCases.map(\.rawValue), features: .bytes(pixels),
            labels: (0..<examples).map { Int32($0 % Shape.allCases.count) }, origin: "made up from seed \(seed)")
    }
}
