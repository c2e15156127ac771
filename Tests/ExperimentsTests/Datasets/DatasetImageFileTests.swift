// PNG and JPEG files against Pillow's reading of them; files cut short, damaged or made to harm.
import Engine
import Foundation
import Testing

@testable import Experiments

@Suite struct DatasetImageFileTests {
    private func largestDifference(_ a: [UInt8], _ b: [UInt8]) -> Int {
        a.count == b.count ? zip(a, b).map { abs(Int($0) - Int($1)) }.max() ?? 0 : .max
    }

    @Test(arguments: ImageSamples.names)
    func pixelsAreThoseOfPillow(name: String) throws {
        let expected = try #require(try ExpectedImages.load().files[name])
        let bytes = try ImageSamples.file(name)
        let colour = ImageSamples.decode(bytes, channels: 3, height: expected.height, width: expected.width)
        #expect(colour.problem == nil)
        #expect(largestDifference(colour.pixels, expected.colour) <= expected.tolerance)
        let grey = ImageSamples.decode(bytes, channels: 1, height: expected.height, width: expected.width)
        #expect(grey.problem == nil)
        if let wanted = expected.grey {
            #expect(largestDifference(grey.pixels, wanted) <= expected.tolerance)
        } else if expected.channels == 1 {
            #expect(grey.pixels == Array(expected.colour.prefix(grey.pixels.count)))
        }
    }

    @Test func headersSayKindAndSize() throws {
        let expected = try ExpectedImages.load().files
        #expect(expected.keys.sorted() == ImageSamples.names.sorted())
        let files = ImageFiles.readHeaders(
            ImageSamples.names.map { ImageFile(path: DiskPath(ImageSamples.path($0))) })
        for (name, file) in zip(ImageSamples.names, files) {
            let wanted = try #require(expected[name])
            #expect(file.problem == nil)
            #expect(
                file.header
                    == ImageHeader(
                        size: ImageSize(height: wanted.height, width: wanted.width), isGrey: wanted.channels == 1))
        }
    }

    @Test func resizingIsPillowsBilinear() throws {
        let expected = try ExpectedImages.load()
        let source = try #require(expected.files["colour.png"])
        let bytes = try ImageSamples.file("colour.png")
        for wanted in expected.resized {
            let direct = ImageSamples.decode(bytes, channels: 3, height: wanted.height, width: wanted.width)
            #expect(direct.problem == nil)
            #expect(largestDifference(direct.pixels, wanted.colour) <= 1)
            // Images in memory go the same way, to the last bit.
            var set = Dataset(
                name: "one", shape: .image(channels: 3, height: source.height, width: source.width), classes: ["a"],
                features: .bytes(source.colour), labels: [0], origin: "")
            try ImagePreparation(resize: ImageSize(height: wanted.height, width: wanted.width), grey: false)
                .apply(to: &set)
            #expect(set.features == .bytes(direct.pixels))
        }
    }

    @Test func theTestsOwnPNGIsRead() {
        let planes = (0..<3 * 200 * 150).map { UInt8($0 * 7 % 256) }  // Longer than one stored block.
        let bytes = ImageSamples.png(channels: 3, height: 200, width: 150, planes: planes)
        let read = ImageSamples.decode(bytes, channels: 3, height: 200, width: 150)
        #expect(read.problem == nil && read.pixels == planes)
    }

    /// A file cut anywhere is an error, or, where only its end mark is gone, the whole image.
    @Test(arguments: ImageSamples.names)
    func aCutFileIsNeverHalfAnImage(name: String) throws {
        let expected = try #require(try ExpectedImages.load().files[name])
        let bytes = try ImageSamples.file(name)
        let (height, width) = (expected.height, expected.width)
        let whole = ImageSamples.decode(bytes, channels: 3, height: height, width: width).pixels
        let cuts = Array(stride(from: 0, to: bytes.count, by: 16)) + (bytes.count - 16..<bytes.count)
        for cut in cuts {
            let read = ImageSamples.decode(Array(bytes[..<cut]), channels: 3, height: height, width: width)
            if let problem = read.problem {
                #expect(!problem.isEmpty)
            } else {
                #expect(read.pixels == whole && bytes.count - cut <= 12, "cut at \(cut) of \(bytes.count)")
            }
        }
    }

    /// Any byte may be wrong: an error or some image, never a crash.
    @Test(arguments: ImageSamples.names)
    func flippedBytesDoNotCrash(name: String) throws {
        let bytes = try ImageSamples.file(name)
        for position in bytes.indices {
            for flip: UInt8 in [0x01, 0x80, 0xff] {
                var damaged = bytes
                damaged[position] ^= flip
                _ = ImageSamples.decode(damaged, channels: 3, height: 8, width: 8)
            }
        }
    }

    @Test func hugeClaimsAreRefusedBeforeAnyMemoryIsTaken() throws {
        // Behind the signature and IHDR (33 bytes) the rest of a small file follows.
        let small = ImageSamples.png(channels: 3, height: 1, width: 1, planes: [1, 2, 3])
        let png = ImageSamples.pngHeader(colour: true, height: 30_000, width: 30_000) + small.dropFirst(33)
        // Height and width stand behind the length and precision of the SOF0 segment.
        var jpeg = try ImageSamples.file("colour.jpg")
        let frame = try #require(
            jpeg.indices.dropLast(9).first { jpeg[$0] == 0xff && jpeg[$0 + 1] == 0xc0 })
        jpeg.replaceSubrange(frame + 5..<frame + 9, with: [0x75, 0x30, 0x75, 0x30])
        // The reason shows that the claim itself was refused, not what follows it: pixels have no memory by then.
        let folder = try TemporaryFolder()
        for bytes in [png, jpeg] {
            let problem = "30000 x 30000 pixels are more than the 64 million allowed"
            #expect(ImageSamples.decode(bytes, channels: 3, height: 8, width: 8).problem == problem)
            try folder.write(bytes, "huge.png")
            let files = ImageFiles.readHeaders([ImageFile(path: DiskPath(folder["huge.png"]))])
            #expect(files[0].problem == problem && files[0].header == nil)
        }
    }

    @Test func whatIsNoImageIsSaid() {
        func problem(_ bytes: [UInt8]) -> String? {
            ImageSamples.decode(bytes, channels: 3, height: 4, width: 4).problem
        }
        #expect(problem([]) == "the file is empty")
        #expect(problem(Array("GIF89a".utf8)) == "not a PNG or JPEG file")
        #expect(problem([0xff, 0xd8, 0xff]) != nil)
    }

    @Test func moreThanTheMemoryIsRefused() throws {
        let file = ImageFile(path: DiskPath(ImageSamples.path("grey.png")))
        var files = Array(repeating: file, count: 100_000)
        let error = #expect(throws: DatasetError.self) {
            try ImageFiles.decode(&files, channels: 3, size: ImageSize(height: 40_000, width: 40_000))
        }
        guard case .memory(let what, _, _) = error else { throw Surprise() }
        #expect(what == "100000 images of 40000x40000")
    }

    @Test func namesOfImages() {
        for name in ["a.png", "B.JPG", "c.jPeG", ".x.png", "é.png"] { #expect(ImageFiles.isName(Array(name.utf8))) }
        for name in ["a.gif", "png", "a.png.txt", "jpeg", "a.pngx", ""] {
            #expect(!ImageFiles.isName(Array(name.utf8)))
        }
        #expect(ImageFiles.isName([0xff, 0xfe] + Array(".png".utf8)))
    }
}
