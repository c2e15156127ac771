// ONNXWindows: convolutions and pools of any number of axes, by plain loops.
import Foundation

extension ONNXOperation {
    /// Windows over the axes behind batch and channels.
    struct Windows {
        var input: [Int]
        var kernel: [Int]
        var strides: [Int]
        var dilations: [Int]
        /// Before the first value of each axis.
        var before: [Int]
        var after: [Int]
        var output: [Int]

        /// For each window the taps that lie inside: which of the kernel, and which value of the plane.
        func taps() throws(ONNXFault) -> [[(tap: Int, place: Int)]] {
            let windows = try ONNXOperation.sized(output)
            let size = try ONNXOperation.sized(kernel)
            _ = try ONNXOperation.sized([windows, size])
            let steps = ONNXTensor.steps(input)
            var all: [[(tap: Int, place: Int)]] = []
            all.reserveCapacity(windows)
            ONNXTensor.each(output) { window in
                var taps: [(tap: Int, place: Int)] = []
                var tap = 0
                ONNXTensor.each(kernel) { offset in
                    var (place, isInside) = (0, true)
                    for axis in offset.indices {
                        let at = window[axis] * strides[axis] + offset[axis] * dilations[axis] - before[axis]
                        if at < 0 || at >= input[axis] { isInside = false }
                        place += at * steps[axis]
                    }
                    if isInside { taps.append((tap, place)) }
                    tap += 1
                }
                all.append(taps)
            }
            return all
        }
    }

    /// The windows that the attributes say.
    func windows(_ shape: [Int], kernel given: [Int]?) throws(ONNXFault) -> Windows {
        guard shape.count >= 3 else { throw ONNXFault("its input has \(shape.count) axes") }
        let input = Array(shape.dropFirst(2))
        let rank = input.count
        guard let kernel = node.ints("kernel_shape") ?? given, kernel.count == rank else {
            throw ONNXFault("its kernel has another number of axes than its input")
        }
        let strides = node.ints("strides") ?? Array(repeating: 1, count: rank)
        let dilations = node.ints("dilations") ?? Array(repeating: 1, count: rank)
        var pads = node.ints("pads") ?? Array(repeating: 0, count: 2 * rank)
        let most = 1 << 20
        guard strides.count == rank, dilations.count == rank, pads.count == 2 * rank,
            (kernel + strides + dilations).allSatisfy({ (1...most).contains($0) }),
            pads.allSatisfy({ (0...most).contains($0) })
        else { throw ONNXFault("its windows make no sense") }
        var output: [Int] = []
        let kind = node.text("auto_pad", or: "NOTSET")
        for axis in 0..<rank {
            let reach = (kernel[axis] - 1) * dilations[axis] + 1
            switch kind {
            case "SAME_UPPER", "SAME_LOWER":
                let length = (input[axis] + strides[axis] - 1) / strides[axis]
                let all = max(0, (length - 1) * strides[axis] + reach - input[axis])
                pads[axis] = kind == "SAME_UPPER" ? all / 2 : all - all / 2
                pads[axis + rank] = all - pads[axis]
                output.append(length)
            case "VALID", "NOTSET", "":
                if kind == "VALID" { (pads[axis], pads[axis + rank]) = (0, 0) }
                let room = input[axis] + pads[axis] + pads[axis + rank] - reach
                guard room >= 0 else { throw ONNXFault("its window is larger than its input") }
                var length = room / strides[axis] + 1
                if node.int("ceil_mode", or: 0) == 1, room % strides[axis] != 0 {
                    // A window that would begin behind the input is none.
                    if length * strides[axis] < input[axis] + pads[axis] { length += 1 }
                }
                output.append(length)
            default: throw ONNXFault("its padding \(kind.prefix(20)) is not known")
            }
        }
        return Windows(
            input: input, kernel: kernel, strides: strides, dilations: dilations, before: Array(pads[..<rank]),
            after: Array(pads[rank...]), output: output)
    }

    func conv(_ x: ONNXTensor, _ weights: ONNXTensor, _ bias: ONNXTensor?) throws(ONNXFault) -> ONNXTensor {
        guard weights.shape.count == x.shape.count else { throw ONNXFault("its weights have another number of axes") }
        let windows = try windows(x.shape, kernel: Array(weights.shape.dropFirst(2)))
        guard windows.kernel == Array(weights.shape.dropFirst(2)) else {
            throw ONNXFault("its weights have another window")
        }
        let (batch, channels, filters) = (x.shape[0], x.shape[1], weights.shape[0])
        let groups = node.int("group", or: 1)
        guard groups >= 1, channels % groups == 0, filters % groups == 0, weights.shape[1] == channels / groups,
            bias == nil || bias?.count == filters
        else { throw ONNXFault("its weights do not fit \(channels) channels in \(groups) groups") }
        let taps = try windows.taps()
        let shape = [batch, filters] + windows.output
        let count = try Self.sized(shape)
        let (plane, size, inner) = (
            windows.input.reduce(1, *), windows.kernel.reduce(1, *), channels / groups
        )
        let (values, kernels, biases) = (x.asFloats, weights.asFloats, bias?.asFloats)
        var result: [Float] = []
        result.reserveCapacity(count)
        for example in 0..<batch {
            for filter in 0..<filters {
                let first = filter / (filters / groups) * inner
                for window in taps {
                    var sum = Double(biases?[filter] ?? 0)
                    for channel in 0..<inner {
                        let from = (example * channels + first + channel) * plane
                        let kernel = (filter * inner + channel) * size
                        for (tap, place) in window {
                            sum += Double(values[from + place]) * Double(kernels[kernel + tap])
                        }
                    }
                    result.append(Float(sum))
                }
            }
        }
        return ONNXTensor(shape, result)
    }

    func maxPool() throws(ONNXFault) -> [ONNXTensor] {
        let x = try input(0)
        let windows = try windows(x.shape, kernel: nil)
        let taps = try windows.taps()
        let shape = Array(x.shape.prefix(2)) + windows.output
        _ = try Self.sized(shape)
        let plane = windows.input.reduce(1, *)
        // Where the largest lies in the whole array, counted along rows or (storage_order 1) along columns.
        let isByColumns = node.int("storage_order", or: 0) == 1
        let (rows, reversed) = (ONNXTensor.steps(windows.input), ONNXTensor.steps(windows.input.reversed()))
        var (places, indices): ([Int32], [Int64]) = ([], [])
        for image in 0..<x.shape[0] * x.shape[1] {
            for window in taps {
                guard var best = window.first.map({ $0.place }) else { throw ONNXFault("a window lies outside") }
                for (_, place) in window.dropFirst() {
                    let (a, b) = (image * plane + place, image * plane + best)
                    if x.isFloat ? x.floats[a] > x.floats[b] : x.integers[a] > x.integers[b] { best = place }
                }
                places.append(Int32(image * plane + best))
                var index = best
                if isByColumns {
                    index = 0
                    for axis in rows.indices {
                        index += best / rows[axis] % windows.input[axis] * reversed[rows.count - 1 - axis]
                    }
                }
                indices.append(Int64(image * plane + index))
            }
        }
        return [x.gathered(shape, places), ONNXTensor(.int64, shape, indices)]
    }

    func averagePool() throws(ONNXFault) -> ONNXTensor {
        let x = try floats(0)
        let windows = try windows(x.shape, kernel: nil)
        let taps = try windows.taps()
        let shape = Array(x.shape.prefix(2)) + windows.output
        let count = try Self.sized(shape)
        let plane = windows.input.reduce(1, *)
        var divisors = taps.map { Double($0.count) }
        if node.int("count_include_pad", or: 0) == 1 {
            // What is padded counts, but not what lies behind it.
            var place = 0
            ONNXTensor.each(windows.output) { window in
                var inside = 1
                for axis in window.indices {
                    let first = window[axis] * windows.strides[axis]
                    let end = windows.before[axis] + windows.input[axis] + windows.after[axis]
                    inside *= (0..<windows.kernel[axis]).count { first + $0 * windows.dilations[axis] < end }
                }
                divisors[place] = Double(inside)
                place += 1
            }
        }
        var values: [Float] = []
        values.reserveCapacity(count)
        for image in 0..<x.shape[0] * x.shape[1] {
            for (window, divisor) in zip(taps, divisors) {
                let sum = window.reduce(0.0) { $0 + Double(x.floats[image * plane + $1.place]) }
                values.append(Float(sum / divisor))
            }
        }
        return ONNXTensor(shape, values)
    }
}
