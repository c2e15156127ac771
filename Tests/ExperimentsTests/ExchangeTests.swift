// Models on their way to other programs. With WORKBENCH_EXCHANGE=FOLDER they are left there with examples and answers, for the
// programs in Tests/Exchange.

import Engine
import Foundation
import Testing

@testable import Experiments

@Suite struct ONNXExportTests {
    private func files(_ sample: ExchangeSample) throws -> [(name: String, bytes: Data)] {
        func file(_ numbers: ONNXExport.Numbers, inBytes: Bool, raw: Bool) throws -> Data {
            try ONNXExport.encode(
                sample.network, weights: sample.weights, quantized: inBytes ? sample.quantized : nil,
                preprocessing: sample.preprocessing, loss: sample.loss, numbers: numbers,
                includesPreprocessing: raw, name: sample.name)
        }
        return [
            ("float32.onnx", try file(.float32, inBytes: false, raw: false)),
            ("float32-raw.onnx", try file(.float32, inBytes: false, raw: true)),
            ("float16.onnx", try file(.float16, inBytes: false, raw: false)),
            ("int8.onnx", try file(.float32, inBytes: true, raw: false)),
            ("int8-raw.onnx", try file(.float32, inBytes: true, raw: true)),
        ]
    }

    @Test func sizesAreThoseOfTheNumbers() throws {
        for sample in try ExchangeSample.all(count: 16) {
            let files = Dictionary(uniqueKeysWithValues: try files(sample).map { ($0.name, $0.bytes) })
            let raw = sample.network.parameters.reduce(0) { $0 + 4 * $1.count }
            let (float, half, bytes) = (
                files["float32.onnx"]?.count ?? 0, files["float16.onnx"]?.count ?? 0, files["int8.onnx"]?.count ?? 0
            )
            // What is not weights: nodes, names, preprocessing.
            #expect(float < raw + 8_000 && half < raw / 2 + 9_000 && bytes < raw / 4 + 24_000, "\(sample.name)")
            #expect(try self.files(sample).map(\.bytes) == self.files(sample).map(\.bytes), "the same again")
        }
    }

    private static let folder = ProcessInfo.processInfo.environment["WORKBENCH_EXCHANGE"]

    @Test(.enabled(if: folder != nil, "Tests/Exchange/onnx and tflite run it")) func leavesModelsForOthers() throws {
        let folder = try #require(Self.folder)
        for sample in try ExchangeSample.all() {
            let place = URL(fileURLWithPath: folder).appendingPathComponent(sample.name)
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
            func write(_ name: String, _ data: Data) throws { try data.write(to: place.appendingPathComponent(name)) }
            func write(_ name: String, _ values: [Float]) throws {
                try write(name, values.withUnsafeBytes { Data($0) })
            }
            for file in try files(sample) { try write(file.name, file.bytes) }
            for (name, numbers, inBytes) in [
                ("float32.tflite", .float32, false), ("dynamic.tflite", .dynamicRange, false),
                ("int8.tflite", .float32, true),
            ] as [(String, TFLiteExport.Numbers, Bool)] {
                do throws(any Error) {
                    try write(
                        name,
                        TFLiteExport.encode(
                            sample.network, weights: sample.weights, quantized: inBytes ? sample.quantized : nil,
                            preprocessing: sample.preprocessing, loss: sample.loss, numbers: numbers, name: sample.name)
                    )
                } catch let error as ExportError {
                    try write(name + ".refused", Data("\(error)".utf8))
                }
            }
            let logits = sample.quantized.nodes.last?.output.scale ?? 0
            try write("step.txt", Data("\(logits)".utf8))
            try write("input.f32", sample.prepared)
            switch sample.raw {
            case .bytes(let bytes): try write("raw.u8", Data(bytes))
            case .floats(let values): try write("raw.f32", values)
            case .streamed: break
            }
            let answers = try sample.answers()
            try write("output.f32", answers.floats)
            try write("int8-output.f32", answers.bytes)
        }
    }
}
