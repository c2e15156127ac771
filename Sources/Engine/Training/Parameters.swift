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
        /// Dense: (in, out), both padded, from plain (out, in).
        case dense(inputs: Int, outputs: Int)
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

/// The parameters and the optimizer's state. What is not wide comes first, so that it sums and updates as one array.
///
/// `@unchecked Sendable`: worker threads write disjoint parts between two barriers (see Team).
final class Parameters: @unchecked Sendable {
    let network: Network
    let slots: [ParameterSlot]
    /// Floats of the part that is cut by examples, and of everything.
    let shardedCount: Int
    let count: Int
    let values: UnsafeMutablePointer<Float>
    /// Moving average of the values; nil when none is kept.
    let average: UnsafeMutablePointer<Float>?
    /// First and second moments (momentum uses the first, RMSprop and Adagrad the second).
    let first: UnsafeMutablePointer<Float>
    let second: UnsafeMutablePointer<Float>
    private let arena = Arena()
    private let slotOfName: [String: Int]

    /// Zeroed parameters for `network`. `convolutions` holds, by layer, a planned convolution that sets the weights' layout.
    init(_ network: Network, convolutions: [Int: ConvHandle], keepsAverage: Bool = false) {
        self.network = network
        var offset = 0
        var slots: [ParameterSlot] = []
        func place(wide: Bool) {
            for layer in network.layers {
                for (position, shape) in layer.parameters.enumerated() {
                    let isWeight = position == 0
                    var layout = ParameterSlot.Layout.plain
                    var length = padded(shape.count)
                    var isWide = false
                    if isWeight, let conv = convolutions[layer.index] {
                        layout = .conv(conv)
                        length = padded(conv.storedFloats)
                    } else if isWeight {
                        let (outputs, inputs) = (shape.shape[0], shape.shape[1])
                        layout = .dense(inputs: inputs, outputs: outputs)
                        length = padded(inputs) * padded(outputs)
                        isWide = inputs * outputs >= wideWeights
                    }
                    guard isWide == wide else { continue }
                    slots.append(
                        ParameterSlot(shape: shape, layout: layout, offset: offset, length: length, isWide: isWide))
                    offset += length
                }
            }
        }
        place(wide: false)
        shardedCount = offset
        place(wide: true)
        count = offset
        self.slots = slots
        slotOfName = Dictionary(uniqueKeysWithValues: slots.enumerated().map { ($1.shape.name, $0) })
        values = arena.floats(count)
        first = arena.floats(count)
        second = arena.floats(count)
        average = keepsAverage ? arena.floats(count) : nil
    }

    /// The slot of a layer's weight (position 0) or bias (1).
    func slot(_ layer: NetworkLayer, _ position: Int) -> ParameterSlot {
        guard let index = slotOfName[layer.parameters[position].name] else {
            preconditionFailure("no slot for \(layer.parameters[position].name)")
        }
        return slots[index]
    }

    /// Glorot uniform weights (Glorot & Bengio 2010, eq. 16), zero biases and moments.
    func initialise(seed: UInt64) {
        for (index, shape) in network.parameters.enumerated() {
            var plain = [Float](repeating: 0, count: shape.count)
            if shape.fanIn > 0 {
                let limit = (6 / Float(shape.fanIn + shape.fanOut)).squareRoot()
                var random = CounterRandom(seed: seed, purpose: .initialWeights, first: index)
                for i in plain.indices { plain[i] = (2 * random.unit() - 1) * limit }
            }
            store(plain, of: shape.name, in: values)
        }
        first.update(repeating: 0, count: count)
        second.update(repeating: 0, count: count)
    }

    /// One array (`values`, `first` or `second`) in plain layout, in the network's order.
    func plain(_ array: UnsafeMutablePointer<Float>) -> [ParameterValues] {
        network.parameters.map { shape in
            let slot = slots[slotOfName[shape.name] ?? 0]
            let from = array + slot.offset
            var plain = [Float](repeating: 0, count: shape.count)
            switch slot.layout {
            case .plain:
                for i in plain.indices { plain[i] = from[i] }
            case .dense(let inputs, let outputs):
                let width = padded(outputs)
                for o in 0..<outputs { for i in 0..<inputs { plain[o * inputs + i] = from[i * width + o] } }
            case .conv(let conv):
                plain = conv.unpack(from)
            }
            return ParameterValues(name: shape.name, shape: shape.shape, values: plain)
        }
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
        case .dense(let inputs, let outputs):
            let width = padded(outputs)
            for o in 0..<outputs { for i in 0..<inputs { to[i * width + o] = plain[o * inputs + i] } }
        case .conv(let conv):
            conv.pack(plain, to: to)
        }
    }
}
