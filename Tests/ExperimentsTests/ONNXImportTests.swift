// ONNX in: what we write comes back as the same network; what is damaged, hostile or not supported is refused with a sentence.

import Engine
import Foundation
import Testing

@testable import Experiments

@Suite struct ONNXImportTests {
    private func exported(_ sample: ExchangeSample, inBytes: Bool = false) throws -> Data {
        try ONNXExport.encode(
            sample.network, weights: sample.weights, quantized: inBytes ? sample.quantized : nil,
            preprocessing: sample.preprocessing, loss: sample.loss, includesPreprocessing: false, name: sample.name)
    }

    /// What the imported network predicts of the sample's examples.
    private func answers(_ model: ImportedModel, _ sample: ExchangeSample) throws -> [Float] {
        let network = try Network(
            model.network, input: sample.network.input, classes: sample.network.classes)
        let arrays = try #require(model.arrays)
        let weights = zip(network.parameters, arrays).map {
            ParameterValues(name: $0.name, shape: $0.shape, values: $1)
        }
        return try Predictor(network, weights: weights, loss: sample.loss, data: sample.data, workers: 1)
            .infer().probabilities
    }

    /// All but the last comes back; the last predicts a number in its own units, which only data can scale back.
    @Test func comesBack() throws {
        let folder = try TemporaryFolder()
        for sample in try ExchangeSample.all(count: 20) where sample.name != "number" {
            let path = folder[sample.name + ".onnx"]
            try exported(sample).write(to: URL(fileURLWithPath: path))
            let model = try ONNXImport.read(path)
            #expect(model.preprocessing == sample.preprocessing && model.loss?.name == sample.loss.name)
            if ["mnist-like", "strided", "table", "wide-table", "binary"].contains(sample.name) {
                let network = try Network(model.network, input: sample.network.input, classes: sample.network.classes)
                #expect(network.parameters.map(\.name) == sample.network.parameters.map(\.name), "\(sample.name)")
            }
            let (found, wanted) = (try answers(model, sample), try sample.answers().floats)
            #expect(zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-5 }, "\(sample.name)")
            // Out of bytes: the weights that the bytes stand for.
            try exported(sample, inBytes: true).write(to: URL(fileURLWithPath: path))
            let coarse = try ONNXImport.read(path)
            #expect(!coarse.notes.isEmpty)
            #expect(zip(try answers(coarse, sample), wanted).allSatisfy { abs($0 - $1) < 0.15 }, "\(sample.name)")
        }
    }

    /// A session is made of it that can be evaluated and compressed.
    @Test func becomesASession() throws {
        let folder = try TemporaryFolder()
        let yaml = """
            name: small
            data: {dataset: digits, validation_fraction: 0.1, seed: 42}
            network: [conv: {filters: 8, kernel: 3, activation: relu}, flatten, dense: {units: classes}]
            training: {epochs: 3, batch: 32, seed: 1, optimizer: {adam: {learning_rate: 0.003}}}
            """
        let (spec, text) = try SpecFile.parse(yaml: yaml, file: "small.yaml")
        let run = try TrainingRun(
            Experiment(spec: spec, yaml: text), path: folder["s.session"], workers: 1, programVersion: "0", command: [])
        _ = try run.run(RunObserver(events: { _ in }, complaint: { _ in }))
        let trained = try TrainedModel(session: folder["s.session"])
        try ModelExport.onnx(trained, includesPreprocessing: false, half: false).write(
            to: URL(fileURLWithPath: folder["m.onnx"]))
        let model = try ONNXImport.read(folder["m.onnx"])
        let finished = try model.makeSession(
            at: folder["i.session"], on: ImportedData(dataset: "digits"), workers: 1, programVersion: "0", command: [])
        #expect((finished.metrics["test/accuracy"] ?? 0) > 0.8)
        let comparison = try Comparison(VariantMaker(session: folder["i.session"], workers: 1), tuning: nil)
        #expect(try comparison.add(VariantRecipe("int8")).lostPoints < 2)
        // Data that it is not for.
        #expect(throws: (any Error).self) {
            try model.makeSession(
                at: folder["w.session"], on: ImportedData(dataset: "wine"), workers: 1, programVersion: "0", command: []
            )
        }
        #expect(!FileManager.default.fileExists(atPath: folder["w.session"]))
    }

    /// Whatever is flipped, cut or repeated: a model or an error that says where, never a trap.
    @Test func mutationsAreNoTrap() throws {
        let samples = try ExchangeSample.all(count: 16)
        var random = CounterRandom(seed: 7, purpose: .benchmark)
        var refused = 0
        for round in 0..<1_000 {
            let sample = samples[round % 2 == 0 ? 0 : Int(random.below(UInt32(samples.count)))]
            var bytes = [UInt8](try exported(sample, inBytes: round % 3 == 0))
            for _ in 0..<1 + random.below(3) {
                // Half of them where the nodes are.
                let end = UInt32(random.below(2) == 0 ? min(bytes.count, 2_000) : bytes.count)
                let place = Int(random.below(end))
                switch random.below(4) {
                case 0: bytes[place] = UInt8(random.below(256))
                case 1: bytes[place] ^= UInt8(1 << random.below(8))
                case 2: bytes.removeSubrange(place..<min(bytes.count, place + Int(random.below(40))))
                default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 30)], at: place)
                }
            }
            do {
                let model = try ONNXModel(bytes, path: "m.onnx")
                var tracer = try ONNXTracer(model)
                try tracer.trace()
                _ = try tracer.network()
            } catch {
                refused += 1
                #expect("\(error)".contains("m.onnx") && !"\(error)".contains("\n"))
            }
        }
        #expect(refused > 300, "\(refused)")
    }

    /// A model whose one tensor lies in another file.
    private func outside(_ location: String, offset: String? = nil, length: String? = nil) -> [UInt8] {
        var tensor = ProtobufWriter()
        tensor.packed(field: 1, [2, 2])
        tensor.varint(field: 2, 1)
        tensor.string(field: 8, "w")
        for (key, value) in [("location", location), ("offset", offset), ("length", length)] {
            guard let value else { continue }
            var entry = ProtobufWriter()
            entry.string(field: 1, key)
            entry.string(field: 2, value)
            tensor.bytes(field: 13, entry.bytes)
        }
        tensor.varint(field: 14, 1)
        var (graph, model) = (ProtobufWriter(), ProtobufWriter())
        graph.bytes(field: 5, tensor.bytes)
        model.bytes(field: 7, graph.bytes)
        return model.bytes
    }

    @Test func filesBesideTheModel() throws {
        let folder = try TemporaryFolder()
        let manager = FileManager.default
        try manager.createDirectory(atPath: folder["in"], withIntermediateDirectories: true)
        let values: [Float] = [1, 2, 3, 4]
        let data = values.withUnsafeBytes { Data($0) }
        try data.write(to: URL(fileURLWithPath: folder["in/w.bin"]))
        try data.write(to: URL(fileURLWithPath: folder["out.bin"]))
        try manager.createSymbolicLink(atPath: folder["in/link.bin"], withDestinationPath: folder["out.bin"])
        try manager.linkItem(atPath: folder["out.bin"], toPath: folder["in/hard.bin"])
        try manager.createDirectory(atPath: folder["in/sub"], withIntermediateDirectories: true)
        try data.write(to: URL(fileURLWithPath: folder["in/sub/w.bin"]))
        #expect(mkfifo(folder["in/pipe"], 0o600) == 0)
        func read(_ bytes: [UInt8]) throws -> ONNXModel {
            try Data(bytes).write(to: URL(fileURLWithPath: folder["in/m.onnx"]))
            return try ONNXModel(path: folder["in/m.onnx"])
        }
        #expect(try read(outside("w.bin")).constants["w"]?.floats == values)
        #expect(try read(outside("w.bin", offset: "0", length: "16")).constants["w"]?.floats == values)
        let attacks: [(String, String?, String?)] = [
            ("../out.bin", nil, nil), ("sub/../../out.bin", nil, nil), (folder["out.bin"], nil, nil),
            ("link.bin", nil, nil),
            ("hard.bin", nil, nil), ("/dev/zero", nil, nil), ("pipe", nil, nil), ("missing.bin", nil, nil),
            ("w.bin", "0", "99999999999999"), ("w.bin", "99999999999999", "16"), ("w.bin", "-8", "16"),
            ("w.bin", "8", "16"),
            ("sub", nil, nil), ("", nil, nil), ("..", nil, nil),
        ]
        for (location, offset, length) in attacks {
            let error = #expect(throws: ONNXError.self, "\(location)") {
                try read(outside(location, offset: offset, length: length))
            }
            let isExternal = if case .external? = error { true } else { false }
            #expect(isExternal, "\(location)")
        }
    }

    /// What there is no activation for is made of layers that there are: what is clipped on both sides.
    @Test(arguments: [(Float(0), Float(6)), (-1, 1), (-2, 100), (0.5, 3)])
    func clipsOnBothSides(_ bounds: (low: Float, high: Float)) throws {
        for isImage in [true, false] {
            var graph = ONNXGraphBuilder()
            let input = graph.name("x")
            var value = input
            if isImage {
                let weights = (0..<18).map { Float($0) - 8 }
                value = graph.node("Conv", [value, graph.constant("c", weights, [2, 1, 3, 3])], as: "conv")
            }
            let (low, high) = (graph.constant("low", [bounds.low], []), graph.constant("high", [bounds.high], []))
            value = graph.node("Clip", [value, low, high], as: "clip")
            if isImage { value = graph.node("Flatten", [value], as: "flat") }
            let features = isImage ? 32 : 5
            let dense = (0..<3 * features).map { Float($0 % 7) - 3 }
            value = graph.node(
                "Gemm", [value, graph.constant("d", dense, [3, features])], as: "y", [("transB", .int(1))])
            let bytes = graph.model(
                name: "g", input: (input, .float, isImage ? [1, 6, 6] : [5]), output: (value, [3]), metadata: [])
            let folder = try TemporaryFolder()
            try Data(bytes).write(to: URL(fileURLWithPath: folder["m.onnx"]))
            // It is held against the graph itself on noise.
            let model = try ONNXImport.read(folder["m.onnx"])
            #expect(model.network.count > 2)
        }
    }

    /// A few bytes that ask for much: constants of constants, images without end.
    @Test func bombsAreRefused() throws {
        func refused(_ build: (inout ONNXGraphBuilder, String) -> String) throws {
            var graph = ONNXGraphBuilder()
            let input = graph.name("x")
            let output = build(&graph, input)
            let bytes = graph.model(
                name: "g", input: (input, .float, [1, 8, 8]), output: (output, [4]), metadata: [])
            let error = #expect(throws: ONNXError.self) {
                var tracer = try ONNXTracer(ONNXModel(bytes, path: "m.onnx"))
                try tracer.trace()
            }
            #expect("\(try #require(error))".contains("can't be imported"))
        }
        let ones = [Float](repeating: 1, count: 2_000)
        try refused { graph, input in
            var last = graph.node(
                "Add", [graph.constant("a", ones, [2_000, 1]), graph.constant("b", ones, [1, 2_000])], as: "c")
            for _ in 0..<50 { last = graph.node("Mul", [last, last], as: "c") }
            return graph.node("Relu", [input], as: "y")
        }
        try refused { graph, input in
            graph.node(
                "Conv", [input, graph.constant("w", [1], [1, 1, 1, 1])], as: "y",
                [("pads", .ints([900_000, 900_000, 900_000, 900_000]))])
        }
    }

    /// A node that is not known is named.
    @Test func namesWhatItCanNot() throws {
        var graph = ONNXGraphBuilder()
        let input = graph.name("x")
        let loop = graph.node("LSTM", [input], as: "lstm_out")
        let bytes = graph.model(
            name: "g", input: (input, .float, [4]), output: (loop, [4]), metadata: [])
        let model = try ONNXModel(bytes, path: "m.onnx")
        var tracer = try ONNXTracer(model)
        let error = #expect(throws: ONNXError.self) { try tracer.trace() }
        #expect("\(try #require(error))".contains("LSTM"))
    }
}
