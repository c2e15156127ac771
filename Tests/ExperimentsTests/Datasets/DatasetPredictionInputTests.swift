// New files for a trained model: images, folders, IDX and tables in the shape that its preprocessing wants.
import Engine
import Foundation
import Testing

@testable import Experiments

@Suite struct DatasetPredictionInputTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// The preprocessing of a model of images.
    private func images(_ channels: Int, _ height: Int, _ width: Int) -> Preprocessing {
        let shape = TensorShape.image(channels: channels, height: height, width: width)
        let set = Dataset(
            name: "images", shape: shape, classes: ["a", "b"],
            features: .bytes([UInt8](repeating: 0, count: shape.count)), labels: [0], origin: "")
        return Preprocessing(fitting: set, train: [0], spec: DataSpec(dataset: "images"))
    }

    /// The preprocessing of a model of a table with a number and a category.
    private var table: Preprocessing {
        let columns = [
            Column(name: "size", kind: .numeric), Column(name: "colour", kind: .category(levels: ["blue", "red"])),
        ]
        let set = Dataset(
            name: "table", shape: .vector(2), classes: ["a", "b"], columns: columns, features: .floats([1, 0, 3, 1]),
            labels: [0, 1], origin: "", target: "class")
        return Preprocessing(fitting: set, train: [0, 1], spec: DataSpec(dataset: "table"))
    }

    private func read(_ name: String, _ preprocessing: Preprocessing) throws -> PredictionInput {
        try PredictionInput(path: folder[name], for: preprocessing)
    }

    private func pixels(_ input: PredictionInput) throws -> [UInt8] {
        guard case .bytes(let values) = input.features else { throw Surprise() }
        return values
    }

    private func values(_ input: PredictionInput) throws -> [Float] {
        guard case .floats(let values) = input.features else { throw Surprise() }
        return values
    }

    private func problem(_ name: String, _ preprocessing: Preprocessing) -> DatasetError? {
        #expect(throws: DatasetError.self) { try read(name, preprocessing) }
    }

    // MARK: Images

    @Test func oneImageInTheModelsShape() throws {
        let expected = try ExpectedImages.load()
        let file = try #require(expected.files["colour.png"])
        let path = ImageSamples.path("colour.png")
        let same = try PredictionInput(path: path, for: images(3, 9, 13))
        #expect(same.names == [path] && same.skipped.isEmpty && same.count == 1)
        #expect(try pixels(same) == file.colour)
        #expect(try pixels(try PredictionInput(path: path, for: images(1, 9, 13))) == file.grey)
        let smaller = try pixels(try PredictionInput(path: path, for: images(3, 4, 5)))
        let wanted = try #require(expected.resized.first { $0.height == 4 && $0.width == 5 })
        #expect(zip(smaller, wanted.colour).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
        // A grey file repeats itself for a model of colour images.
        let grey = try #require(expected.files["grey.png"])
        let repeated = try PredictionInput(path: ImageSamples.path("grey.png"), for: images(3, 9, 13))
        #expect(try pixels(repeated) == grey.colour)
        // The content decides, not the name.
        try folder.write(try ImageSamples.file("colour.jpg"), "photo")
        #expect(try read("photo", images(3, 16, 16)).count == 1)
    }

    @Test func aFolderOfImages() throws {
        func image(_ value: UInt8) -> [UInt8] {
            ImageSamples.png(channels: 1, height: 1, width: 1, planes: [value])
        }
        try folder.write(image(2), "in/b.png")
        try folder.write(image(1), "in/a.png")
        try folder.write("broken", "in/aa.jpg")
        try folder.write("text", "in/readme.md")
        try folder.write(image(9), "in/deeper/c.png")
        let input = try read("in", images(1, 1, 1))
        #expect(input.names == [folder["in/a.png"], folder["in/b.png"]])
        #expect(try pixels(input) == [1, 2])
        #expect(input.skipped == [SkippedFile(path: folder["in/aa.jpg"], reason: "not a PNG or JPEG file")])

        // Without images at the top, those one level down.
        try folder.write(image(5), "out/y/1.png")
        try folder.write(image(4), "out/x/2.png")
        try folder.write(image(4), "out/x/z/3.png")
        let deeper = try read("out", images(1, 2, 1))
        #expect(deeper.names == [folder["out/x/2.png"], folder["out/y/1.png"]])
        #expect(try pixels(deeper) == [4, 4, 5, 5])

        try folder.write("broken", "bad/1.png")
        #expect(
            problem("bad", images(1, 1, 1))
                == .mostlyBroken(
                    path: folder["bad"], broken: 1, total: 1,
                    example: SkippedFile(path: folder["bad/1.png"], reason: "not a PNG or JPEG file")))
    }

    @Test(arguments: [false, true])
    func imagesOfAnIDXFile(packed: Bool) throws {
        let head: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]
        let name = packed ? "new.idx.gz" : "new.idx"
        try folder.write(packed ? gzipped(head + [1, 2, 3, 4]) : head + [1, 2, 3, 4], name)
        let input = try read(name, images(1, 1, 2))
        #expect(input.names == ["\(folder[name]):row 1", "\(folder[name]):row 2"])
        #expect(try pixels(input) == [1, 2, 3, 4])
        #expect(try pixels(try read(name, images(3, 1, 2))) == [1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4])
        #expect(try pixels(try read(name, images(1, 2, 2))) == [1, 2, 1, 2, 3, 4, 3, 4])
    }

    @Test func whatAModelOfImagesRefuses() throws {
        let expected = "PNG or JPEG images, a folder of them, or an IDX images file"
        try folder.write("size,colour\n1,red\n", "table.csv")
        #expect(problem("table.csv", images(1, 1, 1)) == .otherKind(path: folder["table.csv"], expected: expected))
        try folder.write("text", "empty/readme.md")
        #expect(problem("empty", images(1, 1, 1)) == .otherKind(path: folder["empty"], expected: expected))
        try folder.write(Array(try ImageSamples.file("colour.png").dropLast(20)), "cut.png")
        #expect(
            problem("cut.png", images(1, 1, 1)) == .damaged(path: folder["cut.png"], problem: "the file ends early"))
        try folder.write([], "void.png")
        #expect(
            problem("void.png", images(1, 1, 1)) == .damaged(path: folder["void.png"], problem: "the file is empty"))
        guard case .unreadable = problem("nowhere.png", images(1, 1, 1)) else { throw Surprise() }
        try folder.write([0, 0, 8, 1, 0, 0, 0, 1, 7], "labels.idx")
        guard case .damaged = problem("labels.idx", images(1, 1, 1)) else { throw Surprise() }
    }

    // MARK: Tables

    @Test func columnsAreFoundByName() throws {
        try folder.write("note,colour,size\nhello,red,2\n\"x,y\",green,?\n,,7.5\n", "new.csv")
        let input = try read("new.csv", table)
        #expect(input.names == (1...3).map { "\(folder["new.csv"]):row \($0)" })
        let values = try values(input)
        #expect(values[0] == 2 && values[1] == 1)
        #expect(values[2].isNaN && values[3].isNaN)  // Missing; a colour that the model does not know.
        #expect(values[4] == 7.5 && values[5].isNaN)
        // What is missing or unknown becomes the mean, and no category.
        guard case .floats(let features) = table.apply(input.features) else { throw Surprise() }
        #expect(features == [0, 0, 1, 0, 0, 0, 5.5, 0, 0])
    }

    /// The file that a model was trained on gives the examples that it was trained on.
    @Test func theTrainingFileComesBack() throws {
        let rows = (0..<40).map { "\($0 * 3),\(["u", "v", "w"][$0 % 3]),\($0 % 2 == 0 ? "yes" : "no"),\($0).25" }
        try folder.write("a;b;y;c\n" + rows.joined(separator: "\n").replacing(",", with: ";"), "train.csv")
        var spec = DataSpec(dataset: "csv")
        spec.path = folder["train.csv"]
        spec.target = "y"
        let set = try DatasetLoader.load(spec)
        let preprocessing = Preprocessing(fitting: set, train: (0..<40).map { $0 }, spec: spec)
        #expect(try read("train.csv", preprocessing).features == set.features)
    }

    @Test func whatAModelOfTablesRefuses() throws {
        try folder.write("weight,class\n1,a\n", "other.csv")
        let missing = problem("other.csv", table)
        #expect(missing == .modelColumnsMissing(path: folder["other.csv"], missing: ["size", "colour"]))
        #expect(missing.map(String.init(describing:))?.contains("lacks the columns size, colour") == true)
        try folder.write("size,colour\n1,red\nbig,red\n", "text.csv")
        #expect(
            problem("text.csv", table)
                == .csv(path: folder["text.csv"], line: 3, problem: "'big' in column 'size' is not a number"))
        try folder.write("size,colour\n", "none.csv")
        #expect(problem("none.csv", table) == .empty(path: folder["none.csv"]))
        let expected = "a CSV file with the columns size, colour"
        #expect(problem("", table) == .otherKind(path: folder[""], expected: expected))
        try folder.write(try ImageSamples.file("colour.png"), "image.csv")
        #expect(problem("image.csv", table) == .otherKind(path: folder["image.csv"], expected: expected))
    }

    // MARK: Standard input

    @Test func standardInput() throws {
        let rows = try PredictionInput(standardInput: Array("colour,size\nblue,4\n".utf8), for: table)
        #expect(rows.names == ["standard input:row 1"] && rows.features == .floats([4, 0]))
        let image = try PredictionInput(standardInput: ImageSamples.file("colour.jpg"), for: images(1, 16, 16))
        #expect(image.names == ["standard input"] && image.features.count == 256)
        for (bytes, preprocessing) in [
            (Array("colour,size\n".utf8), images(1, 1, 1)), (try ImageSamples.file("colour.jpg"), table), ([], table),
        ] {
            #expect(throws: DatasetError.self) { try PredictionInput(standardInput: bytes, for: preprocessing) }
        }
    }
}
