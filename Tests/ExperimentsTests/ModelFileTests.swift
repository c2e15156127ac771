// Models as files: what goes out comes in again as a session with the same answers bit for bit, and others' weights find their places.
import Engine
import Foundation
import Testing

@testable import Experiments

@Suite(.serialized) struct ModelFileTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// All kinds of layers that have weights, and a residual block with and without a projection.
    static let deep = """
        name: deep
        data: {dataset: digits, validation_fraction: 0.1, seed: 42}
        network:
          - conv: {filters: 12, kernel: 3, padding: same, bias: false}
          - batch_norm: {activation: relu}
          - residual:
              - conv: {filters: 12, kernel: 3, padding: same, activation: relu}
              - conv: {filters: 12, kernel: 3, padding: same, bias: false}
              - batch_norm
          - residual:
              activation: leaky_relu
              slope: 0.1
              layers:
                - conv: {filters: 16, kernel: 3, padding: same, stride: 2, activation: silu}
                - conv: {filters: 16, kernel: 3, padding: same}
          - depthwise_conv: {kernel: 3, padding: same}
          - separable_conv: {filters: 24, kernel: 3, activation: relu}
          - conv: {filters: 24, kernel: 1, groups: 4, activation: elu}
          - flatten
          - dense: {units: 40, activation: relu}
          - layer_norm
          - dropout: 0.1
          - dense: {units: classes}
        training: {epochs: 2, batch: 32, seed: 1, optimizer: {adam: {learning_rate: 0.003}}}
        """
    static let plain = """
        name: "small: net"
        data: {dataset: digits, validation_fraction: 0.1, seed: 42}
        network:
          - conv: {filters: 16, kernel: 3, activation: relu}
          - max_pool: {size: 2}
          - flatten
          - dense: {units: 32, activation: relu}
          - dense: {units: classes}
        training: {epochs: 2, batch: 32, seed: 1, optimizer: {adam: {learning_rate: 0.003}}}
        """
    static let table = """
        name: table
        data: {dataset: iris, seed: 1}
        network: [dense: {units: 12, activation: tanh}, batch_norm, dense: {units: classes}]
        training: {epochs: 5, batch: 16, seed: 1}
        """
    static let numbers = """
        name: numbers
        data: {dataset: friedman, seed: 1}
        network: [dense: {units: 12, activation: relu}, dense: {units: 1}]
        training: {epochs: 2, batch: 32, seed: 1, loss: mean_squared_error}
        """

    private func session(_ yaml: String) throws -> (path: String, end: RunEvent.Finished) {
        let path = folder["\(UUID().uuidString).session"]
        let (spec, text) = try SpecFile.parse(yaml: yaml, file: "t.yaml")
        let run = try TrainingRun(
            Experiment(spec: spec, yaml: text), path: path, workers: 2, programVersion: "0", command: [])
        _ = try run.run(RunObserver(events: { _ in }, complaint: { _ in }))
        let reader = try SessionReader(path: path)
        defer { reader.close() }
        return (path, try #require(RunState(try reader.runEvents(after: 0)).finished))
    }

    private func yaml(_ path: String) throws -> String {
        let reader = try SessionReader(path: path)
        defer { reader.close() }
        return reader.info.specYAML
    }

    private func write(_ data: Data, _ name: String = "m.safetensors") throws -> String {
        try data.write(to: URL(fileURLWithPath: folder[name]))
        return folder[name]
    }

    private func bits(_ weights: [ParameterValues]) -> [[UInt32]] { weights.map { $0.values.map(\.bitPattern) } }

    private func answers(_ model: TrainedModel) throws -> [UInt32] {
        let (dataset, splits) = try model.load(data: nil)
        let prepared = PreparedExamples(
            dataset.features, labels: dataset.labels, targets: dataset.targets, by: model.preprocessing)
        return try model.infer(prepared, splits.test, workers: 2).probabilities.map(\.bitPattern)
    }

    private func imported(_ model: ImportedModel, _ data: ImportedData = .init()) throws -> (
        TrainedModel, RunEvent.Finished
    ) {
        let path = folder["\(UUID().uuidString).session"]
        let end = try model.makeSession(at: path, on: data, workers: 2, programVersion: "0", command: ["x"])
        return (try TrainedModel(session: path), end)
    }

    @Test(arguments: [deep, plain, table, numbers]) func aModelComesBack(_ text: String) throws {
        let (path, end) = try session(text)
        let model = try TrainedModel(session: path)
        let data = try ModelFile.encode(model, specYAML: try yaml(path), variant: nil)
        #expect(try data == ModelFile.encode(model, specYAML: yaml(path), variant: nil), "the same bytes each time")
        let metadata = try WeightFile(data, path: "m").metadata
        #expect(metadata["format"] == "pt" && metadata["step"] == "\(model.step)" && metadata["variant"] == nil)
        let classes = try JSONSerialization.jsonObject(with: Data(try #require(metadata["classes"]).utf8)) as? [String]
        #expect(classes == model.preprocessing.classes)

        let read = try ModelFile.read(write(data))
        let (back, finished) = try imported(read)
        #expect(bits(back.weights) == bits(model.weights) && back.network == model.network)
        #expect(back.preprocessing == model.preprocessing && back.spec == model.spec && back.step == 0)
        #expect(try answers(back) == answers(model))
        for (name, value) in finished.metrics where name.hasPrefix("test/") {
            #expect(end.metrics[name].map { abs($0 - value) <= 1e-5 * max(1, abs(value)) } ?? false, "\(name)")
        }
        #expect(finished.reason == .completed && finished.metrics.keys.contains { $0.hasPrefix("test/") })
        // What came in goes out again.
        let again = try WeightFile(
            ModelFile.encode(back, specYAML: try yaml(back.path), variant: nil), path: "m")
        #expect(try again.tensors == WeightFile(data, path: "m").tensors)
        // The session says where it is from, and can be trained on.
        let reader = try SessionReader(path: back.path)
        defer { reader.close() }
        let warnings = try reader.runEvents(after: 0).compactMap { event -> String? in
            if case .warned(let warned) = event { return warned.message }
            return nil
        }
        #expect(warnings.contains { $0.contains("imported from") })
        #expect(warnings.contains { $0.contains("\(model.step) steps") })
    }

    /// The spec in the file of a narrowed network is that of the narrowed network.
    @Test(arguments: [deep, plain, table]) func narrowedNetworksFit(_ text: String) throws {
        let (path, _) = try session(text)
        let maker = try VariantMaker(session: path, workers: 2)
        let variant = try maker.make(VariantRecipe("channels50"), tuning: nil)
        let model = TrainedModel(maker.model, as: variant)
        #expect(model.network.parameters != maker.model.network.parameters)
        let data = try ModelFile.encode(model, specYAML: try yaml(path), variant: "channels50")
        let read = try ModelFile.read(write(data))
        #expect(read.notes.contains { $0.contains("channels50") })
        let (back, _) = try imported(read)
        #expect(back.network.parameters == model.network.parameters && bits(back.weights) == bits(model.weights))
        #expect(try answers(back) == answers(model))
        #expect(back.spec.training == model.spec.training)
    }

    // MARK: Files of other programs

    /// As PyTorch calls and orders them, with a counter of batches and numbers in another type.
    @Test func othersWeightsFindTheirPlaces() throws {
        let (path, _) = try session(Self.deep)
        let model = try TrainedModel(session: path)
        var tensors: [RawTensors.Tensor] = []
        let roles = ["mean": "running_mean", "variance": "running_var"]
        var places: [String: Int] = [:]
        for array in model.weights {
            let parts = array.name.split(separator: ".").map(String.init)
            let prefix = parts.dropLast().joined(separator: ".")
            // 8, 9, 10, … so that the order of texts is another one.
            let place = places[prefix] ?? places.count + 8
            places[prefix] = place
            let role = parts.last ?? ""
            let name = "net.\(place).\(roles[role] ?? role)"
            tensors.append(
                .init(name: name, type: "F32", shape: array.shape, bytes: array.values.withUnsafeBytes { Data($0) }))
            if role == "mean" {
                tensors.append(
                    .init(name: "net.\(place).num_batches_tracked", type: "I32", shape: [], bytes: Data(count: 4)))
            }
        }
        func file(_ tensors: [RawTensors.Tensor]) throws -> String {
            try write(RawTensors(tensors: tensors.reversed(), metadata: ["format": "pt"]).encoded())
        }
        let spec = (file: "deep.yaml", yaml: Self.deep)
        let (back, _) = try imported(ModelFile.read(file(tensors), network: spec))
        #expect(bits(back.weights) == bits(model.weights) && back.preprocessing == model.preprocessing)
        #expect(try answers(back) == answers(model))
        #expect(throws: ImportError.noNetwork(path: folder["m.safetensors"])) { try ModelFile.read(file(tensors)) }

        // One less, one more, another shape, numbers that are none: each is one sentence, and no session is left.
        func refused(_ tensors: [RawTensors.Tensor], _ said: String) throws {
            let path = folder["refused.session"]
            let error = #expect(throws: ImportError.self) {
                try ModelFile.read(file(tensors), network: spec).makeSession(
                    at: path, on: ImportedData(), workers: 1, programVersion: "0", command: [])
            }
            let text = "\(try #require(error))"
            #expect(text.contains(said) && text.hasSuffix("."), "\(text)")
            #expect(!FileManager.default.fileExists(atPath: path))
        }
        try refused(tensors.dropLast(), "lacks")
        try refused(tensors + [.init(name: "more.weight", type: "F32", shape: [1], bytes: Data(count: 4))], "no place")
        try refused(tensors + [.init(name: "net.8.kernel", type: "F32", shape: [1], bytes: Data(count: 4))], "lacks")
        var other = tensors
        other[0].shape.swapAt(0, 1)
        try refused(other, "lacks")
        other = tensors
        other[0].bytes.replaceSubrange(0..<4, with: [0, 0, 0xC0, 0x7F])
        try refused(other, "not finite")
    }

    @Test func halvesAndDoublesAreRead() throws {
        let values: [Double] = [0, -0.0, 1, -1.5, 65504, 0.25]
        func raw<Value>(_ values: [Value]) -> Data { values.withUnsafeBytes { Data($0) } }
        let header = SafeTensorsHeader.write(
            [
                .init(name: "d", type: "F64", shape: [6], begin: 0, end: 48),
                .init(name: "i", type: "I64", shape: [1], begin: 48, end: 56),
                .init(name: "h", type: "F16", shape: [2, 3], begin: 56, end: 68),
                .init(name: "b", type: "BF16", shape: [6], begin: 68, end: 80),
            ], metadata: [:])
        let file = try WeightFile(
            header + raw(values) + raw([Int64(7)]) + raw(values.map { Float16($0).bitPattern })
                + raw(values.map { UInt16(Float($0).bitPattern >> 16) }), path: "x")
        #expect(file.tensors.map(\.name) == ["d", "h", "b"])
        #expect(file.tensors[0].values.map(\.bitPattern) == values.map { Float($0).bitPattern })
        #expect(file.tensors[1].values == [0, 0, 1, -1.5, 65504, 0.25] && file.tensors[1].shape == [2, 3])
        #expect(file.tensors[2].values == [0, 0, 1, -1.5, 65280, 0.25])
    }

    @Test func numbersInNamesCompareAsNumbers() {
        let names = [
            "", "a.2", "a.10", "a.10.b", "block2_conv9", "block2_conv10", "block10_conv1", "conv2d", "conv2d_1",
            "conv2d_10",
        ]
        #expect(names.reversed().sorted(by: TensorMatching.precedes) == names)
        for (i, a) in names.enumerated() {
            for (j, b) in names.enumerated() { #expect(TensorMatching.precedes(a, b) == (i < j)) }
        }
        #expect(TensorMatching.precedes("a.99999999999999999999", "a.100000000000000000000"))
    }

    // MARK: Damage

    /// Whatever is flipped or cut: an error in a sentence or a model, never a trap.
    @Test func damageIsNoTrap() throws {
        let (path, _) = try session(Self.table)
        let data = try ModelFile.encode(TrainedModel(session: path), specYAML: try yaml(path), variant: nil)
        let header = 8 + Int(data.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) })
        var random = CounterRandom(seed: 5, purpose: .benchmark)
        var made = 0
        for round in 0..<1_000 {
            var damaged = data
            for _ in 0...random.below(2) {
                damaged[8 + Int(random.below(UInt32(header - 8)))] =
                    round % 2 == 0 ? UInt8(random.below(256)) : UInt8(ascii: "0") + UInt8(random.below(10))
            }
            let file = try write(damaged)
            let session = folder["damaged.session"]
            do {
                _ = try ModelFile.read(file).makeSession(
                    at: session, on: ImportedData(), workers: 1, programVersion: "0", command: [])
                made += 1
                try FileManager.default.removeItem(atPath: session)
            } catch {
                #expect(!"\(error)".isEmpty)
                #expect(!FileManager.default.fileExists(atPath: session), "\(error)")
            }
        }
        #expect(made < 250)
    }

    @Test func dataThatItIsNotFor() throws {
        let (path, _) = try session(Self.table)
        let file = try write(ModelFile.encode(TrainedModel(session: path), specYAML: try yaml(path), variant: nil))
        let model = try ModelFile.read(file)
        #expect(throws: ModelError.self) { try imported(model, ImportedData(dataset: "wine")) }
        #expect(throws: (any Error).self) { try imported(model, ImportedData(dataset: "nothing")) }
        #expect(throws: (any Error).self) { try ModelFile.read(folder["none.safetensors"]) }
        #expect(throws: (any Error).self) { try ModelFile.read(folder.path) }
        // A name that is taken is refused and stays.
        let taken = folder["taken.session"]
        _ = try model.makeSession(at: taken, on: ImportedData(), workers: 1, programVersion: "0", command: [])
        #expect(throws: SessionError.self) {
            try model.makeSession(at: taken, on: ImportedData(), workers: 1, programVersion: "0", command: [])
        }
        #expect(FileManager.default.fileExists(atPath: taken))
    }
}
