// Heat: the colours of heat maps, from a little to all, for each background.

import Charts
import Foundation

/// Two families of eight colours, the weakest first, each nearer to the other end of brightness than the one before.
struct Heat {
    /// Colours of the 256-colour palette for levels 1 to 8. What is wrong begins with grey: a matrix is full of small
    /// mistakes, and should not be full of red.
    let good: [Int]
    let bad: [Int]
    /// The foreground where nothing is.
    let nothing: Int
    /// The hues where there are only eight colours.
    let basic: (good: Int, bad: Int)

    /// Greens and reds that get brighter.
    static let dark = Heat(
        good: [22, 28, 65, 71, 77, 114, 120, 157], bad: [235, 52, 88, 124, 131, 167, 203, 210], nothing: 242,
        basic: (2, 1))
    /// Greens and reds that get darker.
    static let light = Heat(
        good: [194, 157, 120, 114, 71, 65, 28, 22], bad: [255, 224, 217, 210, 203, 167, 124, 88], nothing: 246,
        basic: (2, 1))
    /// Blues and oranges that get brighter.
    static let safe = Heat(
        good: [18, 24, 25, 31, 67, 74, 117, 153], bad: [236, 58, 94, 130, 136, 172, 208, 214], nothing: 242,
        basic: (6, 3))

    /// How a heat or a shade looks; a heat's number is black or white, whichever can be read on it.
    func numbers(_ role: Role) -> Theme.Numbers {
        switch role {
        case .heat(let level, let good):
            guard let colour = colour(level, good) else { return (nothing, nil, nil) }
            return (Heat.isBright(colour) ? 16 : 231, colour, good ? basic.good : basic.bad)
        case .shade(let level, let good):
            // A thin glyph in the weakest colours could not be seen; its thinness says enough.
            let colour = level > 0 ? colour(max(level, 3), good) : nil
            return (colour ?? nothing, nil, good ? basic.good : basic.bad)
        default: return (nil, nil, nil)
        }
    }

    private func colour(_ level: Int, _ good: Bool) -> Int? {
        level > 0 ? (good ? self.good : bad)[min(level, 8) - 1] : nil
    }

    /// Whether black is easier to read on a colour than white (relative luminance of WCAG 2.1, 0.179 being between).
    private static func isBright(_ index: Int) -> Bool { luminance(index) > 0.179 }

    /// Relative luminance, 0 to 1 (WCAG 2.1; the gamma curve taken as a power of 2.2).
    static func luminance(_ index: Int) -> Double {
        let colour = Palette.colour(UInt8(clamping: index))
        func light(_ value: UInt8) -> Double { pow(Double(value) / 255, 2.2) }
        return 0.2126 * light(colour.red) + 0.7152 * light(colour.green) + 0.0722 * light(colour.blue)
    }
}
