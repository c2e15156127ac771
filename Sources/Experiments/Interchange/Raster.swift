// Raster: a small picture of pixels with lines, cells and digits, for programs that show no other pictures.
import CImages
import Foundation

/// RGB pixels, top row first, white at first.
struct Raster {
    /// Red, green, blue, 0 to 255.
    typealias Colour = (UInt8, UInt8, UInt8)

    let width: Int
    let height: Int
    private(set) var pixels: [UInt8]

    init(width: Int, height: Int) {
        precondition((1...4096).contains(width) && (1...4096).contains(height), "\(width)x\(height) pixels")
        (self.width, self.height) = (width, height)
        pixels = Array(repeating: 255, count: 3 * width * height)
    }

    /// Series after Okabe & Ito (2008), darkened for white paper.
    static let series: [Colour] = [
        (0, 114, 178), (213, 94, 0), (0, 158, 115), (170, 68, 153), (51, 153, 204), (153, 119, 0),
    ]
    static let grey: Colour = (128, 128, 128)
    static let black: Colour = (32, 32, 32)

    subscript(x: Int, y: Int) -> Colour {
        get { (pixels[3 * (y * width + x)], pixels[3 * (y * width + x) + 1], pixels[3 * (y * width + x) + 2]) }
        set {
            guard (0..<width).contains(x), (0..<height).contains(y) else { return }
            let place = 3 * (y * width + x)
            (pixels[place], pixels[place + 1], pixels[place + 2]) = newValue
        }
    }

    /// A filled rectangle; what lies outside is left out.
    mutating func fill(x: Int, y: Int, width: Int, height: Int, _ colour: Colour) {
        for row in max(0, y)..<max(0, y, min(self.height, y + height)) {
            for column in max(0, x)..<max(0, x, min(self.width, x + width)) { self[column, row] = colour }
        }
    }

    /// A line by Bresenham's rule (1965), `thickness` pixels thick.
    mutating func line(
        _ x0: Int, _ y0: Int, _ x1: Int, _ y1: Int, _ colour: Colour, thickness: Int = 1, isDotted: Bool = false
    ) {
        var (x, y, count) = (x0, y0, 0)
        let (dx, dy) = (abs(x1 - x0), -abs(y1 - y0))
        let (stepX, stepY) = (x0 < x1 ? 1 : -1, y0 < y1 ? 1 : -1)
        var error = dx + dy
        while true {
            if !isDotted || count % 8 < 4 { fill(x: x, y: y, width: thickness, height: thickness, colour) }
            if x == x1, y == y1 { return }
            count += 1
            let doubled = 2 * error
            if doubled >= dy { (error, x) = (error + dy, x + stepX) }
            if doubled <= dx { (error, y) = (error + dx, y + stepY) }
        }
    }

    /// Rows of 3 bits, top first.
    private static let glyphs: [Character: [UInt8]] = [
        "0": [7, 5, 5, 5, 7], "1": [2, 6, 2, 2, 7], "2": [7, 1, 7, 4, 7], "3": [7, 1, 3, 1, 7], "4": [5, 5, 7, 1, 1],
        "5": [7, 4, 7, 1, 7], "6": [7, 4, 7, 5, 7], "7": [7, 1, 2, 2, 2], "8": [7, 5, 7, 5, 7], "9": [7, 5, 7, 1, 7],
        ".": [0, 0, 0, 0, 2], "-": [0, 0, 7, 0, 0],
    ]
    /// Pixels of a pixel of a glyph.
    private static let magnification = 2
    static let textHeight = 5 * magnification
    static func textWidth(_ text: String) -> Int { max(0, text.count * 4 - 1) * magnification }

    /// Digits, points and minus signs; others are blank.
    mutating func digits(_ text: String, x: Int, y: Int, _ colour: Colour) {
        for (place, character) in text.enumerated() {
            for (row, bits) in (Self.glyphs[character] ?? []).enumerated() {
                for column in 0..<3 where bits >> (2 - column) & 1 == 1 {
                    let size = Self.magnification
                    fill(
                        x: x + (place * 4 + column) * size, y: y + row * size, width: size, height: size, colour)
                }
            }
        }
    }

    /// The picture as a PNG file; nil: there is no memory.
    func png() -> Data? {
        let capacity = wb_png_size_limit(Int32(width), Int32(height))
        var output = [UInt8](repeating: 0, count: capacity)
        let size = wb_png_encode(pixels, Int32(width), Int32(height), &output, capacity)
        return size > 0 ? Data(output.prefix(Int(size))) : nil
    }
}
