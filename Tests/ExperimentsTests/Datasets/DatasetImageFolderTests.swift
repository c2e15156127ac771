// Image folders: layouts, classes, order, channels, sizes, and files that cannot be used.
import Engine
import Foundation
import Testing

@testable import Experiments

@Suite struct DatasetImageFolderTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// A 2x2 image of one value.
    private func grey(_ value: UInt8) -> [UInt8] {
        ImageSamples.png(channels: 1, height: 2, width: 2, planes: [UInt8](repeating: value, count: 4))
    }
    private func colour(_ value: UInt8, height: Int = 2, width: Int = 2) -> [UInt8] {
        let plane = [UInt8](repeating: 0, count: height * width)
        return ImageSamples.png(
            channels: 3, height: height, width: width, planes: plane.map { _ in value } + plane + plane)
    }

    private func load(grey: Bool = false, resize: ImageSize? = nil, _ name: String = "") throws -> Dataset {
        var spec = DataSpec(dataset: "folder")
        spec.path = name.isEmpty ? folder.path : folder[name]
        spec.grey = grey
        spec.resize = resize
        return try DatasetLoader.load(spec)
    }

    private func problem(of name: String = "") -> DatasetError? {
        #expect(throws: DatasetError.self) { try load(name) }
    }

    @Test func oneFolderAClass() throws {
        try folder.write(grey(1), "dog/b.png")
        try folder.write(grey(2), "dog/A.PNG")
        try folder.write(grey(3), "cat/x.png")
        try folder.write("no image", "cat/notes.txt")
        try folder.write("no image", "cat/.hidden.png")
        try folder.write("no image", ".cache/x.png")
        try folder.write(grey(9), "loose.png")
        let set = try load()
        #expect(set.classes == ["cat", "dog"])
        #expect(set.labels == [0, 1, 1])
        #expect(set.shape == .image(channels: 1, height: 2, width: 2))
        #expect(bytes(of: set) == [3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1])  // A before b.
        #expect(set.officialTest == nil && set.skipped.isEmpty)
        #expect(set.origin == "3 images in \(folder.path)")
    }

    @Test func trainAndTestFolders() throws {
        for (part, value) in [("train", 10), ("test", 20), ("val", 30)] {
            try folder.write(grey(UInt8(value)), "\(part)/b/1.png")
            try folder.write(grey(UInt8(value + 1)), "\(part)/a/1.png")
        }
        var set = try load()
        #expect(set.classes == ["a", "b"])
        #expect(set.labels == [0, 1, 0, 1, 0, 1])
        // The validation folder is part of what is trained on.
        #expect(stride(from: 0, to: 24, by: 4).map { bytes(of: set)[$0] } == [11, 10, 31, 30, 21, 20])
        #expect(set.officialTest == 4..<6)

        try FileManager.default.removeItem(atPath: folder["test"])
        set = try load()
        #expect(stride(from: 0, to: 16, by: 4).map { bytes(of: set)[$0] } == [11, 10, 31, 30])
        #expect(set.officialTest == 2..<4)

        try FileManager.default.removeItem(atPath: folder["val"])
        #expect(try load().officialTest == nil)
    }

    @Test func classesMayBeCalledTrainAndTest() throws {
        try folder.write(grey(1), "train/1.png")
        try folder.write(grey(2), "test/1.png")
        let set = try load()
        #expect(set.classes == ["test", "train"] && set.officialTest == nil)
    }

    @Test func classNamesMayBeAnyBytes() throws {
        try folder.write(grey(1), "ü/1.png")
        // Foundation takes no such names, the system does.
        for (byte, value) in [(UInt8(0xff), UInt8(2)), (0xfe, 3)] {
            let path = Array(folder.path.utf8) + [0x2f, 0x61, byte]
            #expect(mkdir(path.map { CChar(bitPattern: $0) } + [0], 0o700) == 0)
            let name = (path + Array("/1.png".utf8)).map { CChar(bitPattern: $0) } + [0]
            let file = try #require(fopen(name, "w"))
            let bytes = grey(value)
            #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
            fclose(file)
        }
        let set = try load()
        #expect(set.classes == ["a\\xfe", "a\\xff", "ü"])
        #expect(stride(from: 0, to: 12, by: 4).map { bytes(of: set)[$0] } == [3, 2, 1])
    }

    @Test func oneColourImageMakesAllColour() throws {
        try folder.write(grey(7), "a/1.png")
        try folder.write(colour(100), "b/1.png")
        let set = try load()
        #expect(set.shape == .image(channels: 3, height: 2, width: 2))
        #expect(Array(bytes(of: set).prefix(12)) == [UInt8](repeating: 7, count: 12))
        let asGrey = try load(grey: true)
        #expect(asGrey.shape == .image(channels: 1, height: 2, width: 2))
        #expect(bytes(of: asGrey) == [7, 7, 7, 7, 30, 30, 30, 30])  // 0.299 of 100
    }

    /// Decoding to a size at once and resizing afterwards, as other sets are, is the same to the last bit.
    @Test func resizeAndGreyAreThoseOfImagesInMemory() throws {
        for name in ["colour.png", "interlaced.png"] {
            let file = try ImageSamples.file(name)
            try folder.write(file, "\(name.prefix(1))/1.png")
        }
        let size = ImageSize(height: 6, width: 17)
        for grey in [false, true] {
            var plain = try load()
            try ImagePreparation(resize: size, grey: grey).apply(to: &plain)
            let direct = try load(grey: grey, resize: size)
            #expect(direct.features == plain.features && direct.shape == plain.shape)
        }
    }

    @Test func differentSizesNeedResize() throws {
        try folder.write(colour(1), "a/1.png")
        try folder.write(colour(2, height: 3, width: 4), "b/2.png")
        #expect(
            problem()
                == .sizesDiffer(
                    first: folder["a/1.png"], firstSize: "2x2", second: folder["b/2.png"], secondSize: "3x4"))
        let set = try load(resize: ImageSize(height: 5, width: 6))
        #expect(set.shape == .image(channels: 3, height: 5, width: 6) && set.count == 2)
        #expect(throws: DatasetError.settingOutOfRange(setting: "resize", value: 0, allowed: 1...4096)) {
            try load(resize: ImageSize(height: 0, width: 6))
        }
    }

    @Test func brokenFilesAreSkippedAndNamed() throws {
        for index in 0..<4 {
            try folder.write(colour(UInt8(index)), "a/\(index).png")
            try folder.write(colour(UInt8(10 + index)), "b/\(index).png")
        }
        try folder.write("this is text", "a/1.png")
        try folder.write(Array(colour(11).dropLast(30)), "b/1.png")  // The header is whole, the pixels are not.
        try folder.write([], "b/3.jpg")
        try FileManager.default.createDirectory(atPath: folder["b/9.png"], withIntermediateDirectories: false)
        let set = try load()
        #expect(
            set.skipped == [
                SkippedFile(path: folder["a/1.png"], reason: "not a PNG or JPEG file"),
                SkippedFile(path: folder["b/1.png"], reason: "the file ends early"),
                SkippedFile(path: folder["b/3.jpg"], reason: "the file is empty"),
                SkippedFile(path: folder["b/9.png"], reason: "it is not a regular file"),
            ])
        #expect(set.labels == [0, 0, 0, 1, 1, 1])
        #expect(stride(from: 0, to: 72, by: 12).map { bytes(of: set)[$0] } == [0, 2, 3, 10, 12, 13])
    }

    @Test func filesLargerThanTheFirstLook() throws {
        // 300x300 colour pixels, stored: more than 64 KiB, read a second time for its pixels.
        let planes = (0..<3 * 300 * 300).map { UInt8($0 % 253) }
        try folder.write(ImageSamples.png(channels: 3, height: 300, width: 300, planes: planes), "a/1.png")
        try folder.write(ImageSamples.png(channels: 3, height: 300, width: 300, planes: planes), "b/1.png")
        #expect(bytes(of: try load()) == planes + planes)
        // A JPEG whose header lies behind 130 KB of comments.
        let jpeg = try ImageSamples.file("colour.jpg")
        let comment = [0xff, 0xfe, 0xff, 0xff] + [UInt8](repeating: 0x20, count: 65533)
        let long = Array(jpeg[..<2]) + comment + comment + jpeg[2...]
        try folder.write(jpeg, "jpeg/a/1.jpg")
        try folder.write(long, "jpeg/b/1.jpg")
        let set = try load("jpeg")
        let expected = try #require(try ExpectedImages.load().files["colour.jpg"])
        #expect(bytes(of: set) == expected.colour + expected.colour)
    }

    @Test func whatIsWrongIsNamed() throws {
        try FileManager.default.createDirectory(atPath: folder["void"], withIntermediateDirectories: false)
        #expect(problem(of: "void") == .unrecognised(path: folder["void"]))
        try folder.write(grey(1), "one/a/1.png")
        #expect(problem(of: "one") == .tooFewClasses(path: folder["one"], found: ["a"]))
        try folder.write("text", "one/b/1.txt")
        #expect(problem(of: "one") == .classEmpty(path: folder["one/b"]))

        try folder.write(grey(1), "parts/train/a/1.png")
        try folder.write(grey(1), "parts/train/b/1.png")
        try folder.write(grey(1), "parts/test/c/1.png")
        #expect(problem(of: "parts") == .testOnlyClass(path: folder["parts/test/c"]))
        try folder.write("broken", "parts/test/c/1.png")
        try FileManager.default.moveItem(atPath: folder["parts/test/c"], toPath: folder["parts/test/a"])
        #expect(problem(of: "parts") == .empty(path: folder["parts/test"]))

        try folder.write(grey(1), "broken/a/1.png")
        try folder.write(grey(1), "broken/a/2.png")
        try folder.write("no", "broken/b/1.png")
        #expect(problem(of: "broken") == .classEmpty(path: folder["broken/b"]))
        try folder.write("no", "broken/a/1.png")
        #expect(
            problem(of: "broken")
                == .mostlyBroken(
                    path: folder["broken"], broken: 2, total: 3,
                    example: SkippedFile(path: folder["broken/a/1.png"], reason: "not a PNG or JPEG file")))
    }

    @Test func linksThatGoRoundDoNotHang() throws {
        try folder.write(grey(1), "a/1.png")
        try folder.write(grey(2), "b/1.png")
        let files = FileManager.default
        try files.createSymbolicLink(atPath: folder["a/up"], withDestinationPath: folder.path)
        try files.createSymbolicLink(atPath: folder["b/self.png"], withDestinationPath: folder["b/self.png"])
        try files.createSymbolicLink(atPath: folder["nowhere"], withDestinationPath: folder["gone"])
        let set = try load()
        #expect(set.count == 2 && set.skipped.map(\.path) == [folder["b/self.png"]])
        #expect(mkfifo(folder["b/pipe.png"], 0o600) == 0)
        #expect(try load().skipped.count == 2)
    }
}
