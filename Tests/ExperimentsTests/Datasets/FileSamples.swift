// Files for the tests: the small real images in Tests/Fixtures/images with what Pillow makes of them, and PNG and gzip
// files written on the spot.
import Engine
import Foundation

@testable import Experiments

/// What expected.json says; Tests/Fixtures/images/make.py made it with Pillow.
struct ExpectedImages: Decodable {
    struct File: Decodable {
        let channels: Int
        let width: Int
        let height: Int
        /// Levels by which a value may differ: 0 but where Pillow rounds otherwise.
        let tolerance: Int
        /// Three planes.
        let colour: [UInt8]
        /// One plane; nil: Pillow does not read the file exactly.
        let grey: [UInt8]?
    }
    struct Resized: Decodable {
        let height: Int
        let width: Int
        let colour: [UInt8]
    }
    let files: [String: File]
    /// colour.png in other sizes, by Pillow's BILINEAR.
    let resized: [Resized]

    static func load() throws -> ExpectedImages {
        try JSONDecoder().decode(ExpectedImages.self, from: Data(ImageSamples.file("expected.json")))
    }
}

enum ImageSamples {
    static let names = [
        "bits.png", "colour.jpg", "colour.png", "colour16.png", "colour-alpha.png", "grey.jpg", "grey.png",
        "grey16.png", "grey-alpha.png", "inks.jpg", "interlaced.png", "palette.png", "palette-transparent.png",
        "progressive.jpg",
    ]

    static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Fixtures/images/\(name)").path
    }

    static func file(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(name))))
    }

    /// An 8-bit PNG of planes, one (grey) or three (RGB), its pixels stored without compression.
    static func png(channels: Int, height: Int, width: Int, planes: [UInt8]) -> [UInt8] {
        let plane = height * width
        var rows: [UInt8] = []
        for y in 0..<height {
            rows.append(0)  // no filter
            for x in 0..<width {
                for channel in 0..<channels { rows.append(planes[channel * plane + y * width + x]) }
            }
        }
        var data: [UInt8] = [0x78, 0x01]
        for start in stride(from: 0, to: rows.count, by: 65535) {
            let block = rows[start..<min(start + 65535, rows.count)]
            let length = UInt16(block.count)
            data.append(start + block.count == rows.count ? 1 : 0)
            data += [length, ~length].flatMap(littleEndian)
            data += block
        }
        var (a, b) = (UInt32(1), UInt32(0))
        for byte in rows {
            a = (a + UInt32(byte)) % 65521
            b = (b + a) % 65521
        }
        data += bigEndian(b << 16 | a)
        return pngHeader(colour: channels == 3, height: height, width: width)
            + chunk("IDAT", data) + chunk("IEND", [])
    }

    /// Signature and IHDR of a PNG file that claims this size.
    static func pngHeader(colour: Bool, height: Int, width: Int) -> [UInt8] {
        [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
            + chunk(
                "IHDR",
                bigEndian(UInt32(width)) + bigEndian(UInt32(height)) + [8, colour ? 2 : 0, 0, 0, 0])
    }

    private static func chunk(_ name: String, _ body: [UInt8]) -> [UInt8] {
        let named = Array(name.utf8) + body
        return bigEndian(UInt32(body.count)) + named + bigEndian(crc(named))
    }

    /// The checksum of PNG and gzip.
    static func crc(_ bytes: [UInt8]) -> UInt32 {
        var crc = ~UInt32(0)
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xedb8_8320 : crc >> 1 }
        }
        return ~crc
    }

    private static func bigEndian(_ word: UInt32) -> [UInt8] { withUnsafeBytes(of: word.bigEndian, Array.init) }

    /// What the decoder makes of `bytes`: planes, or what is wrong.
    static func decode(
        _ bytes: [UInt8], channels: Int, height: Int, width: Int
    ) -> (pixels: [UInt8], problem: String?) {
        var pixels = [UInt8](repeating: 0, count: channels * height * width)
        let problem = pixels.withUnsafeMutableBufferPointer { buffer -> String? in
            guard let base = buffer.baseAddress else { return "no pixels" }
            return ImageFiles.decode(
                bytes, channels: channels, size: ImageSize(height: height, width: width), into: base)
        }
        return (pixels, problem)
    }
}

extension TemporaryFolder {
    /// Writes a file, and the folders on its way.
    func write(_ bytes: [UInt8], _ name: String) throws {
        let file = URL(fileURLWithPath: self[name])
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
    }

    func write(_ text: String, _ name: String) throws { try write(Array(text.utf8), name) }
}

/// `bytes` as a gzip file, stored without compression (at most 65,535 bytes).
func gzipped(_ bytes: [UInt8]) -> [UInt8] {
    let length = UInt16(bytes.count)
    let head: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1]
    return head + [length, ~length].flatMap(littleEndian) + bytes + littleEndian(ImageSamples.crc(bytes))
        + littleEndian(UInt32(bytes.count))
}

private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian, Array.init)
}
