// WeightTies: what weights must keep while they are trained: some stay zero, some share a value.

/// What must hold after each step of training.
///
/// Weights that share a value move with their mean: after each step all of a group become the mean of what the optimizer made of
/// them. For gradient descent that is the step of the shared value along the mean of its weights' gradients, the sum that
/// Han et al. 2016 (section 3.3) take but for a factor.
public struct WeightTies: Sendable, Equatable {
    /// Of a weight: stays zero.
    public static let zero: UInt16 = 0
    /// Of a weight: moves freely.
    public static let free: UInt16 = 1
    /// The first of the numbers that weights with a shared value have in common.
    public static let firstGroup: UInt16 = 2

    /// One of these numbers for each weight, by the name of its array; arrays that are missing move freely.
    public var numbers: [String: [UInt16]]

    public init(numbers: [String: [UInt16]] = [:]) { self.numbers = numbers }

    /// Pruned weights stay zero.
    public init(_ masks: Pruning.Masks) {
        numbers = masks.mapValues { mask in mask.map { $0 ? Self.free : Self.zero } }
    }

    /// Weights that share a value go on sharing it, and those that share zero stay zero.
    public init(_ shared: [String: SharedWeights]) {
        numbers = shared.mapValues { weights in
            weights.indices.map {
                weights.palette[Int($0)] == 0 ? Self.zero : Self.firstGroup + UInt16($0)
            }
        }
    }

    /// Adds what `other` says of arrays of which this one says nothing.
    public func joined(_ other: WeightTies) -> WeightTies {
        WeightTies(numbers: numbers.merging(other.numbers) { mine, _ in mine })
    }
}

/// The ties of a network's parameters as they lie in memory.
final class PlacedTies {
    /// Brings the parameters back to what must hold; one tile an array, so that any number of workers gives the same bits.
    let phase: Phase
    private let arena = Arena()

    init(_ ties: WeightTies, _ parameters: Parameters) {
        let arena = arena
        var tiles: [Tile] = []
        // Small whole numbers are floats without rounding, and lie wherever the weights would.
        let packed = Arena()
        let places = packed.floats(parameters.count)
        for (name, numbers) in ties.numbers.sorted(by: { $0.key < $1.key }) {
            parameters.store(numbers.map(Float.init), of: name, in: places)
            guard let slot = parameters.slots.first(where: { $0.shape.name == name }) else {
                preconditionFailure("no parameter \(name)")
            }
            let arrays = [parameters.values] + (parameters.average.map { [$0] } ?? [])
            let own = arena.allocate(slot.length, of: UInt16.self)
            for index in 0..<slot.length { own[index] = UInt16(places[slot.offset + index]) }
            let groups = Int(numbers.max() ?? 0) + 1
            if groups <= Int(WeightTies.firstGroup) {
                // What is held at zero has nothing to do with its neighbours.
                let piece = 1 << 16
                for first in stride(from: 0, to: slot.length, by: piece) {
                    let range = first..<min(slot.length, first + piece)
                    tiles.append { _ in
                        for array in arrays {
                            let values = array + slot.offset
                            for index in range where own[index] == WeightTies.zero { values[index] = 0 }
                        }
                    }
                }
            } else {
                let sums = arena.allocate(groups, of: Double.self)
                let counts = arena.allocate(groups, of: Double.self)
                for index in 0..<slot.length { counts[Int(own[index])] += 1 }
                tiles.append { _ in
                    for array in arrays {
                        let values = array + slot.offset
                        sums.update(repeating: 0, count: groups)
                        for index in 0..<slot.length { sums[Int(own[index])] += Double(values[index]) }
                        for index in 0..<slot.length {
                            let number = own[index]
                            if number == WeightTies.free { continue }
                            values[index] =
                                number == WeightTies.zero ? 0 : Float(sums[Int(number)] / counts[Int(number)])
                        }
                    }
                }
            }
        }
        phase = Phase(tiles)
    }
}
