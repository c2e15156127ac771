// Palette: the fixed colours of the xterm-256 palette, for pictures.

/// The 6 x 6 x 6 cube (16 to 231) and the grey ramp (232 to 255) of the xterm-256 palette. The first 16 colours are the
/// user's own and never used.
public enum Palette {
    private static let levels: [Int] = [0, 95, 135, 175, 215, 255]
    private static let ramp: [Unicode.Scalar] = [" ", ".", ":", "-", "=", "+", "*", "#", "%", "@"]

    /// The colour nearest to one of 0 to 255 a channel, by distance in RGB.
    public static func nearest(red: UInt8, green: UInt8, blue: UInt8) -> UInt8 {
        let (r, g, b) = (Int(red), Int(green), Int(blue))
        func level(_ value: Int) -> Int { value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40 }
        let cube = (level(r), level(g), level(b))
        func distance(_ other: (Int, Int, Int)) -> Int {
            let (dr, dg, db) = (r - other.0, g - other.1, b - other.2)
            return dr * dr + dg * dg + db * db
        }
        let mean = (r + g + b) / 3
        let grey = min(23, max(0, (mean - 3) / 10))
        let shade = 8 + 10 * grey
        let coloured = distance((levels[cube.0], levels[cube.1], levels[cube.2]))
        if distance((shade, shade, shade)) < coloured { return UInt8(232 + grey) }
        return UInt8(16 + 36 * cube.0 + 6 * cube.1 + cube.2)
    }

    /// The colour of an index from 16 on; lower ones read as black.
    public static func colour(_ index: UInt8) -> (red: UInt8, green: UInt8, blue: UInt8) {
        if index >= 232 {
            let shade = 8 + 10 * (index - 232)
            return (shade, shade, shade)
        }
        guard index >= 16 else { return (0, 0, 0) }
        let cube = Int(index) - 16
        return (UInt8(levels[cube / 36]), UInt8(levels[cube / 6 % 6]), UInt8(levels[cube % 6]))
    }

    /// Brightness from 0 to 1 (Rec. 601).
    static func luma(red: Double, green: Double, blue: Double) -> Double {
        (0.299 * red + 0.587 * green + 0.114 * blue) / 255
    }

    static func luma(_ index: UInt8) -> Double {
        let colour = colour(index)
        return luma(red: Double(colour.red), green: Double(colour.green), blue: Double(colour.blue))
    }

    /// The character that looks about as bright as `brightness` (0 to 1) on a dark screen.
    static func shade(_ brightness: Double) -> Unicode.Scalar {
        ramp[min(ramp.count - 1, max(0, Int(brightness * Double(ramp.count))))]
    }

    /// The character for two pixels, one above the other.
    public static func shade(top: UInt8, bottom: UInt8) -> Unicode.Scalar { shade((luma(top) + luma(bottom)) / 2) }
}
