// The ten shapes of the made-up image set: drawn as a function of place, in random colours on a random texture.
import Engine

/// A figure in a 32x32 colour image.
enum Shape: String, CaseIterable {
    case disc, ring, square, triangle, cross, star, stripes, checkerboard, blobs, wave

    /// Pixels on each side of an image.
    static let side = 32

    /// Draws one image as three planes. What differs between two images of a class: colours (only their distance is
    /// sure), place, size, rotation, the texture behind and on the figure, and noise; so no single pixel tells.
    func draw(into planes: UnsafeMutableBufferPointer<UInt8>, _ random: inout CounterRandom) {
        let side = Self.side
        let ground = Self.colour(&random)
        var figure = Self.colour(&random)
        while Self.distance(ground, figure) < 110 { figure = Self.colour(&random) }
        let texture = Texture(&random)
        let turn = random.direction()
        let radius = random.uniform(8, 13)
        let centre = (x: random.uniform(12, 20), y: random.uniform(12, 20))
        let blobs = (0..<5).map { index in
            // Apart from each other: one in each fifth of a turn.
            let place = circlePoint(turns: (Double(index) + random.uniform(-0.15, 0.15)) / 5)
            let distance = random.uniform(0.6, 0.8)
            return (x: place.x * distance, y: place.y * distance)
        }
        let phase = random.uniform(0, 1)
        let noise = random.uniform(4, 16)
        for y in 0..<side {
            for x in 0..<side {
                // Four samples a pixel soften the edge.
                var cover = 0.0
                for sample in 0..<4 {
                    let dx = Double(x) + (sample & 1 == 0 ? 0.25 : 0.75) - centre.x
                    let dy = Double(y) + (sample < 2 ? 0.25 : 0.75) - centre.y
                    let u = (turn.x * dx + turn.y * dy) / radius
                    let v = (turn.x * dy - turn.y * dx) / radius
                    if contains(u, v, phase: phase, blobs: blobs) { cover += 0.25 }
                }
                let shade = texture.value(x: x, y: y)
                for channel in 0..<3 {
                    let clean = ground[channel] + (figure[channel] - ground[channel]) * cover
                    let value = clean + shade + noise * random.normal()
                    planes[(channel * side + y) * side + x] = UInt8(min(max(value, 0), 255).rounded())
                }
            }
        }
    }

    /// Whether a point of the figure's own square (-1 to 1 both ways) belongs to it.
    private func contains(_ u: Double, _ v: Double, phase: Double, blobs: [(x: Double, y: Double)]) -> Bool {
        let square = u * u + v * v
        let inFrame = abs(u) < 0.95 && abs(v) < 0.95
        switch self {
        case .disc: return square < 0.8
        case .ring: return square < 1 && square > 0.36
        case .square: return abs(u) < 0.8 && abs(v) < 0.8
        case .triangle: return v > -0.6 && v + 1.75 * abs(u) < 1
        case .cross: return (abs(u) < 0.28 && abs(v) < 1) || (abs(v) < 0.28 && abs(u) < 1)
        case .star: return Self.star(u, v)
        case .stripes: return inFrame && Self.isEven(v * 2.2 + phase)
        case .checkerboard: return inFrame && Self.isEven(u * 1.6 + phase) == Self.isEven(v * 1.6 + phase)
        case .blobs: return blobs.contains { ($0.x - u) * ($0.x - u) + ($0.y - v) * ($0.y - v) < 0.06 }
        case .wave:
            let height = circlePoint(turns: u * 0.8 + phase).y * 0.45
            return abs(u) < 1.1 && abs(v - height) < 0.22
        }
    }

    /// Five points: inside at least four of the five edges' half planes, as in a pentagram.
    private static func star(_ u: Double, _ v: Double) -> Bool {
        normals.count { $0.x * u + $0.y * v < 0.36 } >= 4 && u * u + v * v < 1.4
    }

    private static let normals = (0..<5).map { circlePoint(turns: Double($0) / 5) }

    private static func isEven(_ value: Double) -> Bool { Int(value.rounded(.down)) & 1 == 0 }

    private static func colour(_ random: inout CounterRandom) -> [Double] {
        (0..<3).map { _ in random.uniform(20, 235) }
    }

    private static func distance(_ a: [Double], _ b: [Double]) -> Double {
        zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    }
}

/// Soft hills and dales over a whole image: values at the corners of a coarse grid, bilinear between them.
private struct Texture {
    private let corners: [Double]
    private let cell: Int
    private let columns: Int

    init(_ random: inout CounterRandom) {
        cell = [4, 6, 8, 12][random.below(4)]
        columns = Shape.side / cell + 2
        let strength = random.uniform(5, 35)
        corners = (0..<columns * columns).map { _ in random.uniform(-strength, strength) }
    }

    func value(x: Int, y: Int) -> Double {
        let (column, row) = (x / cell, y / cell)
        let (across, down) = (Double(x % cell) / Double(cell), Double(y % cell) / Double(cell))
        func corner(_ row: Int, _ column: Int) -> Double { corners[row * columns + column] }
        let top = corner(row, column) * (1 - across) + corner(row, column + 1) * across
        let bottom = corner(row + 1, column) * (1 - across) + corner(row + 1, column + 1) * across
        return top * (1 - down) + bottom * down
    }
}
