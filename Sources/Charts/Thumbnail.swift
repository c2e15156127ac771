// Thumbnail: a small picture in cells, two pixels in each.

/// A picture of bytes. With more than ASCII a cell is an upper half block in two colours of the xterm-256 palette; in ASCII
/// it is one of ten characters, as bright as its two pixels.
public struct Thumbnail: Sendable {
    /// 1 (grey) or 3 (red, green, blue).
    public var channels: Int
    public var height: Int
    public var width: Int
    /// Planes: channel, row, column; 0 to 255.
    public var pixels: [UInt8]
    public var glyphs: GlyphSet

    public init(channels: Int, height: Int, width: Int, pixels: [UInt8], glyphs: GlyphSet) {
        precondition(channels == 1 || channels == 3, "\(channels) channels")
        precondition(height >= 0 && width >= 0, "\(height) x \(width)")
        precondition(
            pixels.count == channels * height * width, "\(pixels.count) pixels for \(channels)x\(height)x\(width)")
        self.channels = channels
        self.height = height
        self.width = width
        self.pixels = pixels
        self.glyphs = glyphs
    }

    /// The cells of a picture of `height` by `width` pixels within `maxRows` by `maxColumns` cells: as many times larger as
    /// fits, a whole number, or smaller by one ratio both ways. A cell is taken for twice as high as wide.
    public static func cells(height: Int, width: Int, maxRows: Int, maxColumns: Int) -> (rows: Int, columns: Int) {
        guard height > 0, width > 0, maxRows > 0, maxColumns > 0 else { return (0, 0) }
        let times = min(maxColumns / width, 2 * maxRows / height)
        if times >= 1 { return ((height * times + 1) / 2, width * times) }
        let ratio = min(Double(maxColumns) / Double(width), Double(2 * maxRows) / Double(height))
        let rows = max(1, Int((Double(height) * ratio / 2).rounded(.down)))
        return (min(maxRows, rows), min(maxColumns, max(1, Int((Double(width) * ratio).rounded(.down)))))
    }

    /// Draws the picture into the upper left of `rect`, as large as it gets there.
    /// - Complexity: O(pixels + cells).
    public func draw(into grid: inout Grid, in rect: Rect) {
        let size = Self.cells(height: height, width: width, maxRows: rect.rows, maxColumns: rect.columns)
        guard size.rows > 0, size.columns > 0, pixels.count == channels * height * width else { return }
        // An odd last row of pixels fills its cell alone.
        let times = min(rect.columns / width, 2 * rect.rows / height)
        let planes = (0..<channels).map { channel in
            times >= 1
                ? nearest(channel, times: times, rows: 2 * size.rows, columns: size.columns)
                : averaged(channel, rows: 2 * size.rows, columns: size.columns)
        }
        for row in 0..<size.rows {
            for column in 0..<size.columns {
                let top = 2 * row * size.columns + column
                let bottom = top + size.columns
                grid[rect.row + row, rect.column + column] = cell(planes.map { ($0[top], $0[bottom]) })
            }
        }
    }

    /// A cell of an upper and a lower pixel, by channel.
    private func cell(_ pair: [(top: UInt8, bottom: UInt8)]) -> Cell {
        let (red, green, blue) = (pair[0], pair[channels == 3 ? 1 : 0], pair[channels == 3 ? 2 : 0])
        guard glyphs != .ascii else {
            let luma =
                Palette.luma(red: Double(red.top), green: Double(green.top), blue: Double(blue.top))
                + Palette.luma(red: Double(red.bottom), green: Double(green.bottom), blue: Double(blue.bottom))
            return Cell(Palette.shade(luma / 2), Style(.text))
        }
        let top = Palette.nearest(red: red.top, green: green.top, blue: blue.top)
        let bottom = Palette.nearest(red: red.bottom, green: green.bottom, blue: blue.bottom)
        return Cell("▀", Style(.pixels(top: top, bottom: bottom)))
    }

    private func nearest(_ channel: Int, times: Int, rows: Int, columns: Int) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(rows * columns)
        for row in 0..<rows {
            let start = (channel * height + min(height - 1, row / times)) * width
            for column in 0..<columns { out.append(pixels[start + min(width - 1, column / times)]) }
        }
        return out
    }

    /// Means over the areas that the new pixels cover, columns first.
    private func averaged(_ channel: Int, rows: Int, columns: Int) -> [UInt8] {
        let across = (0..<columns).map { Self.shares($0, of: columns, over: width) }
        var narrow = Array(repeating: 0.0, count: height * columns)
        for row in 0..<height {
            let start = (channel * height + row) * width
            for column in 0..<columns {
                var sum = 0.0
                for (index, share) in across[column] { sum += share * Double(pixels[start + index]) }
                narrow[row * columns + column] = sum
            }
        }
        var out: [UInt8] = []
        out.reserveCapacity(rows * columns)
        for row in 0..<rows {
            let shares = Self.shares(row, of: rows, over: height)
            for column in 0..<columns {
                var sum = 0.0
                for (index, share) in shares { sum += share * narrow[index * columns + column] }
                out.append(UInt8(min(255, max(0, sum.rounded()))))
            }
        }
        return out
    }

    /// The old pixels under the new pixel `index` of `count`, and what each contributes.
    private static func shares(_ index: Int, of count: Int, over size: Int) -> [(index: Int, share: Double)] {
        let scale = Double(size) / Double(count)
        let (from, to) = (Double(index) * scale, Double(index + 1) * scale)
        return (Int(from)..<max(Int(from) + 1, Int(to.rounded(.up)))).filter { $0 < size }.map { old in
            (old, max(0, min(to, Double(old + 1)) - max(from, Double(old))) / scale)
        }
    }
}
