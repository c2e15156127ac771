// Event files for TensorBoard, read by a reader of their own: framing, checksums, scalars, pictures, hyperparameters.
// Tests/Exchange/tensorboard asks TensorBoard itself.
import CImages
import Engine
import Foundation
import Testing

@testable import Experiments

/// The fields of a message, by number, in their order.
private struct Message {
    enum Field {
        case varint(UInt64), fixed32(UInt32), fixed64(UInt64), bytes([UInt8])
    }
    var fields: [(number: Int, field: Field)] = []

    init(_ bytes: [UInt8]) throws {
        var place = 0
        func fixed(_ count: Int) -> UInt64 {
            defer { place += count }
            return (0..<count).reduce(0) { $0 | UInt64(bytes[place + $1]) << (8 * UInt64($1)) }
        }
        func varint() -> UInt64 {
            var (value, shift): (UInt64, UInt64) = (0, 0)
            while true {
                value |= UInt64(bytes[place] & 0x7F) << shift
                shift += 7
                place += 1
                if bytes[place - 1] < 0x80 { return value }
            }
        }
        while place < bytes.count {
            let key = varint()
            switch key & 7 {
            case 0: fields.append((Int(key >> 3), .varint(varint())))
            case 1: fields.append((Int(key >> 3), .fixed64(fixed(8))))
            case 5: fields.append((Int(key >> 3), .fixed32(UInt32(fixed(4)))))
            case 2:
                let count = Int(varint())
                fields.append((Int(key >> 3), .bytes(Array(bytes[place..<place + count]))))
                place += count
            default: Issue.record("wire type \(key & 7)")
            }
        }
    }

    func bytes(_ number: Int) -> [[UInt8]] {
        fields.compactMap {
            if $0.number == number, case .bytes(let bytes) = $0.field { bytes } else { nil }
        }
    }
    func messages(_ number: Int) throws -> [Message] { try bytes(number).map { try Message($0) } }
    func string(_ number: Int) -> String? { bytes(number).first.map { String(decoding: $0, as: UTF8.self) } }
    func double(_ number: Int) -> Double? {
        fields.compactMap {
            if $0.number == number, case .fixed64(let bits) = $0.field { Double(bitPattern: bits) } else { nil }
        }.first
    }
    func float(_ number: Int) -> Float? {
        fields.compactMap {
            if $0.number == number, case .fixed32(let bits) = $0.field { Float(bitPattern: bits) } else { nil }
        }.first
    }
    func integer(_ number: Int) -> Int? {
        fields.compactMap {
            if $0.number == number, case .varint(let value) = $0.field { Int(Int64(bitPattern: value)) } else { nil }
        }.first
    }
}

/// CRC-32C bit by bit.
private func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var rest: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
        rest ^= UInt32(byte)
        for _ in 0..<8 { rest = rest & 1 == 1 ? (rest >> 1) ^ 0x82F6_3B78 : rest >> 1 }
    }
    return ~rest
}

private func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let sum = checksum(bytes)
    return ((sum >> 15) | (sum << 17)) &+ 0xA282_EAD8
}

/// The records of a file whose every checksum is right.
private func records(_ data: Data) throws -> [Message] {
    let bytes = [UInt8](data)
    func number(_ place: Int, _ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(bytes[place + $1]) << (8 * UInt64($1)) }
    }
    var found: [Message] = []
    var place = 0
    while place < bytes.count {
        let count = Int(number(place, 8))
        #expect(UInt32(number(place + 8, 4)) == masked(bytes[place..<place + 8]))
        let record = Array(bytes[place + 12..<place + 12 + count])
        #expect(UInt32(number(place + 12 + count, 4)) == masked(record))
        found.append(try Message(record))
        place += 16 + count
    }
    return found
}

@Suite struct TensorBoardTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// RFC 3720, appendix B.4, and the check value of every list of checksums.
    @Test func knownChecksums() {
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.checksum(0..<32) == 0x46DD_794E)
        #expect(CRC32C.checksum((0..<32).reversed()) == 0x113F_DB5C)
        #expect(CRC32C.checksum("123456789".utf8) == 0xE306_9283)
        #expect(CRC32C.checksum([]) == 0)
    }

    /// The examples of the description of the wire format, and the ends of all ranges.
    @Test func wireFormat() throws {
        var writer = ProtobufWriter()
        writer.varint(field: 1, 150)
        writer.string(field: 2, "testing")
        writer.message(field: 3) { $0.varint(field: 1, 150) }
        #expect(writer.bytes == [8, 0x96, 1, 0x12, 7, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6E, 0x67, 0x1A, 3, 8, 0x96, 1])
        writer = ProtobufWriter()
        writer.packed(field: 6, [3, 270, 86942])
        #expect(writer.bytes == [0x32, 6, 3, 0x8E, 2, 0x9E, 0xA7, 5])
        writer = ProtobufWriter()
        writer.varint(field: 1, -2)
        #expect(writer.bytes == [8, 0xFE] + [UInt8](repeating: 0xFF, count: 8) + [1])
        writer = ProtobufWriter()
        for value in [0, 127, 128, 16383, 16384, UInt64.max] { writer.varint(field: 536_870_911, value) }
        writer.float(field: 16, -1.5)
        writer.double(field: 15, .leastNonzeroMagnitude)
        writer.packed(field: 4, [1, -0.25] as [Float])
        writer.bytes(field: 5, [UInt8](repeating: 7, count: 300))
        writer.varint(field: 6, true)
        let back = try Message(writer.bytes)
        let integers = back.fields.filter { $0.number == 536_870_911 }.compactMap {
            if case .varint(let value) = $0.field { value } else { nil }
        }
        #expect(integers == [0, 127, 128, 16383, 16384, UInt64.max])
        #expect(back.float(16) == -1.5 && back.double(15) == .leastNonzeroMagnitude && back.integer(6) == 1)
        #expect(back.bytes(4) == [[0, 0, 0x80, 0x3F, 0, 0, 0x80, 0xBE]] && back.bytes(5)[0].count == 300)
    }

    private func session(_ yaml: String, _ name: String = "s") throws -> String {
        let (spec, text) = try SpecFile.parse(yaml: yaml, file: "t.yaml")
        let run = try TrainingRun(
            Experiment(spec: spec, yaml: text), path: folder["\(name).session"], workers: 2, programVersion: "0",
            command: [])
        _ = try run.run(RunObserver(events: { _ in }, complaint: { _ in }))
        return folder["\(name).session"]
    }

    @Test(arguments: [ModelFileTests.plain, ModelFileTests.numbers]) func aRunAsItWas(_ yaml: String) throws {
        let path = try session(yaml)
        let files = try TensorBoardExport.files(session: path)
        #expect(try files.map(\.bytes) == TensorBoardExport.files(session: path).map(\.bytes))
        try #require(files.count == 1)
        let reader = try SessionReader(path: path)
        defer { reader.close() }
        let begin = reader.info.createdAt.timeIntervalSince1970
        #expect(files[0].name.hasPrefix("events.out.tfevents.\(Int(begin))."))
        #expect(!files[0].name.contains("/"))
        let events = try records(files[0].bytes)
        #expect(events[0].string(3) == "brain.Event:2" && events[0].double(1) == begin)

        var scalars: [String: [(step: Int, time: Double, value: Float)]] = [:]
        var images: [String: [UInt8]] = [:]
        var parameters: [String: Message] = [:]
        for event in events {
            for value in try event.messages(5).flatMap({ try $0.messages(1) }) {
                let tag = try #require(value.string(1))
                let time = try #require(event.double(1))
                if let scalar = value.float(2) {
                    scalars[tag, default: []].append((event.integer(2) ?? 0, time, scalar))
                } else if let image = try value.messages(4).first {
                    images[tag] = image.bytes(4).first
                    #expect(image.integer(3) == 3)
                    var (info, error) = (wb_image_info(), [CChar](repeating: 0, count: Int(WB_ERROR_BYTES)))
                    let png = try #require(image.bytes(4).first)
                    #expect(wb_image_header(png, png.count, &info, &error))
                    #expect(Int(info.height) == image.integer(1) && Int(info.width) == image.integer(2))
                } else {
                    let plugin = try #require(try value.messages(9).first?.messages(1).first)
                    #expect(plugin.string(1) == "hparams")
                    parameters[tag] = try plugin.messages(2).first
                    #expect(try value.messages(8).first?.integer(1) == 1)
                }
            }
        }
        let run = RunState(try reader.runEvents(after: 0))
        #expect(Set(scalars.keys) == Set(run.curves.keys))
        for (name, curve) in run.curves {
            let found = try #require(scalars[name])
            #expect(found.map(\.step) == curve.steps, "\(name)")
            #expect(found.map(\.value.bitPattern) == curve.values.map { Float($0).bitPattern })
            #expect(found.map(\.time) == curve.seconds.map { begin + $0 })
        }
        let isRegression = run.head?.target != nil
        let kinds = isRegression ? ["predictions"] : ["confusion", "precision_recall", "roc"]
        #expect(
            Set(images.keys) == Set(run.evaluations.keys.flatMap { split in kinds.map { "\(split.rawValue)/\($0)" } }))

        let start = try #require(try parameters["_hparams_/session_start_info"]?.messages(3).first)
        let entries = try Dictionary(
            start.messages(1).map { (try #require($0.string(1)), try #require(try $0.messages(2).first)) },
            uniquingKeysWith: { $1 })
        #expect(entries["learning_rate"]?.double(2) == run.head?.learningRate)
        #expect(entries["optimizer"]?.string(3) == run.head?.optimizer)
        #expect(entries["batch"]?.double(2) == 32 && start.double(5) == begin)
        let end = try #require(try parameters["_hparams_/session_end_info"]?.messages(4).first)
        #expect(end.integer(1) == 1)
        if let place = ProcessInfo.processInfo.environment["WORKBENCH_EXCHANGE"], !place.isEmpty {
            try leave(files, run, begin, in: "\(place)/\(isRegression ? "numbers" : "classes")")
        }
    }

    /// The files and what they should say, for Tests/Exchange/tensorboard.
    private func leave(
        _ files: [(name: String, bytes: Data)], _ run: RunState, _ begin: Double, in folder: String
    ) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for file in files { try file.bytes.write(to: URL(fileURLWithPath: "\(folder)/\(file.name)")) }
        var curves = JSONText()
        for (name, curve) in run.curves.sorted(by: { $0.key < $1.key }) {
            var text = JSONText()
            text.add("steps", curve.steps)
            text.add("seconds", curve.seconds)
            text.add("values", curve.values)
            curves.add(name, raw: text.closed())
        }
        var json = JSONText()
        json.add("created_at", begin)
        json.add("learning_rate", try #require(run.head).learningRate)
        json.add("curves", raw: curves.closed())
        try Data(json.closed().utf8).write(to: URL(fileURLWithPath: "\(folder)/wanted.json"))
    }

    /// What no run should hold but a file may.
    @Test func oddValues() throws {
        var info = sampleInfo(name: "n")
        info.host = "a/../b\u{1b} é"
        let writer = try SessionWriter.create(path: folder["odd.session"], info: info)
        try writer.append([
            sampleStep(1, loss: .nan), sampleStep(2, loss: .infinity), sampleStep(3, loss: 1e300),
            sampleFinish(3, .diverged),
        ])
        writer.close()
        let files = try TensorBoardExport.files(session: folder["odd.session"])
        #expect(files.map(\.name) == ["events.out.tfevents.1790000000.a----b---"])
        let losses = try records(files[0].bytes).flatMap { try $0.messages(5) }.flatMap { try $0.messages(1) }
            .filter { $0.string(1) == "train/loss" }.compactMap { $0.float(2) }
        #expect(losses.count == 3 && losses[0].isNaN && losses[1] == .infinity && losses[2] == .infinity)
        let events = try records(
            TensorBoardExport.files(
                session: {
                    let path = folder["all.session"]
                    let writer = try SessionWriter.create(path: path, info: sampleInfo())
                    try writer.append(oneOfEach)
                    writer.close()
                    return path
                }())[0].bytes)
        #expect(events.count > 3)
    }

    // MARK: Pictures

    @Test func pixelsComeBack() throws {
        var raster = Raster(width: 37, height: 21)
        raster.line(0, 0, 36, 20, (255, 0, 0))
        raster.line(36, 0, 0, 20, (0, 128, 255), thickness: 3)
        raster.fill(x: -5, y: 15, width: 12, height: 100, (1, 2, 3))
        raster.digits("-0.123456789x", x: -3, y: 4, Raster.black)
        raster.line(-10, 50, 60, -50, Raster.grey, isDotted: true)
        let png = try #require(raster.png())
        var error = [CChar](repeating: 0, count: Int(WB_ERROR_BYTES))
        var planes = [UInt8](repeating: 0, count: 3 * 37 * 21)
        #expect(wb_image_decode([UInt8](png), png.count, 3, 21, 37, &planes, &error))
        for pixel in 0..<37 * 21 {
            #expect((0..<3).allSatisfy { planes[$0 * 37 * 21 + pixel] == raster.pixels[3 * pixel + $0] })
        }
        #expect(raster[36, 20] == (255, 0, 0) && raster[0, 20] == (1, 2, 3))
    }

    /// A ROC curve through known points has its colour there; a matrix is as dark as its shares.
    @Test func picturesShowWhatIsThere() {
        let curve = ROCCurve(
            falsePositiveRates: [0, 0, 1], truePositiveRates: [0, 1, 1], thresholds: [.infinity, 0.5, 0], auc: 1)
        let detail = EvaluationDetail(confusion: [[30, 0], [10, 10]], roc: [curve, .undefined])
        let roc = EvaluationRaster.roc(detail)
        #expect(roc[34, 14] == Raster.series[0] && roc[34 + 200, 14] == Raster.series[0])
        #expect(roc[34 + 200, 14 + 190] == (255, 255, 255))
        let pr = EvaluationRaster.precisionRecall(detail)
        #expect(pr[34 + 200, 14] == Raster.series[0])
        let matrix = EvaluationRaster.confusion(detail.confusion)
        #expect(matrix[31, 31] == (0, 114, 178) && matrix[30 + 24 + 1, 31] == (247, 247, 247))
        for classes in [1, 2, 30, 31, 100] {
            let all = EvaluationRaster.confusion(Array(repeating: Array(repeating: 1, count: classes), count: classes))
            #expect(all.width <= 1000 && all.png() != nil)
        }
        for pairs in [
            [], [RegressionDetail.Pair(truth: 1, prediction: 1)],
            [
                .init(truth: .nan, prediction: 1), .init(truth: -1e30, prediction: .infinity),
                .init(truth: 1e30, prediction: -1e30),
            ],
        ] { #expect(EvaluationRaster.predictions(pairs).png() != nil) }
    }
}
