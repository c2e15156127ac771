// Thumbnail: an image small enough to be kept in a session.

import Foundation

/// An image of at most 32 x 32 pixels.
public struct Thumbnail: Sendable, Equatable {
    /// 1 (grey) or 3 (red, green, blue) planes.
    public let channels: Int
    public let height: Int
    public let width: Int
    /// (C, H, W), 0 to 255.
    public let pixels: [UInt8]

    /// Longest side of a thumbnail in pixels.
    public static let side = 32

    /// - Precondition: as many `pixels` as the shape has, each side 1 to 32, 1 to 4 channels.
    public init(channels: Int, height: Int, width: Int, pixels: [UInt8]) {
        precondition(
            Self.fits(channels, height, width) && pixels.count == channels * height * width,
            "\(pixels.count) pixels for \(channels)x\(height)x\(width)")
        self.channels = channels
        self.height = height
        self.width = width
        self.pixels = pixels
    }

    private static func fits(_ channels: Int, _ height: Int, _ width: Int) -> Bool {
        (1...4).contains(channels) && (1...side).contains(height) && (1...side).contains(width)
    }

    /// An image of any size, made smaller where its longer side has more than 32 pixels: each new pixel is the mean of the
    /// area that it covers, and the sides keep their relation.
    /// - Parameter image: (C, H, W), 0 to 255.
    public init(_ image: ArraySlice<UInt8>, channels: Int, height: Int, width: Int) {
        precondition(image.count == channels * height * width, "\(image.count) pixels")
        let longest = max(height, width)
        guard longest > Self.side else {
            self.init(channels: channels, height: height, width: width, pixels: Array(image))
            return
        }
        func length(_ side: Int) -> Int { max(1, (side * Self.side + longest / 2) / longest) }
        let rows = Self.shares(of: height, among: length(height))
        let columns = Self.shares(of: width, among: length(width))
        var pixels: [UInt8] = []
        pixels.reserveCapacity(channels * rows.count * columns.count)
        image.withUnsafeBufferPointer { image in
            for channel in 0..<channels {
                for row in rows {
                    for column in columns {
                        var sum: Float = 0
                        for (y, share) in row {
                            let line = (channel * height + y) * width
                            var lineSum: Float = 0
                            for (x, part) in column { lineSum += part * Float(image[line + x]) }
                            sum += share * lineSum
                        }
                        pixels.append(UInt8(min(255, sum.rounded())))
                    }
                }
            }
        }
        self.init(channels: channels, height: rows.count, width: columns.count, pixels: pixels)
    }

    /// For each of `count` equal parts of a side of `length` pixels: the pixels it covers and how much of the part each is.
    private static func shares(of length: Int, among count: Int) -> [[(pixel: Int, share: Float)]] {
        (0..<count).map { part in
            // In units of 1 / count pixel, so that all borders are whole numbers.
            let (low, high) = (part * length, (part + 1) * length)
            return (low / count...(high - 1) / count).map { pixel in
                let covered = min(high, (pixel + 1) * count) - max(low, pixel * count)
                return (pixel, Float(covered) / Float(length))
            }
        }
    }
}

extension Thumbnail: Codable {
    private enum CodingKeys: String, CodingKey { case channels, height, width, pixels }

    /// `pixels` as base64.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(channels, forKey: .channels)
        try container.encode(height, forKey: .height)
        try container.encode(width, forKey: .width)
        try container.encode(Data(pixels).base64EncodedString(), forKey: .pixels)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let channels = try container.decode(Int.self, forKey: .channels)
        let height = try container.decode(Int.self, forKey: .height)
        let width = try container.decode(Int.self, forKey: .width)
        let text = try container.decode(String.self, forKey: .pixels)
        guard Self.fits(channels, height, width), text.utf8.count <= 4 * (channels * height * width + 2) / 3 + 4,
            let data = Data(base64Encoded: text), data.count == channels * height * width
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .pixels, in: container, debugDescription: "no image of \(channels)x\(height)x\(width)")
        }
        self.init(channels: channels, height: height, width: width, pixels: Array(data))
    }
}
