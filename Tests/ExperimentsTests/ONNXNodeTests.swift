// The operators of ONNX models: known answers, and with ONNX_NODE_TESTS=FOLDER the test cases of the package onnx
// (onnx/backend/test/data/node), which Tests/Exchange/onnx-nodes runs.

import Engine
import Foundation
import Testing

@testable import Experiments

@Suite struct ONNXOperatorTests {
    private func run(
        _ operation: String, _ inputs: [ONNXTensor?], _ attributes: [String: ONNXNode.Value] = [:], opset: Int = 17
    ) throws -> [ONNXTensor] {
        var node = ONNXNode(operation: operation, name: "n")
        node.attributes = attributes
        return try ONNXOperation(node: node, inputs: inputs, opset: opset).results()
    }

    private func row(_ values: [Float]) -> ONNXTensor { ONNXTensor([values.count], values) }
    private func whole(_ values: [Int64]) -> ONNXTensor { ONNXTensor(.int64, [values.count], values) }

    /// The examples of the operators' documentation.
    @Test func knownAnswers() throws {
        let square = ONNXTensor([2, 3], [1, 2, 3, 4, 5, 6])
        #expect(try run("Transpose", [square])[0] == ONNXTensor([3, 2], [1, 4, 2, 5, 3, 6]))
        #expect(try run("Add", [square, row([10, 20, 30])])[0].floats == [11, 22, 33, 14, 25, 36])
        #expect(
            try run("Slice", [square, whole([-1]), whole([-100]), whole([1]), whole([-1])])[0].floats
                == [3, 2, 1, 6, 5, 4])
        #expect(try run("Gather", [square, whole([1, -1])], ["axis": .int(1)])[0].floats == [2, 3, 5, 6])
        #expect(try run("Reshape", [square, whole([0, -1, 1])])[0].shape == [2, 3, 1])
        #expect(try run("Concat", [square, square], ["axis": .int(0)])[0].shape == [4, 3])
        #expect(
            try run(
                "QuantizeLinear",
                [row([0, 2, 3, 1000, -254, -1000]), ONNXTensor([], [2]), ONNXTensor(.uint8, [], [128])])[0]
                .integers == [128, 129, 130, 255, 1, 0])
        let dynamic = try run("DynamicQuantizeLinear", [row([0, 2, -3, -2.5, 1.34, 0.5])])
        #expect(dynamic[0].integers == [153, 255, 0, 26, 221, 179] && dynamic[2].integers == [153])
        let image = ONNXTensor([1, 1, 3, 3], (0..<9).map(Float.init))
        let ones = ONNXTensor([1, 1, 2, 2], [1, 1, 1, 1])
        #expect(try run("Conv", [image, ones])[0].floats == [8, 12, 20, 24])
        #expect(
            try run("AveragePool", [image], ["kernel_shape": .ints([2, 2]), "pads": .ints([1, 1, 0, 0])])[0].floats[0]
                == 0)
        let pool = try run("MaxPool", [image], ["kernel_shape": .ints([2, 2])])
        #expect(pool[0].floats == [4, 5, 7, 8] && pool[1].integers == [4, 5, 7, 8])
    }

    /// What would give too much is refused before it is made.
    @Test func nothingGrowsWithoutBound() {
        let wide = ONNXTensor([1, 6000], Array(repeating: 1, count: 6000))
        let tall = ONNXTensor([6000, 1], Array(repeating: 1, count: 6000))
        #expect(throws: ONNXFault.self) { try run("Add", [wide, tall]) }
        #expect(throws: ONNXFault.self) { try run("MatMul", [tall, wide]) }
        let image = ONNXTensor([1, 1, 2, 2], [1, 2, 3, 4])
        let ones = ONNXTensor([1, 1, 1, 1], [1])
        for pads: [Int64] in [[1 << 40, 0, 0, 0], [900_000, 900_000, 0, 0], [-1, 0, 0, 0], [0]] {
            #expect(throws: ONNXFault.self) { try run("Conv", [image, ones], ["pads": .ints(pads)]) }
        }
        #expect(throws: ONNXFault.self) { try run("Reshape", [image, whole([.max, .max])]) }
        #expect(throws: ONNXFault.self) { try run("Gather", [image, whole([7])]) }
        #expect(throws: ONNXFault.self) { try run("Transpose", [image], ["perm": .ints([0, 0, 1, 2])]) }
        #expect(throws: ONNXFault.self) { try run("Squeeze", [image, whole([.min])]) }
        #expect(throws: ONNXFault.self) { try run("Loop", [image]) }
    }

    private static let folder = ProcessInfo.processInfo.environment["ONNX_NODE_TESTS"]

    /// Each folder has a model of one node, inputs and outputs. Prints a table.
    @Test(.enabled(if: folder != nil, "Tests/Exchange/onnx-nodes runs it")) func nodeTestCases() throws {
        let folder = try #require(Self.folder)
        let asked: Set<String> = [
            "Conv", "Gemm", "MatMul", "Add", "Mul", "Sub", "Div", "BatchNormalization", "MaxPool", "AveragePool",
            "GlobalAveragePool", "ReduceMean", "Relu", "LeakyRelu", "Elu", "Gelu", "Sigmoid", "Tanh", "Softmax",
            "LogSoftmax",
            "Clip", "Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity", "Constant", "Dropout",
            "Concat",
            "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "DynamicQuantizeLinear", "Shape",
            "Gather",
            "Slice", "Cast",
        ]
        var table: [String: (run: Int, passed: Int, skips: [String: Int])] = [:]
        var failures: [String] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
            let place = "\(folder)/\(name)"
            var operation = ""
            do {
                let probe = try ONNXNodeProbe(path: "\(place)/model.onnx")
                guard probe.operations.count == 1, let only = probe.operations.first, asked.contains(only) else {
                    continue
                }
                operation = only
                if let reason = probe.skip {
                    table[operation, default: (0, 0, [:])].skips[reason, default: 0] += 1
                    continue
                }
                let model = try ONNXModel(path: "\(place)/model.onnx")
                func tensor(_ kind: String, _ index: Int) throws -> ONNXTensor {
                    let path = "\(place)/test_data_set_0/\(kind)_\(index).pb"
                    return try ONNXModel.tensor([UInt8](try Data(contentsOf: URL(fileURLWithPath: path))), path: path)
                }
                var inputs: [String: ONNXTensor] = [:]
                for (index, input) in model.inputs.enumerated() { inputs[input.name] = try tensor("input", index) }
                table[operation, default: (0, 0, [:])].run += 1
                let values = try ONNXEvaluator(path: name, opset: model.opset).run(model, inputs: inputs)
                for (index, output) in model.outputs.enumerated() {
                    let (found, wanted) = (values[output], try tensor("output", index))
                    guard let found, found.shape == wanted.shape, found.isFloat == wanted.isFloat else {
                        throw ONNXFault("shape \(found?.shape ?? []) for \(wanted.shape)")
                    }
                    let differs = zip(found.asFloats, wanted.asFloats).contains { a, b in
                        !(a == b || a.isNaN && b.isNaN || abs(a - b) <= 1e-7 + 1e-3 * abs(b))
                    }
                    if differs { throw ONNXFault("other values") }
                }
                table[operation, default: (0, 0, [:])].passed += 1
            } catch {
                failures.append("\(name) (\(operation)): \(error)")
            }
        }
        print("| operator | run | passed | skipped |\n|---|---:|---:|---|")
        for (operation, row) in table.sorted(by: { $0.key < $1.key }) {
            let skips = row.skips.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
            print("| \(operation) | \(row.run) | \(row.passed) | \(skips) |")
        }
        for operation in asked.subtracting(table.keys).sorted() { print("| \(operation) | 0 | 0 | no case |") }
        #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
        #expect(table.values.reduce(0) { $0 + $1.run } > 100)
    }
}

/// What a test case is of, and why it is skipped; nil: it is not.
private struct ONNXNodeProbe {
    var operations: [String] = []
    var skip: String?

    init(path: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        try bytes.withUnsafeBytes { raw in
            var model = ProtobufReader(raw)
            var types: Set<Int> = []
            while let (field, value) = try model.next() {
                guard field == 7 else { continue }
                var graph = try model.message(value)
                while let (field, value) = try graph.next() {
                    if field == 1 {
                        var node = try graph.message(value)
                        while let (field, value) = try node.next() {
                            if field == 4 { operations.append(try node.text(value)) }
                            guard field == 5 else { continue }
                            var attribute = try node.message(value)
                            var (name, number) = ("", Int64(0))
                            while let (field, value) = try attribute.next() {
                                if field == 1 { name = try attribute.text(value) }
                                if field == 3 { number = try attribute.integer(value) }
                            }
                            if name == "training_mode", number == 1 { skip = "training mode" }
                        }
                    }
                    if field == 11 || field == 12 {
                        var input = try graph.message(value)
                        while let (field, value) = try input.next() {
                            guard field == 2 else { continue }
                            var kind = try input.message(value)
                            while let (field, value) = try kind.next() {
                                guard field == 1 else {
                                    types.insert(-1)
                                    continue
                                }
                                var tensor = try kind.message(value)
                                while let (field, value) = try tensor.next() {
                                    if field == 1 { types.insert(Int(try tensor.integer(value))) }
                                }
                            }
                        }
                    }
                }
            }
            if path.contains("train"), operations == ["Dropout"] || operations == ["BatchNormalization"] {
                skip = "training mode"
            }
            if !types.isSubset(of: [1, 2, 3, 6, 7, 9]) { skip = "type" }
        }
    }
}
