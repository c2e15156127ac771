// SuperpixelMap: an explained image, its parts coloured by what they speak for.

import Charts
import Engine

/// The image with parts that speak for the class in one colour, those against it in another, the rest grey and dark.
struct SuperpixelMap {
    var picture: Explanation.Picture
    var terms: [Surrogate.Term]
    var theme: Theme
    var glyphs: GlyphSet

    /// For eyes that do not tell green from red apart.
    private var isSafe: Bool { theme == .safe }
    var supportsRole: Role { .good }
    var opposesRole: Role { .bad }

    /// Weight of each superpixel as a share of the largest, -1 to 1.
    private var shares: [Int: Double] {
        let largest = terms.map(\.weight.magnitude).max() ?? 0
        guard largest > 0 else { return [:] }
        return Dictionary(terms.map { ($0.feature, $0.weight / largest) }, uniquingKeysWith: { first, _ in first })
    }

    /// Red, green and blue.
    private func colour(supports: Bool) -> [Double] {
        if isSafe { return supports ? [60, 130, 255] : [255, 150, 0] }
        return supports ? [40, 220, 90] : [240, 50, 60]
    }

    func draw(into grid: inout Grid, in rect: Rect) {
        let size = Charts.Thumbnail.cells(
            height: picture.height, width: picture.width, maxRows: rect.rows, maxColumns: rect.columns)
        guard size.rows > 0, size.columns > 0 else { return }
        guard glyphs != .ascii else { return drawSigns(into: &grid, in: rect, size) }
        let count = picture.height * picture.width
        var pixels = [UInt8](repeating: 0, count: 3 * count)
        let shares = shares
        for pixel in 0..<count {
            let luma = luma(pixel)
            let share = shares[picture.segments[pixel]] ?? 0
            // Dark parts must show their colour too.
            let grey = 40 + luma * 0.45
            let strength = share.magnitude.squareRoot() * 0.75
            let tint = colour(supports: share > 0)
            for (channel, colour) in tint.enumerated() {
                let value = share == 0 ? grey * 0.7 : grey * (1 - strength) + colour * strength
                pixels[channel * count + pixel] = UInt8(min(255, max(0, value.rounded())))
            }
        }
        Charts.Thumbnail(
            channels: 3, height: picture.height, width: picture.width, pixels: pixels, glyphs: glyphs
        ).draw(into: &grid, in: rect)
    }

    private func luma(_ pixel: Int) -> Double {
        let count = picture.height * picture.width
        if picture.channels == 1 { return Double(picture.pixels[pixel]) }
        return 0.299 * Double(picture.pixels[pixel]) + 0.587 * Double(picture.pixels[count + pixel])
            + 0.114 * Double(picture.pixels[2 * count + pixel])
    }

    /// Without colours and half blocks: a sign a cell.
    private func drawSigns(into grid: inout Grid, in rect: Rect, _ size: (rows: Int, columns: Int)) {
        let shares = shares
        for row in 0..<size.rows {
            for column in 0..<size.columns {
                let y = min(picture.height - 1, (2 * row + 1) * picture.height / (2 * size.rows))
                let x = min(picture.width - 1, column * picture.width / size.columns)
                let share = shares[picture.segments[y * picture.width + x]] ?? 0
                let sign: Unicode.Scalar =
                    share > 0.5 ? "+" : share > 0 ? "." : share < -0.5 ? "=" : share < 0 ? "-" : " "
                grid[rect.row + row, rect.column + column] = Cell(
                    sign, Style(share > 0 ? .good : share < 0 ? .bad : .dim))
            }
        }
    }
}
