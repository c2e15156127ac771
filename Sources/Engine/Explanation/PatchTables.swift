// PatchTables: what a network's first layers make of an image of which patches are hidden, looked up instead of computed.
import CPrimitives

/// A network that begins with layers that look at small windows (convolutions, pools, norms), flattens what they give and goes on with a
/// dense layer. Of an image whose superpixels are seen or hidden each of their outputs depends on the few superpixels in its window
/// alone, so it has a handful of values over all perturbations. Those, already multiplied with the dense layer's weights, are computed
/// once an image; a perturbation is then a sum of rows of the table, some thirty times fewer operations.
final class PatchedNetwork {
    /// The window layers, flattened.
    private let prefix: NetworkProbe
    /// What follows the dense layer's sum.
    let suffix: NetworkProbe
    private let channels: Int
    private let height: Int
    private let width: Int
    /// For each row, and each column, of the outputs the rows or columns of the image that they look at.
    private let rows: [Range<Int>]
    private let columns: [Range<Int>]
    private let units: Int
    /// (positions, channels, units padded), and the bias.
    private let weights: [Float]
    private let bias: [Float]
    private let workers: Int

    /// Colours of superpixels at most: there are two to the power of that many images whose outputs are looked up.
    private static let mostColours = 5
    /// Floats of the tables at most.
    private static let mostTable = 1 << 24

    /// Nil where `network` is of another kind.
    init?(
        _ network: Network, weights all: [ParameterValues], loss: LossSpec, preprocessing: Preprocessing, workers: Int
    ) throws {
        guard let flatten = network.layers.first(where: { $0.spec == .flatten }), flatten.index > 0,
            case .image(let channels, let height, let width) = flatten.input,
            case .image(_, let fromHeight, let fromWidth) = network.input,
            network.layers.count > flatten.index + 1,
            network.layers.allSatisfy({ $0.inputs == [$0.index - 1] && $0.writtenAs == nil })
        else { return nil }
        let dense = network.layers[flatten.index + 1]
        guard case .dense = dense.spec else { return nil }
        var rows = (0..<height).map { $0..<$0 + 1 }
        var columns = (0..<width).map { $0..<$0 + 1 }
        for layer in network.layers[..<flatten.index].reversed() {
            guard case .image(_, let inHeight, let inWidth) = layer.input else { return nil }
            let window: Window
            switch layer.spec {
            case .conv(let conv): window = Window(conv)
            case .maxPool(let size, let stride, let padding), .averagePool(let size, let stride, let padding):
                window = Window(size: size, stride: stride, padding: padding)
            case .batchNorm, .activation, .dropout: continue
            default: return nil
            }
            rows = rows.map { window.sees($0, of: inHeight) }
            columns = columns.map { window.sees($0, of: inWidth) }
        }
        self.rows = rows.map { $0.clamped(to: 0..<fromHeight) }
        self.columns = columns.map { $0.clamped(to: 0..<fromWidth) }
        (self.channels, self.height, self.width) = (channels, height, width)
        self.workers = workers
        units = padded(dense.output.count)

        let plane = height * width
        let named = Dictionary(all.map { ($0.name, $0.values) }, uniquingKeysWith: { first, _ in first })
        guard let plain = named[dense.parameters[0].name], let plainBias = named[dense.parameters[1].name] else {
            return nil
        }
        let outputs = dense.output.count
        var weights = [Float](repeating: 0, count: plane * channels * units)
        for unit in 0..<outputs {
            for channel in 0..<channels {
                let from = (unit * channels + channel) * plane
                for place in 0..<plane { weights[(place * channels + channel) * units + unit] = plain[from + place] }
            }
        }
        self.weights = weights
        bias = plainBias + Array(repeating: 0, count: units - outputs)

        let first = try Network(
            part: network.layers[...flatten.index].map(\.spec), input: network.input, classes: flatten.output.count)
        var unscaled = preprocessing
        unscaled.target = nil
        prefix = try NetworkProbe(
            plain: first, weights: first.parameters.compactMap { wanted in all.first { $0.name == wanted.name } },
            loss: .meanSquaredError, preprocessing: unscaled, workers: workers)
        let rest = network.layers[(dense.index + 1)...]
        let last = try Network(
            [.activation(dense.activation)] + rest.map(\.spec), input: dense.output, classes: network.classes)
        var onVectors = preprocessing
        (onVectors.rawShape, onVectors.shape, onVectors.encodings) = (dense.output, dense.output, [])
        (onVectors.scale, onVectors.shift) = ([], [])
        // The layers are the same, counted from the dense layer on.
        let renamed = zip(last.parameters, rest.flatMap(\.parameters)).compactMap { new, old in
            named[old.name].map { ParameterValues(name: new.name, shape: new.shape, values: $0) }
        }
        suffix = try NetworkProbe(
            plain: last, weights: renamed, loss: loss, preprocessing: onVectors, workers: workers)
    }

    /// The tables of an image; nil where too many superpixels come together in a window.
    func tables(_ image: ImageNeighbourhood) -> PatchTables? {
        // Superpixels in each window, and for each the ones that share a window with it.
        var windows: [[Int]] = []
        var others = [Set<Int>](repeating: [], count: image.features)
        for row in rows {
            for column in columns {
                let found = Set(row.flatMap { y in column.map { x in image.segment(y, x) } }).sorted()
                guard found.count <= Self.mostColours else { return nil }
                windows.append(found)
                for segment in found { others[segment].formUnion(found) }
            }
        }
        // Those that share a window get different colours: then as many images as there are sets of colours show every window in
        // each of its states.
        var colours = [Int](repeating: -1, count: image.features)
        for segment in colours.indices {
            let taken = Set(others[segment].map { colours[$0] })
            guard let free = (0..<Self.mostColours).first(where: { !taken.contains($0) }) else { return nil }
            colours[segment] = free
        }
        let states = 1 << ((colours.max() ?? 0) + 1)
        guard windows.count * states * units <= Self.mostTable else { return nil }
        let shown = prefix.ask(states) { range, inputs, stride in
            for (place, state) in range.enumerated() {
                image.show({ state >> colours[$0] & 1 != 0 }, input: inputs + place * stride)
            }
        }
        let (plane, channels, units) = (windows.count, channels, units)
        let tables = PatchTables(image, colours: colours, windows: windows, states: states, bias: bias)
        let parts = workers * 4
        prefix.each(parts) { [weights] part in
            var examples = [Float](repeating: 0, count: states * channels)
            for place in plane * part / parts..<plane * (part + 1) / parts {
                for state in 0..<states {
                    for channel in 0..<channels {
                        examples[state * channels + channel] = shown[(state * channels + channel) * plane + place]
                    }
                }
                weights.withUnsafeBufferPointer { weights in
                    guard let base = weights.baseAddress else { return }
                    wb_dense_forward_f32(
                        Int32(states), Int32(channels), Int32(units), examples, Int32(channels),
                        base + place * channels * units, tables.rows(place), Int32(units))
                }
            }
        }
        return tables
    }
}

extension Window {
    /// What of a side of `length` pixels the outputs `outputs` look at; it may begin and end outside.
    fileprivate func sees(_ outputs: Range<Int>, of length: Int) -> Range<Int> {
        let before = pads(length).before
        return outputs.lowerBound * stride - before..<(outputs.upperBound - 1) * stride - before + extent
    }
}

/// Perturbations of an image as sums of what was computed before: the input of the layers that follow the first dense one.
///
/// `@unchecked Sendable`: ``rows(_:)`` are filled by threads that share none before anybody perturbs.
final class PatchTables: Neighbourhood, @unchecked Sendable {
    private let image: ImageNeighbourhood
    /// (windows, states, units).
    private let table: UnsafeMutablePointer<Float>
    private let bias: UnsafeMutablePointer<Float>
    private let states: Int
    private let units: Int
    private let windows: Int
    /// For each window as many superpixels as the fullest has (the number of all where there are fewer) and their colours.
    private let members: UnsafeMutablePointer<Int32>
    private let shifts: UnsafeMutablePointer<Int32>
    private let width: Int
    private let arena = Arena()

    var features: Int { image.features }
    var example: [Float] { image.example }
    var defaultKernelWidth: Double { image.defaultKernelWidth }

    fileprivate init(_ image: ImageNeighbourhood, colours: [Int], windows: [[Int]], states: Int, bias: [Float]) {
        self.image = image
        self.states = states
        self.windows = windows.count
        units = bias.count
        width = windows.map(\.count).max() ?? 0
        table = arena.floats(windows.count * states * units)
        self.bias = arena.floats(units)
        members = arena.allocate(windows.count * width)
        shifts = arena.allocate(windows.count * width)
        for unit in bias.indices { self.bias[unit] = bias[unit] }
        for (window, found) in windows.enumerated() {
            for place in 0..<width {
                members[window * width + place] = Int32(place < found.count ? found[place] : image.features)
                shifts[window * width + place] = Int32(place < found.count ? colours[found[place]] : 0)
            }
        }
    }

    /// The rows of one window, a state each.
    fileprivate func rows(_ window: Int) -> UnsafeMutablePointer<Float> { table + window * states * units }

    func perturb(
        _ number: Int, seed: UInt64, features: UnsafeMutablePointer<Float>, input: UnsafeMutablePointer<Float>
    ) {
        image.draw(number, seed: seed, features: features)
        let count = image.features
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: count + 1) { seen in
            for feature in 0..<count { seen[feature] = features[feature] != 0 ? 1 : 0 }
            seen[count] = 0
            let lanes = units / 16
            let sum = UnsafeMutableRawPointer(input).assumingMemoryBound(to: SIMD16<Float>.self)
            let start = UnsafeRawPointer(bias).assumingMemoryBound(to: SIMD16<Float>.self)
            for lane in 0..<lanes { sum[lane] = start[lane] }
            for window in 0..<windows {
                var state: Int32 = 0
                for place in window * width..<(window + 1) * width {
                    state |= seen[Int(members[place])] << shifts[place]
                }
                let row = UnsafeRawPointer(table + (window * states + Int(state)) * units)
                    .assumingMemoryBound(to: SIMD16<Float>.self)
                for lane in 0..<lanes { sum[lane] += row[lane] }
            }
        }
    }

    func distance(_ features: UnsafePointer<Float>) -> Double { image.distance(features) }
    func text(_ feature: Int) -> String { image.text(feature) }
}
