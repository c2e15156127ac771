// Parameters: the weights of a network in the layouts that the kernels want, with the optimizer's moments beside them.
import CPrimitives

/// Features of vector batches are padded to this many.
let featurePad = Int(WB_PAD)

/// `count` rounded up to the padding of features.
func padded(_ count: Int) -> Int { (count + featurePad - 1) / featurePad * featurePad }

/// Plain values of one parameter, as files hold them.
public struct ParameterValues: Sendable, Equatable {
    /// "0.conv.weight".
    public var name: String
    /// Row-major shape: convolution (out, in, kh, kw), dense (out, in), bias (out).
    public var shape: [Int]
    public var values: [Float]

    public init(name: String, shape: [Int], values: [Float]) {
        self.name = name
        self.shape = shape
        self.values = values
    }
}

/// Where a parameter lies in the flat arrays and how its stored layout relates to the plain one.
struct ParameterSlot {
    enum Layout {
        /// As plain.
        case plain
        /// Dense: (in, out), both padded, from plain (out, in). `order`: the inputs lie as an image's values do.
        case dense(inputs: Int, outputs: Int, order: ImageLayout?)
        /// Depthwise: (blocks, window, block), from plain (channels, 1, kh, kw).
        case depthwise(window: Int, block: Int)
        /// As oneDNN's forward convolution wants it.
        case conv(ConvHandle)
    }
    let shape: ParameterShape
    let layout: Layout
    /// Offset and length in floats.
    let offset: Int
    let length: Int
    /// A wide dense weight: its gradient is made and applied block by block over the whole batch, never summed over shards.
    let isWide: Bool
}

/// A dense layer of at least this many weights is cut by inputs over the whole batch; a smaller one by examples.
let wideWeights = 16384

/// The parameters and the optimizer's state. What is not wide comes first, so that it sums and updates as one array; then
/// wide weights; then what is followed but not trained (running means of batch norm).
///
/// `@unchecked Sendable`: worker threads write disjoint parts between two barriers (see Team).
final class Parameters: @unchecked Sendable {
    let network: Network
    let slots: [ParameterSlot]
    /// Floats of the part that is cut by examples, of all that is trained, and of everything.
    let shardedCount: Int
    let trainedCount: Int
    let count: Int
    let values: UnsafeMutablePointer<Float>
    /// Moving average of the values; nil when none is kept.
    let average: UnsafeMutablePointer<Float>?
    /// First and second moments (momentum uses the first, RMSprop and Adagrad the second).
    let first: UnsafeMutablePointer<Float>
    let second: UnsafeMutablePointer<Float>
    private let arena = Arena()
    /// Bytes of all arrays.
    var bytes: Int { arena.bytes }
    private let slotOfName: [String: Int]

    /// Zeroed parameters for `network`; `set` tells how convolutions and what is flattened lie.
    init(_ network: Network, _ set: ConvSet, keepsAverage: Bool = false) {
        self.network = network
        var offset = 0
        var slots: [ParameterSlot] = []
        enum Part { case sharded, wide, followed }
        func place(_ wanted: Part) {
            for layer in network.layers {
                for shape in layer.parameters {
                    var layout = ParameterSlot.Layout.plain
                    var length = padded(shape.count)
                    var part = shape.isTrained ? Part.sharded : .followed
                    if case .weight = shape.role {
                        if let conv = set.handles[layer.index] {
                            layout = .conv(conv)
                            length = padded(conv.storedFloats)
                        } else if layer.isDepthwise, let image = set.images[layer.inputs[0]] {
                            let window = shape.shape[2] * shape.shape[3]
                            layout = .depthwise(window: window, block: image.block)
                            length = padded(image.blocks * image.block * window)
                        } else {
                            let (outputs, inputs) = (shape.shape[0], shape.shape[1])
                            let order = set.orders[layer.inputs[0]]
                            layout = .dense(inputs: inputs, outputs: outputs, order: order)
                            length = padded(order?.stride ?? inputs) * padded(outputs)
                            if inputs * outputs >= wideWeights { part = .wide }
                        }
                    }
                    guard part == wanted else { continue }
                    slots.append(
                        ParameterSlot(
                            shape: shape, layout: layout, offset: offset, length: length, isWide: part == .wide))
                    offset += length
                }
            }
        }
        place(.sharded)
        shardedCount = offset
        place(.wide)
        trainedCount = offset
        place(.followed)
        count = offset
        self.slots = slots
        slotOfName = Dictionary(uniqueKeysWithValues: slots.enumerated().map { ($1.shape.name, $0) })
        values = arena.floats(count)
        first = arena.floats(trainedCount)
        second = arena.floats(trainedCount)
        average = keepsAverage ? arena.floats(trainedCount) : nil
    }

    /// The slot of a layer's parameter: weight (position 0), bias (1), …
    func slot(_ layer: NetworkLayer, _ position: Int) -> ParameterSlot {
        guard let index = slotOfName[layer.parameters[position].name] else {
            preconditionFailure("no slot for \(layer.parameters[position].name)")
        }
        return slots[index]
    }

    /// The values that training starts from; moments are zero.
    func initialise(seed: UInt64) {
        for (index, shape) in network.parameters.enumerated() {
            store(InitialValues.of(shape, seed: seed, index: index), of: shape.name, in: values)
        }
        first.update(repeating: 0, count: trainedCount)
        second.update(repeating: 0, count: trainedCount)
        average?.update(from: values, count: trainedCount)
    }

    /// One array (`values`, `first`, `second` or `average`) in plain layout, in the network's order.
    /// - Parameter trained: without what is not trained, which only `values` holds.
    func plain(_ array: UnsafeMutablePointer<Float>, trained: Bool = false) -> [ParameterValues] {
        network.parameters.filter { $0.isTrained || !trained }.map { shape in
            let slot = slots[slotOfName[shape.name] ?? 0]
            let from = array + slot.offset
            var plain = [Float](repeating: 0, count: shape.count)
            switch slot.layout {
            case .plain:
                for i in plain.indices { plain[i] = from[i] }
            case .dense(let inputs, let outputs, let order):
                let width = padded(outputs)
                for i in 0..<inputs {
                    let row = from + (order?.place(i) ?? i) * width
                    for o in 0..<outputs { plain[o * inputs + i] = row[o] }
                }
            case .depthwise(let window, let block):
                for i in plain.indices { plain[i] = from[Self.place(i, window, block)] }
            case .conv(let conv):
                plain = conv.unpack(from)
            }
            return ParameterValues(name: shape.name, shape: shape.shape, values: plain)
        }
    }

    /// Where the depthwise weight with plain index `index` lies.
    private static func place(_ index: Int, _ window: Int, _ block: Int) -> Int {
        let (channel, tap) = (index / window, index % window)
        return (channel / block * window + tap) * block + channel % block
    }

    /// Stores plain values of the parameter `name` into one array; padding stays zero.
    func store(_ plain: [Float], of name: String, in array: UnsafeMutablePointer<Float>) {
        guard let index = slotOfName[name] else { preconditionFailure("no parameter \(name)") }
        let slot = slots[index]
        precondition(plain.count == slot.shape.count, "\(name): \(plain.count) values for \(slot.shape.shape)")
        let to = array + slot.offset
        switch slot.layout {
        case .plain:
            for i in plain.indices { to[i] = plain[i] }
        case .dense(let inputs, let outputs, let order):
            let width = padded(outputs)
            for i in 0..<inputs {
                let row = to + (order?.place(i) ?? i) * width
                for o in 0..<outputs { row[o] = plain[o * inputs + i] }
            }
        case .depthwise(let window, let block):
            for i in plain.indices { to[Self.place(i, window, block)] = plain[i] }
        case .conv(let conv):
            conv.pack(plain, to: to)
        }
    }

    /// Everything, as it lies.
    struct Copy {
        fileprivate var arrays: [[Float]]
    }

    private var arrays: [(UnsafeMutablePointer<Float>, Int)] {
        [(values, count), (first, trainedCount), (second, trainedCount)] + (average.map { [($0, trainedCount)] } ?? [])
    }

    func copy() -> Copy {
        Copy(arrays: arrays.map { Array(UnsafeBufferPointer(start: $0.0, count: $0.1)) })
    }

    func restore(_ copy: Copy) {
        for (array, saved) in zip(arrays, copy.arrays) {
            saved.withUnsafeBufferPointer {
                if let from = $0.baseAddress { array.0.update(from: from, count: $0.count) }
            }
        }
    }
}
