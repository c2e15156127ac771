// ONNXOperation: one node with its inputs, and which function computes it.
import Foundation

/// Why a node can't be computed.
struct ONNXFault: Error {
    var reason: String
    init(_ reason: String) { self.reason = reason }
}

/// One node with its inputs.
struct ONNXOperation {
    let node: ONNXNode
    let inputs: [ONNXTensor?]
    let opset: Int

    func results() throws(ONNXFault) -> [ONNXTensor] {
        switch node.operation {
        case "Add": return [try binary(+, &+)]
        case "Sub": return [try binary(-, &-)]
        case "Mul": return [try binary(*, &*)]
        case "Div": return [try binary(/) { $1 == 0 || $1 == -1 ? 0 &- $0 : $0 / $1 }]
        case "Pow": return [try binary({ powf($0, $1) }) { Int64(pow(Double($0), Double($1)).rounded()) }]
        case "Equal": return [try comparison()]
        case "Where": return [try choice()]
        case "IsNaN":
            let x = try input(0)
            return [ONNXTensor(.bool, x.shape, x.asFloats.map { $0.isNaN ? 1 : 0 })]
        case "Relu": return [try unary { max(0, $0) }]
        case "LeakyRelu":
            let slope = node.float("alpha", or: 0.01)
            return [try unary { $0 < 0 ? slope * $0 : $0 }]
        case "Elu":
            let alpha = node.float("alpha", or: 1)
            return [try unary { $0 < 0 ? alpha * (expf($0) - 1) : $0 }]
        case "Gelu":
            if node.text("approximate", or: "none") == "tanh" {
                return [
                    try unary { (x: Float) -> Float in
                        let root = Float(2 / Double.pi).squareRoot()
                        let inner: Float = root * (x + 0.044715 * x * x * x)
                        return 0.5 * x * (1 + tanhf(inner))
                    }
                ]
            }
            return [try unary { 0.5 * $0 * (1 + erff($0 * Float(0.5).squareRoot())) }]
        case "Sigmoid": return [try unary { 1 / (1 + expf(-$0)) }]
        case "Tanh": return [try unary(tanhf)]
        case "Erf": return [try unary(erff)]
        // No operator of ONNX, but tf2onnx writes it where Keras has a GELU.
        case "Erfc": return [try unary(erfcf)]
        case "Sqrt": return [try unary { $0.squareRoot() }]
        case "Reciprocal": return [try unary { 1 / $0 }]
        case "Exp": return [try unary(expf)]
        case "Neg":
            var x = try input(0)
            x.floats = x.floats.map { -$0 }
            x.integers = x.integers.map { 0 &- $0 }
            return [x]
        case "Identity": return [try input(0)]
        case "Dropout": return try dropout()
        case "Clip": return [try clip()]
        case "Cast": return [try cast()]
        case "Softmax": return [try softmax(isLog: false)]
        case "LogSoftmax": return [try softmax(isLog: true)]
        case "Conv": return [try conv(try input(0), try input(1), inputs.count > 2 ? inputs[2] : nil)]
        case "MaxPool": return try maxPool()
        case "AveragePool": return [try averagePool()]
        case "GlobalAveragePool":
            let x = try input(0)
            guard x.shape.count >= 3 else { throw ONNXFault("its input has \(x.shape.count) axes") }
            return [try mean(x, Array(2..<x.shape.count), keeps: true)]
        case "ReduceMean": return [try reduceMean()]
        case "Gemm": return [try gemm()]
        case "MatMul": return [try product(try input(0), try input(1))]
        case "BatchNormalization": return [try batchNorm()]
        case "LayerNormalization": return [try layerNorm()]
        case "Flatten": return [try flatten()]
        case "Reshape": return [try reshape()]
        case "Transpose": return [try transpose()]
        case "Squeeze": return [try squeeze()]
        case "Unsqueeze": return [try unsqueeze()]
        case "Concat": return [try concat()]
        case "Constant": return [try constant()]
        case "Shape": return [try shape()]
        case "Gather": return [try gather()]
        case "Slice": return [try slice()]
        case "QuantizeLinear": return [try quantize()]
        case "DequantizeLinear": return [try dequantize()]
        case "QLinearConv": return [try quantizedConv()]
        case "QLinearMatMul": return [try quantizedProduct()]
        case "DynamicQuantizeLinear": return try dynamicQuantize()
        default: throw ONNXFault("this operator is not known")
        }
    }

    // MARK: Inputs

    func input(_ index: Int) throws(ONNXFault) -> ONNXTensor {
        guard let value = optional(index) else { throw ONNXFault("it lacks its input \(index + 1)") }
        return value
    }

    func optional(_ index: Int) -> ONNXTensor? { inputs.indices.contains(index) ? inputs[index] : nil }

    func floats(_ index: Int) throws(ONNXFault) -> ONNXTensor {
        let value = try input(index)
        guard value.isFloat else { throw ONNXFault("its input \(index + 1) holds whole numbers") }
        return value
    }

    /// `axis` from 0; one from behind is negative.
    static func axis(_ axis: Int, of rank: Int) throws(ONNXFault) -> Int {
        guard axis >= -rank, axis < max(rank, 1) else { throw ONNXFault("it speaks of the axis \(axis) of \(rank)") }
        return axis < 0 ? axis + rank : axis
    }

    static func sized(_ shape: [Int]) throws(ONNXFault) -> Int {
        guard let count = ONNXTensor.count(shape) else {
            throw ONNXFault("it would give \(shape.map(String.init).joined(separator: "x")) values, too many")
        }
        return count
    }
}
