// ONNXTensor: an array of a model, as small as ONNX allows and as bounded as a hostile file demands.

/// An array of numbers. Floats of any width are float32 here, whole numbers and truths are Int64.
struct ONNXTensor: Equatable {
    var type: ONNXType
    var shape: [Int]
    var floats: [Float] = []
    var integers: [Int64] = []

    /// No array that is computed may have more values: what a few bytes ask for stays small.
    static let mostValues = 1 << 22
    /// Values that a file may hold in one array; all of them must be there.
    static let mostStored = 1 << 29

    init(_ shape: [Int], _ values: [Float]) {
        precondition(values.count == shape.reduce(1, *), "\(values.count) values of shape \(shape)")
        (type, self.shape, floats) = (.float, shape, values)
    }

    init(_ type: ONNXType, _ shape: [Int], _ values: [Int64]) {
        precondition(values.count == shape.reduce(1, *), "\(values.count) values of shape \(shape)")
        (self.type, self.shape, integers) = (type, shape, values)
    }

    var count: Int { isFloat ? floats.count : integers.count }
    var isFloat: Bool { Self.isFloat(type) }

    static func isFloat(_ type: ONNXType) -> Bool {
        switch type {
        case .float, .double, .float16, .bfloat16: true
        case .uint8, .int8, .int32, .int64, .bool: false
        }
    }

    /// All values as float32.
    var asFloats: [Float] { isFloat ? floats : integers.map(Float.init) }

    /// Whole numbers; nil where they are none.
    var asIntegers: [Int]? { isFloat ? nil : integers.map { Int($0) } }

    /// The values of `type` in `bytes`, little-endian.
    init(_ type: ONNXType, _ shape: [Int], raw bytes: UnsafeRawBufferPointer) {
        (self.type, self.shape) = (type, shape)
        func all<Stored: BitwiseCopyable, Value>(_: Stored.Type, _ value: (Stored) -> Value) -> [Value] {
            stride(from: 0, to: bytes.count, by: MemoryLayout<Stored>.size).map {
                value(bytes.loadUnaligned(fromByteOffset: $0, as: Stored.self))
            }
        }
        switch type {
        case .float: floats = all(Float.self) { $0 }
        case .double: floats = all(Double.self) { Float($0) }
        case .float16: floats = all(UInt16.self) { Float(Float16(bitPattern: $0)) }
        case .bfloat16: floats = all(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .uint8: integers = all(UInt8.self) { Int64($0) }
        case .bool: integers = all(UInt8.self) { $0 == 0 ? 0 : 1 }
        case .int8: integers = all(Int8.self) { Int64($0) }
        case .int32: integers = all(Int32.self) { Int64($0) }
        case .int64: integers = all(Int64.self) { $0 }
        }
    }

    /// The same values in another shape of as many.
    func reshaped(_ shape: [Int]) -> ONNXTensor {
        precondition(shape.reduce(1, *) == count, "\(count) values as \(shape)")
        var result = self
        result.shape = shape
        return result
    }

    /// The values at `places`, in that order.
    func gathered(_ shape: [Int], _ places: [Int32]) -> ONNXTensor {
        var result = self
        result.shape = shape
        if isFloat {
            result.floats = places.map { floats[Int($0)] }
        } else {
            result.integers = places.map { integers[Int($0)] }
        }
        return result
    }

    /// How many values a step along each axis is.
    static func steps(_ shape: [Int]) -> [Int] {
        var steps = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() { steps[axis] = steps[axis + 1] * shape[axis + 1] }
        return steps
    }

    /// The product of lengths; nil where it is no size that is computed with.
    static func count(_ shape: [Int], most: Int = mostValues) -> Int? {
        var count = 1
        for length in shape {
            guard length >= 0 else { return nil }
            let (product, overflow) = count.multipliedReportingOverflow(by: length)
            if overflow || product > most { return nil }
            count = product
        }
        return count
    }

    /// Each index of `shape`, the last axis quickest.
    static func each(_ shape: [Int], _ body: ([Int]) -> Void) {
        guard !shape.contains(0) else { return }
        var index = [Int](repeating: 0, count: shape.count)
        while true {
            body(index)
            var axis = shape.count - 1
            while axis >= 0 {
                index[axis] += 1
                if index[axis] < shape[axis] { break }
                index[axis] = 0
                axis -= 1
            }
            if axis < 0 { return }
        }
    }
}
