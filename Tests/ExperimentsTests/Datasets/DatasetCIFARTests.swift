// CIFAR-10's binary files: records to planes and labels, the official test part, and files that are not right.
import Engine
import Foundation
import Testing

@testable import Experiments

@Suite struct DatasetCIFARTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// One record: its label, then pixels that count up from `first` and wrap at 251.
    private func record(_ label: UInt8, first: Int = 0) -> [UInt8] {
        [label] + (0..<3072).map { UInt8((first + $0) % 251) }
    }

    private func write(_ bytes: [UInt8], _ name: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: folder[name]))
    }

    private func writeFolder(_ inner: String = "") throws {
        if !inner.isEmpty {
            try FileManager.default.createDirectory(atPath: folder[inner], withIntermediateDirectories: false)
        }
        let prefix = inner.isEmpty ? "" : inner + "/"
        for batch in 1...5 {
            try write(
                record(UInt8(batch), first: batch) + record(UInt8(batch + 4), first: 10 * batch),
                "\(prefix)data_batch_\(batch).bin")
        }
        try write(record(0, first: 7) + record(9, first: 8) + record(3, first: 9), "\(prefix)test_batch.bin")
    }

    private func load(_ name: String = "") throws -> Dataset {
        var spec = DataSpec(dataset: "cifar10")
        spec.path = name.isEmpty ? folder.path : folder[name]
        return try DatasetLoader.load(spec)
    }

    @Test(arguments: ["", "cifar-10-batches-bin"])
    func aFolderOfBatches(inner: String) throws {
        try writeFolder(inner)
        let set = try load()
        #expect(set.shape == .image(channels: 3, height: 32, width: 32))
        #expect(set.labels == [1, 5, 2, 6, 3, 7, 4, 8, 5, 9, 0, 9, 3])
        #expect(set.officialTest == 10..<13)
        #expect(set.classes.count == 10 && set.classes[0] == "airplane" && set.classes[9] == "truck")
        let pixels = bytes(of: set)
        #expect(pixels.count == 13 * 3072)
        #expect(Array(pixels[3072..<3075]) == [10, 11, 12])  // The second record of the first batch.
        #expect(Array(pixels[12 * 3072..<13 * 3072]) == Array(record(3, first: 9).dropFirst()))
        #expect(set.origin == "6 CIFAR-10 files in \(folder.path)\(inner.isEmpty ? "" : "/" + inner)")
    }

    @Test func withoutTheTestBatchNothingIsOfficial() throws {
        try writeFolder()
        try FileManager.default.removeItem(atPath: folder["test_batch.bin"])
        let set = try load()
        #expect(set.count == 10 && set.officialTest == nil)
    }

    @Test func oneBatchAlone() throws {
        try writeFolder()
        for (file, count) in [("data_batch_2.bin", 2), ("test_batch.bin", 3)] {
            let set = try load(file)
            #expect(set.count == count && set.officialTest == nil)
        }
        // The first bytes of this record are those of an IDX header.
        try write([0, 0, 8, 3] + [UInt8](repeating: 0, count: 3069), "data_batch_9.bin")
        #expect(try load("data_batch_9.bin").labels == [0])
    }

    @Test func classNamesComeFromTheMetaFile() throws {
        try writeFolder()
        let names = (0..<10).map { "class \($0)" }
        try write(Array((names.joined(separator: "\r\n") + "\r\n\r\n").utf8), "batches.meta.txt")
        #expect(try load().classes == names)
        try write(Array("cat\ndog\n".utf8), "batches.meta.txt")
        #expect(
            throws: DatasetError.damaged(
                path: folder["batches.meta.txt"], problem: "it must name ten different classes, one a line")
        ) { try load() }
    }

    @Test func greyAndResizeApply() throws {
        try writeFolder()
        var spec = DataSpec(dataset: "cifar10")
        spec.path = folder.path
        spec.grey = true
        spec.resize = ImageSize(height: 16, width: 16)
        #expect(try DatasetLoader.load(spec).shape == .image(channels: 1, height: 16, width: 16))
    }

    @Test func whatIsWrongIsNamed() throws {
        try writeFolder()
        func problem() throws -> String {
            String(describing: try #require(throws: DatasetError.self) { try load() })
        }
        try write(record(1) + record(2) + [3, 4], "data_batch_3.bin")
        var text = try problem()
        #expect(text.contains(folder["data_batch_3.bin"]) && text.contains("record 3"))
        try write(record(1) + record(10), "data_batch_3.bin")
        text = try problem()
        #expect(text.contains(folder["data_batch_3.bin"]) && text.contains("record 2 has the label 10"))
        try write([], "data_batch_3.bin")
        #expect(throws: DatasetError.empty(path: folder["data_batch_3.bin"])) { try load() }
        try FileManager.default.removeItem(atPath: folder["data_batch_3.bin"])
        #expect(
            throws: DatasetError.partnerMissing(path: folder["data_batch_1.bin"], needed: "data_batch_3.bin")
        ) { try load() }
    }
}
