// Augmentation against plain loops, its statistics, and that it follows from seed, epoch and example alone.
import CPrimitives
import Foundation
import Testing

@testable import Engine

/// What the kernels do, pixel by pixel in doubles.
struct PlainAugmentation {
    let list: [Augmentation]
    let channels: Int
    let height: Int
    let width: Int
    let seed: UInt64
    let epoch: UInt32
    let example: UInt32
    let turn: UInt32

    private func philox(_ block: UInt32, _ purpose: UInt32) -> SIMD4<UInt32> {
        CounterRandom.philox(
            SIMD4(block, epoch, example, purpose | turn << 16),
            (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
    }

    private func draws(_ place: Int) -> SIMD4<UInt32> { philox(UInt32(place), RandomPurpose.augmentation.rawValue) }

    private func either(_ draw: UInt32, _ amount: Float) -> Double {
        (Double(draw >> 8) * 0x1p-23 - 1) * Double(amount)
    }

    private func below(_ draw: UInt32, _ bound: Int) -> Int { Int((UInt64(draw) * UInt64(bound)) >> 32) }

    /// Number `index` of the noise of `place`.
    func normal(_ place: Int, _ index: Int) -> Double {
        let (chunk, q, lane) = (index / 64, index / 16 % 4, index % 16)
        let words = philox(UInt32(chunk * 16 + lane), RandomPurpose.augmentation.rawValue | UInt32(place + 1) << 8)
        let (first, second) = q < 2 ? (words[0], words[1]) : (words[2], words[3])
        let radius = (-2 * log((Double(first >> 8) + 1) * 0x1p-24)).squareRoot()
        var angle = ((Double(second >> 8) - 8_388_608) * 0x1p-24) * Double.pi / 2
        if second & 1 == 1 { angle = Double.pi - angle }
        let (x, y) = (radius * cos(angle), radius * sin(angle))
        return (q % 2 == 0) == (second & 2 == 0) ? x : y
    }

    /// The image at a place between pixels, black outside.
    private func sample(_ image: [Double], _ channel: Int, _ x: Double, _ y: Double) -> Double {
        func pixel(_ x: Int, _ y: Int) -> Double {
            (0..<width).contains(x) && (0..<height).contains(y) ? image[(channel * height + y) * width + x] : 0
        }
        let (left, top) = (Int(x.rounded(.down)), Int(y.rounded(.down)))
        let (fx, fy) = (x - Double(left), y - Double(top))
        let upper = pixel(left, top) * (1 - fx) + pixel(left + 1, top) * fx
        let lower = pixel(left, top + 1) * (1 - fx) + pixel(left + 1, top + 1) * fx
        return upper * (1 - fy) + lower * fy
    }

    private typealias Move = (Double, Double) -> (Double, Double)

    /// Where a pixel of the result comes from; nil: `augmentation` moves nothing.
    private func move(_ augmentation: Augmentation, _ place: Int) -> Move? {
        let draw = draws(place)
        let (cx, cy) = (Double(width - 1) / 2, Double(height - 1) / 2)
        switch augmentation {
        case .flip(let horizontal):
            guard draw[0] >> 31 == 1 else { return { ($0, $1) } }
            return horizontal ? { (Double(width) - 1 - $0, $1) } : { ($0, Double(height) - 1 - $1) }
        case .crop(let padding):
            let dx = Double(below(draw[0], 2 * padding + 1) - padding)
            let dy = Double(below(draw[1], 2 * padding + 1) - padding)
            return { ($0 + dx, $1 + dy) }
        case .shift(let fraction):
            let mostX = Int((Float(width) * fraction).rounded(.toNearestOrEven))
            let mostY = Int((Float(height) * fraction).rounded(.toNearestOrEven))
            let dx = Double(below(draw[0], 2 * mostX + 1) - mostX)
            let dy = Double(below(draw[1], 2 * mostY + 1) - mostY)
            return { ($0 + dx, $1 + dy) }
        case .rotate(let degrees):
            let angle = either(draw[0], degrees) * Double.pi / 180
            return {
                let (dx, dy) = ($0 - cx, $1 - cy)
                return (cos(angle) * dx - sin(angle) * dy + cx, sin(angle) * dx + cos(angle) * dy + cy)
            }
        case .zoom(let fraction):
            let scale = 1 + either(draw[0], fraction)
            return { (($0 - cx) / scale + cx, ($1 - cy) / scale + cy) }
        default: return nil
        }
    }

    /// The image after everything, 0 to 1.
    func apply(_ bytes: ArraySlice<UInt8>) -> [Double] {
        var image = bytes.map { Double($0) / 255 }
        var place = 0
        while place < list.count {
            var moves: [Move] = []
            while place < list.count, let move = move(list[place], place) {
                moves.append(move)
                place += 1
            }
            if !moves.isEmpty {
                let before = image
                for (channel, y, x) in pixels {
                    var (fromX, fromY) = (Double(x), Double(y))
                    for move in moves.reversed() { (fromX, fromY) = move(fromX, fromY) }
                    image[(channel * height + y) * width + x] = sample(before, channel, fromX, fromY)
                }
                continue
            }
            change(&image, place)
            place += 1
        }
        return image
    }

    private var pixels: [(Int, Int, Int)] {
        (0..<channels).flatMap { c in (0..<height).flatMap { y in (0..<width).map { (c, y, $0) } } }
    }

    private func change(_ image: inout [Double], _ place: Int) {
        let draw = draws(place)
        switch list[place] {
        case .brightness(let fraction):
            for index in image.indices { image[index] += either(draw[0], fraction) }
        case .contrast(let fraction):
            let plane = height * width
            for channel in 0..<channels {
                let mean = image[channel * plane..<(channel + 1) * plane].reduce(0, +) / Double(plane)
                for index in channel * plane..<(channel + 1) * plane {
                    image[index] = (image[index] - mean) * (1 + either(draw[0], fraction)) + mean
                }
            }
        case .noise(let deviation):
            for index in image.indices { image[index] += Double(deviation) * normal(place, index) }
        case .cutout(let size):
            let (left, top) = (below(draw[0], width) - size / 2, below(draw[1], height) - size / 2)
            for (channel, y, x) in pixels where (left..<left + size).contains(x) && (top..<top + size).contains(y) {
                image[(channel * height + y) * width + x] = 0
            }
        default: break
        }
    }
}

/// Examples gathered by the kernels.
struct Gathering {
    let store: ExampleStore
    let arena = Arena()

    init(_ dataset: Dataset) {
        let all = Array(Int32(0)..<Int32(dataset.count))
        let preprocessing = Preprocessing(fitting: dataset, train: all, spec: DataSpec(dataset: dataset.name))
        store = ExampleStore(PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing))
    }

    /// Each of `examples`, row by row.
    func rows(
        _ examples: [Int32], _ list: [Augmentation], seed: UInt64 = 7, epoch: UInt32 = 1, turns: [UInt16]? = nil,
        vector: Int32 = 0
    ) throws -> [[Float]] {
        let augmenter = try #require(store.augmenter(list, seed: seed, vector: vector))
        let stride = store.input.stride
        let out = arena.floats(examples.count * stride)
        let scratch = UnsafeMutableRawPointer(arena.allocate(augmenter.scratchBytes, of: UInt8.self))
        examples.withUnsafeBufferPointer { indices in
            (turns ?? []).withUnsafeBufferPointer { repeats in
                guard let base = indices.baseAddress else { return }
                var step = StepInput(
                    seed: seed, number: 1, epoch: epoch, indices: base,
                    update: Update(.sgd(learningRate: 1), learningRate: 1, step: 1))
                if turns != nil { step.turns = repeats.baseAddress }
                let shard = Shard(index: 0, first: 0, count: examples.count)
                store.gather(shard, of: step, by: augmenter, scratch: scratch, into: out, stride: stride)
            }
        }
        return examples.indices.map { Array(UnsafeBufferPointer(start: out + $0 * stride, count: store.shape.count)) }
    }
}

struct AugmentationTests {
    static let lists: [[Augmentation]] = [
        [.flip(horizontal: true)], [.flip(horizontal: false)], [.crop(padding: 3)], [.shift(fraction: 0.3)],
        [.rotate(degrees: 180)], [.zoom(fraction: 0.4)], [.brightness(fraction: 0.3)], [.contrast(fraction: 0.5)],
        [.noise(deviation: 0.1)], [.cutout(size: 3)],
        [.flip(horizontal: true), .crop(padding: 2), .flip(horizontal: false), .shift(fraction: 0.4)],
        [.crop(padding: 3), .flip(horizontal: true), .flip(horizontal: true), .noise(deviation: 0.02)],
        [.flip(horizontal: true), .rotate(degrees: 20), .zoom(fraction: 0.2), .crop(padding: 2)],
        [.noise(deviation: 0.1), .rotate(degrees: 30), .contrast(fraction: 0.2), .flip(horizontal: false)],
        [.cutout(size: 2), .crop(padding: 1), .brightness(fraction: 0.1), .noise(deviation: 1), .noise(deviation: 1)],
    ]
    static let shapes = [(1, 5, 9), (3, 8, 8), (1, 3, 70), (3, 20, 17), (3, 32, 32), (1, 4, 4)]

    private static func images(_ count: Int, _ channels: Int, _ height: Int, _ width: Int) -> Dataset {
        var random = CounterRandom(seed: 3, purpose: .benchmark, first: height, second: width)
        return Dataset(
            name: "random", shape: .image(channels: channels, height: height, width: width), classes: ["a", "b"],
            features: .bytes((0..<count * channels * height * width).map { _ in UInt8(random.below(256)) }),
            labels: (0..<count).map { Int32($0 % 2) }, origin: "made up")
    }

    @Test(arguments: lists)
    func matchesPlainLoops(_ list: [Augmentation]) throws {
        for (channels, height, width) in Self.shapes {
            let dataset = Self.images(6, channels, height, width)
            guard case .bytes(let bytes) = dataset.features else { return }
            let size = dataset.shape.count
            let rows = try Gathering(dataset).rows([5, 0, 2, 3], list, epoch: 9, turns: [0, 0, 3, 0])
            for (row, (example, turn)) in zip(rows, [(5, 0), (0, 0), (2, 3), (3, 0)]) {
                let plain = PlainAugmentation(
                    list: list, channels: channels, height: height, width: width, seed: 7, epoch: 9,
                    example: UInt32(example), turn: UInt32(turn))
                let wanted = plain.apply(bytes[example * size..<(example + 1) * size])
                let worst = zip(row, wanted).map { abs(Double($0) - $1) }.max() ?? 1
                #expect(worst < 1e-4, "\(list) \(channels)x\(height)x\(width) example \(example)")
            }
        }
    }

    @Test(arguments: lists)
    func everyWidthOfRegistersGivesTheSameBits(_ list: [Augmentation]) throws {
        for (channels, height, width) in Self.shapes {
            let gathering = Gathering(Self.images(4, channels, height, width))
            let widest = try gathering.rows([0, 1, 2, 3], list)
            for vector: Int32 in [4, 8] {
                let other = try gathering.rows([0, 1, 2, 3], list, vector: vector)
                #expect(widest.map { $0.map(\.bitPattern) } == other.map { $0.map(\.bitPattern) }, "\(vector)")
            }
        }
    }

    @Test func whatIsDrawnFollowsFromSeedEpochExampleAndTurn() throws {
        let gathering = Gathering(Self.images(4, 3, 8, 8))
        let list: [Augmentation] = [.crop(padding: 4), .noise(deviation: 0.1)]
        let first = try gathering.rows([0, 1, 2], list)
        #expect(try gathering.rows([2, 1], list) == [first[2], first[1]])
        #expect(try gathering.rows([0], list, seed: 8) != [first[0]])
        #expect(try gathering.rows([0], list, epoch: 2) != [first[0]])
        let twice = try gathering.rows([0, 0], list, turns: [0, 1])
        #expect(twice[0] == first[0] && twice[1] != first[0])
    }

    @Test func flipsHalfAndCropsEverywhere() throws {
        // A single white pixel in a corner tells where everything went.
        var bytes = [UInt8](repeating: 0, count: 9)
        bytes[0] = 255
        let dataset = Dataset(
            name: "corner", shape: .image(channels: 1, height: 3, width: 3), classes: ["a", "b"],
            features: .bytes(Array((0..<2000).map { _ in bytes }.joined())),
            labels: Array(repeating: 0, count: 2000), origin: "made up")
        let gathering = Gathering(dataset)
        let all = Array(Int32(0)..<2000)
        let flipped = try gathering.rows(all, [.flip(horizontal: true)]).count { $0[2] == 1 }
        #expect((920...1080).contains(flipped))
        var places: [Int: Int] = [:]
        for row in try gathering.rows(all, [.crop(padding: 1)]) {
            places[row.firstIndex(of: 1) ?? -1, default: 0] += 1
        }
        // Of nine windows four keep the corner, each at a place of its own.
        #expect(Set(places.keys) == [-1, 0, 1, 3, 4])
        for place in [0, 1, 3, 4] { #expect((180...265).contains(places[place] ?? 0)) }
    }

    @Test func noiseIsNormal() throws {
        let dataset = Dataset(
            name: "black", shape: .image(channels: 1, height: 500, width: 400), classes: ["a", "b"],
            features: .bytes(Array(repeating: 0, count: 200_000)), labels: [0], origin: "made up")
        let values = try Gathering(dataset).rows([0], [.noise(deviation: 2)])[0].map { Double($0) / 2 }
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        func moment(_ power: Double) -> Double { values.reduce(0) { $0 + pow($1 - mean, power) } / count }
        let variance = moment(2)
        #expect(abs(mean) < 0.008)
        #expect(abs(variance - 1) < 0.012)
        #expect(abs(moment(3)) < 0.02)
        #expect(abs(moment(4) / (variance * variance) - 3) < 0.04)
        #expect(abs(values.reduce(0) { $0 + ($1 > 2 ? 1 : 0) } / count - 0.02275) < 0.001)
        let neighbours = zip(values, values.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 } / count
        #expect(abs(neighbours) < 0.008)
    }

    @Test func tablesGetNoiseOnTheirNumbersOnly() throws {
        let columns = [
            Column(name: "size", kind: .numeric), Column(name: "colour", kind: .category(levels: ["red", "blue"])),
            Column(name: "same", kind: .numeric), Column(name: "weight", kind: .numeric),
        ]
        let count = 3000
        var values: [Float] = []
        for row in 0..<count { values += [Float(row), Float(row % 2), 5, Float(row * 7 % 100)] }
        let dataset = Dataset(
            name: "table", shape: .vector(4), classes: ["a", "b"], columns: columns, features: .floats(values),
            labels: (0..<count).map { Int32($0 % 2) }, origin: "made up")
        let gathering = Gathering(dataset)
        let all = Array(Int32(0)..<Int32(count))
        let plain = try gathering.rows(all, [.mixup(alpha: 1)])
        let noisy = try gathering.rows(all, [.noise(deviation: 0.5)])
        for feature in 0..<5 {
            let change = zip(noisy, plain).map { Double($0[feature] - $1[feature]) }
            let deviation = (change.reduce(0) { $0 + $1 * $1 } / Double(count)).squareRoot()
            if [0, 4].contains(feature) {
                #expect(abs(deviation - 0.5) < 0.03)
            } else {
                #expect(deviation == 0)
            }
        }
    }

    @Test(arguments: [0.2, 1, 3.0])
    func mixupWeightsAreBeta(_ alpha: Double) {
        let mixup = Mixup(alpha: alpha, seed: 5)
        var weights: [Double] = []
        var partners: [Int: Int] = [:]
        for example in Int32(0)..<20000 {
            let (partner, weight) = mixup.draw(epoch: 1, example: example, turn: 0, position: 2, batch: 6)
            weights.append(Double(weight))
            partners[partner, default: 0] += 1
        }
        let mean = weights.reduce(0, +) / 20000
        let variance = weights.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20000
        #expect(abs(mean - 0.5) < 0.01)
        #expect(abs(variance - 1 / (4 * (2 * alpha + 1))) < 0.004)
        #expect(weights.allSatisfy { (0...1).contains($0) })
        #expect(Set(partners.keys) == [0, 1, 3, 4, 5] && partners.values.allSatisfy { (3750...4250).contains($0) })
        let alone = mixup.draw(epoch: 1, example: 3, turn: 0, position: 0, batch: 1)
        #expect(alone.partner == 0 && alone.weight == 1)
    }

    @Test func lossOfTwoLabelsIsTheMixOfTheirLosses() {
        let logits: [Float] = [0.5, -1, 2, 0.1, 0.2, 0.3, 4, -4, 0]
        let (first, second): ([Int32], [Int32]) = ([2, 0, 1], [0, 0, 2])
        let mix: [Float] = [0.75, 0.5, 0.1]
        func run(_ logits: [Float]) -> (losses: [Double], gradient: [Float], hits: [Int32]) {
            var (losses, gradient) = ([Double](repeating: 0, count: 3), [Float](repeating: 0, count: 9))
            var hits = [Int32](repeating: 9, count: 3)
            wb_softmax_cross_entropy_f32(3, 3, 3, logits, first, second, mix, 0, nil, 1, &losses, &hits, &gradient, nil)
            return (losses, gradient, hits)
        }
        let result = run(logits)
        #expect(result.hits == [1, 0, 0])
        for row in 0..<3 {
            let z = logits[row * 3..<row * 3 + 3].map(Double.init)
            let log = log(z.reduce(0) { $0 + exp($1) })
            let wanted =
                Double(mix[row]) * (log - z[Int(first[row])]) + Double(1 - mix[row]) * (log - z[Int(second[row])])
            #expect(abs(result.losses[row] - wanted) < 1e-6)
            for column in 0..<3 {
                var (up, down) = (logits, logits)
                up[row * 3 + column] += 0.01
                down[row * 3 + column] -= 0.01
                let slope = (run(up).losses[row] - run(down).losses[row]) / 0.02
                #expect(abs(slope - Double(result.gradient[row * 3 + column])) < 1e-3)
            }
        }
    }

    @Test func listsThatDoNotFitAreRefused() {
        let image = TensorShape.image(channels: 3, height: 8, width: 6)
        func error(_ list: [Augmentation], _ shape: TensorShape) -> AugmentationError? {
            do throws(AugmentationError) {
                try Augmentation.check(list, shape: shape)
                return nil
            } catch {
                return error
            }
        }
        #expect(error([.noise(deviation: 1), .mixup(alpha: 0.2)], .vector(4)) == nil)
        #expect(error([.flip(horizontal: true)], .vector(4)) == .needsImages("flip"))
        #expect(error([.crop(padding: 6)], image) == nil)
        let size = ImageSize(height: 8, width: 6)
        #expect(error([.crop(padding: 7)], image) == .largerThanImage("crop", 7, size))
        #expect(error([.shift(fraction: 0.05)], image) == .lessThanAPixel(0.05, size))
        #expect(error([.mixup(alpha: 1), .noise(deviation: 1)], image) == .mixupNotLast)
        #expect(error(Array(repeating: .noise(deviation: 1), count: 33), image) == .tooMany(33))
    }
}

/// Training with augmentation as a whole.
struct AugmentedTrainingTests {
    private static let list: [Augmentation] = [
        .flip(horizontal: true), .crop(padding: 1), .rotate(degrees: 10), .noise(deviation: 0.02), .cutout(size: 2),
        .mixup(alpha: 0.3),
    ]

    private func trainer(_ augment: [Augmentation], workers: Int) throws -> Trainer {
        let dataset = Toy.images(151)
        let all = Array(Int32(0)..<Int32(dataset.count))
        let preprocessing = Preprocessing(fitting: dataset, train: all, spec: DataSpec(dataset: "quarters"))
        let network = try Network(Toy.network, input: preprocessing.shape, classes: 4)
        var spec = TrainingSpec()
        spec.batch = 30
        return try Trainer(
            network, spec: spec, data: PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing),
            train: all, augment: augment, workers: workers)
    }

    // 151 examples in batches of 30: the last batch of an epoch is one example alone.
    @Test func anyNumberOfWorkersGivesTheSameBits() throws {
        let one = try trainer(Self.list, workers: 1)
        let losses = (0..<14).map { _ in one.advance().lossSum }
        for workers in [2, 3] {
            let other = try trainer(Self.list, workers: workers)
            #expect((0..<14).map { _ in other.advance().lossSum } == losses)
            #expect(other.weights == one.weights, "\(workers) workers")
        }
        let plain = try trainer([], workers: 1)
        #expect(plain.advance().lossSum != losses[0])
    }

    @Test func aRunGoesOnInTheMiddleOfAnEpoch() throws {
        let whole = try trainer(Self.list, workers: 2)
        for _ in 0..<8 { _ = whole.advance() }
        let snapshot = whole.snapshot()
        let losses = (0..<9).map { _ in whole.advance().lossSum }
        let resumed = try trainer(Self.list, workers: 1)
        resumed.restore(snapshot)
        #expect((0..<9).map { _ in resumed.advance().lossSum } == losses)
        #expect(resumed.weights == whole.weights)
    }

    @Test func evaluationSeesTheExamplesAsTheyAre() throws {
        let all = Array(Int32(0)..<151)
        #expect(try trainer(Self.list, workers: 2).infer(all) == trainer([], workers: 2).infer(all))
    }
}
