// Superpixels: patches of an image that look alike, which are hidden or shown as a whole.
import Foundation

/// Which patch each pixel of an image belongs to.
public struct Superpixels: Sendable, Equatable {
    public let height: Int
    public let width: Int
    /// (height, width), from 0; every number up to the largest occurs, and each patch is connected.
    public let segments: [Int]
    public let count: Int

    /// The superpixels of `pixels`, (channels, height, width), 0 to 255: by SLIC where a side has at least 40 pixels, else a grid. In
    /// smaller images a cluster of colours would have but a handful of pixels and follow their noise.
    public init(_ pixels: [UInt8], channels: Int, height: Int, width: Int) {
        precondition(pixels.count == channels * height * width, "\(pixels.count) pixels")
        let segments =
            max(height, width) >= Self.leastSideForSLIC
            ? Self.slic(pixels, channels: channels, height: height, width: width)
            : Self.grid(height: height, width: width)
        self.height = height
        self.width = width
        self.segments = segments
        count = (segments.max() ?? -1) + 1
    }

    private static let leastSideForSLIC = 40
    /// A thousand perturbations tell some sixty patches apart, fifteen for each; more patches would ask for more of them.
    private static let mostCells = 64
    private static let wantedClusters = 48

    /// Square cells, the smallest of which there are at most 64: 4x4 pixels for 28x28 and 32x32. No single pixels: hidden, they would
    /// look the same, so 8x8 has cells of 2x2.
    static func grid(height: Int, width: Int) -> [Int] {
        var cell = 2
        func parts(_ side: Int) -> Int { (side + cell - 1) / cell }
        while parts(height) * parts(width) > mostCells { cell += 1 }
        let columns = parts(width)
        return (0..<height).flatMap { y in (0..<width).map { x in y / cell * columns + x / cell } }
    }

    /// Simple linear iterative clustering (Achanta et al. 2012): k-means over CIELAB colour and place, each cluster looked for within
    /// twice its size, then what is not connected to its cluster joins a neighbour.
    static func slic(_ pixels: [UInt8], channels: Int, height: Int, width: Int) -> [Int] {
        let colours = lab(pixels, channels: channels, plane: height * width)
        let step = (Double(height * width) / Double(wantedClusters)).squareRoot()
        var centres = seeds(colours, height: height, width: width, step: step)
        // Compactness 10, as the paper has it: colours differ by up to 100, places within a cluster by a step.
        let placeWeight = Float(10 * 10 / (step * step))
        let reach = Int(step.rounded(.up))
        var labels = [Int](repeating: -1, count: height * width)
        var distances = [Float](repeating: .infinity, count: height * width)
        for _ in 0..<10 {
            for index in distances.indices { distances[index] = .infinity }
            for (number, centre) in centres.enumerated() {
                let (cy, cx) = (Int(centre.y.rounded()), Int(centre.x.rounded()))
                for y in max(0, cy - reach)...max(0, min(height - 1, cy + reach)) {
                    for x in max(0, cx - reach)...max(0, min(width - 1, cx + reach)) {
                        let place = y * width + x
                        let colour = colours[place] - centre.colour
                        let (dy, dx) = (Float(y) - centre.y, Float(x) - centre.x)
                        let distance = (colour * colour).sum() + placeWeight * (dy * dy + dx * dx)
                        if distance < distances[place] { (distances[place], labels[place]) = (distance, number) }
                    }
                }
            }
            var sums = [Centre](repeating: Centre(colour: .zero, y: 0, x: 0), count: centres.count)
            var sizes = [Float](repeating: 0, count: centres.count)
            for place in labels.indices where labels[place] >= 0 {
                let label = labels[place]
                sums[label].colour += colours[place]
                sums[label].y += Float(place / width)
                sums[label].x += Float(place % width)
                sizes[label] += 1
            }
            for label in centres.indices where sizes[label] > 0 {
                centres[label] = Centre(
                    colour: sums[label].colour / sizes[label], y: sums[label].y / sizes[label],
                    x: sums[label].x / sizes[label])
            }
        }
        return connected(labels, colours, height: height, width: width, least: Int(step * step / 4))
    }

    private struct Centre {
        var colour: SIMD4<Float>
        var y: Float
        var x: Float
    }

    /// Centres on a grid, each moved to the flattest place of the nine around it.
    private static func seeds(_ colours: [SIMD4<Float>], height: Int, width: Int, step: Double) -> [Centre] {
        func roughness(_ y: Int, _ x: Int) -> Float {
            guard y > 0, y < height - 1, x > 0, x < width - 1 else { return .infinity }
            let across = colours[y * width + x + 1] - colours[y * width + x - 1]
            let down = colours[(y + 1) * width + x] - colours[(y - 1) * width + x]
            return (across * across).sum() + (down * down).sum()
        }
        let rows = max(1, Int((Double(height) / step).rounded()))
        let columns = max(1, Int((Double(width) / step).rounded()))
        var centres: [Centre] = []
        for row in 0..<rows {
            for column in 0..<columns {
                var (y, x) = ((2 * row + 1) * height / (2 * rows), (2 * column + 1) * width / (2 * columns))
                var least = roughness(y, x)
                for (ny, nx) in (-1...1).flatMap({ dy in (-1...1).map { dx in (y + dy, x + dx) } })
                where roughness(ny, nx) < least {
                    (least, y, x) = (roughness(ny, nx), ny, nx)
                }
                centres.append(Centre(colour: colours[y * width + x], y: Float(y), x: Float(x)))
            }
        }
        return centres
    }

    /// Connected patches, numbered in reading order. One with fewer than `least` pixels joins the neighbour whose colour is nearest.
    private static func connected(
        _ labels: [Int], _ colours: [SIMD4<Float>], height: Int, width: Int, least: Int
    ) -> [Int] {
        var pieces = [Int](repeating: -1, count: labels.count)
        var patches: [Patch] = []
        for start in labels.indices where pieces[start] < 0 {
            var places = [start]
            var patch = Patch()
            pieces[start] = patches.count
            var next = 0
            while next < places.count {
                let place = places[next]
                next += 1
                patch.colours += colours[place]
                let (y, x) = (place / width, place % width)
                for (ny, nx) in [(y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)]
                where (0..<height).contains(ny) && (0..<width).contains(nx) {
                    let other = ny * width + nx
                    if pieces[other] < 0, labels[other] == labels[start] {
                        pieces[other] = patches.count
                        places.append(other)
                    } else if pieces[other] >= 0, pieces[other] != patches.count {
                        patch.neighbours.insert(pieces[other])
                        patches[pieces[other]].neighbours.insert(patches.count)
                    }
                }
            }
            patch.size = places.count
            patches.append(patch)
        }
        // Where each patch went.
        var heirs = Array(patches.indices)
        func heir(_ patch: Int) -> Int {
            var patch = patch
            while heirs[patch] != patch { patch = heirs[patch] }
            return patch
        }
        for index in patches.indices where patches[index].size < least && heirs[index] == index {
            let colour = patches[index].mean
            func difference(_ other: Int) -> Float {
                let difference = patches[other].mean - colour
                return (difference * difference).sum()
            }
            let around = Set(patches[index].neighbours.map(heir)).subtracting([index]).sorted()
            guard let nearest = around.min(by: { difference($0) < difference($1) }) else { continue }
            heirs[index] = nearest
            patches[nearest].size += patches[index].size
            patches[nearest].colours += patches[index].colours
            patches[nearest].neighbours.formUnion(patches[index].neighbours)
        }
        var numbers: [Int: Int] = [:]
        return pieces.map { piece in
            let patch = heir(piece)
            if let known = numbers[patch] { return known }
            numbers[patch] = numbers.count
            return numbers.count - 1
        }
    }

    /// A connected patch while small ones are joined.
    private struct Patch {
        var size = 0
        /// Sum over its pixels.
        var colours = SIMD4<Float>.zero
        var neighbours: Set<Int> = []
        var mean: SIMD4<Float> { colours / Float(max(1, size)) }
    }

    /// CIELAB under D65 of sRGB; grey images have only a lightness.
    private static func lab(_ pixels: [UInt8], channels: Int, plane: Int) -> [SIMD4<Float>] {
        let linear = (0..<256).map { byte -> Float in
            let value = Float(byte) / 255
            return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
        }
        func bent(_ value: Float) -> Float {
            value > 216 / 24389 ? cbrt(value) : (24389 / 27 * value + 16) / 116
        }
        return (0..<plane).map { place in
            let r = linear[Int(pixels[place])]
            guard channels >= 3 else { return SIMD4(116 * bent(r) - 16, 0, 0, 0) }
            let (g, b) = (linear[Int(pixels[plane + place])], linear[Int(pixels[2 * plane + place])])
            let x = bent((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047)
            let y = bent(0.2126729 * r + 0.7151522 * g + 0.0721750 * b)
            let z = bent((0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883)
            return SIMD4(116 * y - 16, 500 * (x - y), 200 * (y - z), 0)
        }
    }
}

/// An image with some of its superpixels hidden: those have their mean colour. A feature of the surrogate is 1 where one is seen.
///
/// `@unchecked Sendable`: written in init only.
public final class ImageNeighbourhood: Neighbourhood, @unchecked Sendable {
    let features: Int
    let example: [Float]
    let defaultKernelWidth = 0.25
    private let channels: Int
    private let plane: Int
    private let width: Int
    /// As the first layer takes them: the bits of the image's values and of those of the hidden one.
    private let seen: UnsafeMutablePointer<UInt32>
    private let hidden: UnsafeMutablePointer<UInt32>
    private let segments: UnsafeMutablePointer<Int32>
    private let arena = Arena()

    /// The neighbourhood of `pixels`, (channels, height, width), 0 to 255.
    public init(_ pixels: [UInt8], superpixels: Superpixels, preprocessing: Preprocessing) {
        channels = preprocessing.scale.count
        plane = superpixels.segments.count
        width = superpixels.width
        precondition(pixels.count == channels * plane, "\(pixels.count) pixels")
        features = superpixels.count
        example = Array(repeating: 1, count: superpixels.count)
        seen = arena.allocate(pixels.count)
        hidden = arena.allocate(pixels.count)
        segments = arena.allocate(plane)
        for place in 0..<plane { segments[place] = Int32(superpixels.segments[place]) }
        for channel in 0..<channels {
            let (scale, shift) = (preprocessing.scale[channel], preprocessing.shift[channel])
            var sums = [Int](repeating: 0, count: features)
            var sizes = [Int](repeating: 0, count: features)
            for place in 0..<plane {
                sums[superpixels.segments[place]] += Int(pixels[channel * plane + place])
                sizes[superpixels.segments[place]] += 1
            }
            let means = zip(sums, sizes).map { (Float(Double($0) / Double($1)) * scale + shift).bitPattern }
            for place in 0..<plane {
                let at = channel * plane + place
                seen[at] = (Float(pixels[at]) * scale + shift).bitPattern
                hidden[at] = means[superpixels.segments[place]]
            }
        }
    }

    func perturb(
        _ number: Int, seed: UInt64, features: UnsafeMutablePointer<Float>, input: UnsafeMutablePointer<Float>
    ) {
        draw(number, seed: seed, features: features)
        show({ features[$0] != 0 }, input: input)
    }

    /// Which superpixels perturbation `number` shows.
    func draw(_ number: Int, seed: UInt64, features: UnsafeMutablePointer<Float>) {
        var random = CounterRandom(seed: seed, purpose: .perturbation, first: number)
        var draws: UInt32 = 0
        for feature in 0..<self.features {
            if feature % 32 == 0 { draws = random.next32() }
            features[feature] = number == 0 || draws & 1 != 0 ? 1 : 0
            draws >>= 1
        }
    }

    /// The image with the superpixels that `isSeen` names, as the first layer takes it.
    func show(_ isSeen: (Int) -> Bool, input: UnsafeMutablePointer<Float>) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: features + plane) { masks in
            guard let masks = masks.baseAddress else { return }
            for feature in 0..<features { masks[feature] = isSeen(feature) ? .max : 0 }
            let pixels = masks + features
            for place in 0..<plane { pixels[place] = masks[Int(segments[place])] }
            input.withMemoryRebound(to: UInt32.self, capacity: channels * plane) { out in
                for channel in 0..<channels {
                    let (a, b, to) = (seen + channel * plane, hidden + channel * plane, out + channel * plane)
                    for place in 0..<plane { to[place] = a[place] & pixels[place] | b[place] & ~pixels[place] }
                }
            }
        }
    }

    /// The superpixel of a pixel.
    func segment(_ y: Int, _ x: Int) -> Int { Int(segments[y * width + x]) }

    /// Cosine distance to the whole image.
    func distance(_ features: UnsafePointer<Float>) -> Double {
        var seen = 0
        for feature in 0..<self.features where features[feature] != 0 { seen += 1 }
        return 1 - (Double(seen) / Double(self.features)).squareRoot()
    }

    func text(_ feature: Int) -> String { "superpixel \(feature)" }
}
