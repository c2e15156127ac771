// IDX files: plain and gzipped, the four files of a folder, and files that are not right.
import Engine
import Foundation
import Testing

@testable import Experiments

@Suite struct DatasetIDXTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func word(_ value: Int) -> [UInt8] { withUnsafeBytes(of: UInt32(value).bigEndian, Array.init) }

    /// An images file of 2x3 pixels that count up.
    private func images(_ count: Int, first: Int = 0, magic: Int = 0x803) -> [UInt8] {
        word(magic) + word(count) + word(2) + word(3) + (0..<count * 6).map { UInt8((first + $0) % 256) }
    }
    private func labels(_ values: [UInt8]) -> [UInt8] { word(0x801) + word(values.count) + values }

    private func load(_ name: String = "") throws -> Dataset {
        var spec = DataSpec(dataset: "mnist")
        spec.path = name.isEmpty ? folder.path : folder[name]
        return try DatasetLoader.load(spec)
    }

    private func problem(_ name: String = "") -> DatasetError? {
        #expect(throws: DatasetError.self) { try load(name) }
    }

    @Test(arguments: [false, true])
    func fourFiles(packed: Bool) throws {
        let end = packed ? ".gz" : ""
        func write(_ bytes: [UInt8], _ name: String) throws {
            try folder.write(packed ? gzipped(bytes) : bytes, name + end)
        }
        try write(images(3), "train-images-idx3-ubyte")
        try write(labels([7, 1, 7]), "train-labels-idx1-ubyte")
        try write(images(2, first: 100), "t10k-images-idx3-ubyte")
        try write(labels([1, 4]), "t10k-labels-idx1-ubyte")
        let set = try load()
        #expect(set.shape == .image(channels: 1, height: 2, width: 3))
        #expect(set.classes == ["1", "4", "7"] && set.labels == [2, 0, 2, 0, 1])
        #expect(bytes(of: set) == (0..<18).map { UInt8($0) } + (100..<112).map { UInt8($0) })
        #expect(set.officialTest == 3..<5)
        #expect(set.origin == "4 IDX files in \(folder.path)")
        let one = try load("train-images-idx3-ubyte" + end)
        #expect(one.count == 3 && one.officialTest == nil)
    }

    /// Names as other programs unpack them; a plain file is preferred to the packed one beside it.
    @Test func otherNames() throws {
        try folder.write(images(2), "train-images.idx3-ubyte")
        try folder.write("not gzip", "train-images.idx3-ubyte.gz")
        try folder.write(gzipped(labels([0, 1])), "train-labels.idx1-ubyte.gz")
        #expect(try load().labels == [0, 1])
        try folder.write(images(2), "letters-images.idx3-ubyte")
        try folder.write(labels([0, 1]), "letters-labels.idx1-ubyte")
        #expect(
            problem()
                == .ambiguous(
                    path: folder.path, candidates: ["letters-images.idx3-ubyte", "train-images.idx3-ubyte"]))
    }

    @Test func partnersThatAreMissing() throws {
        try folder.write(images(2), "train-images-idx3-ubyte")
        #expect(
            problem()
                == .partnerMissing(path: folder["train-images-idx3-ubyte"], needed: "train-labels-idx1-ubyte"))
        try folder.write(labels([1, 2, 3]), "train-labels-idx1-ubyte")
        #expect(
            problem()
                == .countsDiffer(
                    images: folder["train-images-idx3-ubyte"], imageCount: 2,
                    labels: folder["train-labels-idx1-ubyte"], labelCount: 3))
        try folder.write(labels([4, 4]), "train-labels-idx1-ubyte")
        #expect(problem() == .tooFewClasses(path: folder.path, found: ["4"]))
        try FileManager.default.moveItem(
            atPath: folder["train-images-idx3-ubyte"], toPath: folder["t10k-images-idx3-ubyte"])
        #expect(
            problem()
                == .partnerMissing(path: folder["t10k-images-idx3-ubyte"], needed: "train-images-idx3-ubyte"))
        try folder.write(images(2), "unnamed")
        guard case .partnerMissing = problem("unnamed") else { throw Surprise() }
    }

    @Test func testImagesOfAnotherSize() throws {
        try folder.write(images(2), "train-images-idx3-ubyte")
        try folder.write(labels([1, 2]), "train-labels-idx1-ubyte")
        try folder.write(word(0x803) + word(1) + word(1) + word(1) + [9], "t10k-images-idx3-ubyte")
        try folder.write(labels([1]), "t10k-labels-idx1-ubyte")
        guard case .sizesDiffer(_, "2x3", _, "1x1") = problem() else { throw Surprise() }
    }

    /// Every file that is cut short, in its header or its values, plain or packed, is refused by name.
    @Test(arguments: [false, true])
    func cutFiles(packed: Bool) throws {
        let name = "train-images-idx3-ubyte" + (packed ? ".gz" : "")
        let whole = packed ? gzipped(images(3)) : images(3)
        try folder.write(labels([1, 2, 1]), "train-labels-idx1-ubyte")
        for cut in 0..<whole.count {
            try folder.write(Array(whole[..<cut]), name)
            switch problem() {
            case .damaged(let path, let reason): #expect(path == folder[name] && !reason.isEmpty)
            default: Issue.record("cut at \(cut)")
            }
        }
        try folder.write(whole, name)
        #expect(try load().count == 3)
    }

    @Test func wrongHeaders() throws {
        try folder.write(labels([1, 2]), "train-labels-idx1-ubyte")
        func reason(_ bytes: [UInt8]) throws -> String {
            try folder.write(bytes, "train-images-idx3-ubyte")
            guard case .damaged(_, let reason) = problem() else { throw Surprise() }
            return reason
        }
        // Sixteen-bit values.
        #expect(try reason(images(2, magic: 0xb03)).hasPrefix("it begins with 0x00000b03"))
        #expect(try reason(Array("hello, this is text".utf8)).contains("but IDX images"))
        #expect(try reason(images(2) + [0]).contains("more bytes follow than the 12"))
        #expect(try reason(images(2).dropLast()).contains("promises 12 bytes of values, 11 are there"))
        // Sizes whose product does not fit are refused before any memory is asked for.
        let huge = word(0x803) + word(0xffff_ffff) + word(0xffff_ffff) + word(0xffff_ffff)
        #expect(try reason(huge).contains("too many to be true"))
        try folder.write(word(0x803) + word(0) + word(2) + word(3), "train-images-idx3-ubyte")
        #expect(problem() == .empty(path: folder["train-images-idx3-ubyte"]))
    }

    /// A packed file whose checksum is wrong.
    @Test func damagedGzip() throws {
        var packed = gzipped(images(3))
        packed[20] ^= 1
        try folder.write(packed, "train-images-idx3-ubyte.gz")
        try folder.write(labels([1, 2, 1]), "train-labels-idx1-ubyte")
        guard case .damaged = problem() else { throw Surprise() }
    }
}
