// Grey and resize on images in memory: a part of the preprocessing that goes with the model.
import CImages
import Engine

/// What is done to every image before anything else.
struct ImagePreparation {
    var resize: ImageSize?
    var grey: Bool

    /// Changes pixels and shape of an image set. Throws when the resized images would not fit into memory.
    func apply(to dataset: inout Dataset) throws(DatasetError) {
        guard case .image(var channels, let height, let width) = dataset.shape,
            case .bytes(var pixels) = dataset.features
        else { return }
        if let resize { try Self.check(resize) }
        if grey && channels == 3 {
            pixels = Self.mapImages(pixels, count: dataset.count, from: 3 * height * width, to: height * width) {
                wb_image_grey($0, height * width, $1)
                return true
            }
            channels = 1
        }
        var size = ImageSize(height: height, width: width)
        if let resize, resize != size {
            let bytes = dataset.count * channels * resize.height * resize.width
            try MemoryBudget.check("\(dataset.count) images of \(resize.height)x\(resize.width)", bytes: bytes)
            let channels = channels
            pixels = Self.mapImages(
                pixels, count: dataset.count, from: channels * height * width,
                to: channels * resize.height * resize.width
            ) {
                wb_image_resize(
                    $0, Int32(channels), Int32(height), Int32(width), $1, Int32(resize.height), Int32(resize.width))
            }
            size = resize
        }
        dataset = Dataset(
            name: dataset.name, shape: .image(channels: channels, height: size.height, width: size.width),
            classes: dataset.classes, features: .bytes(pixels), labels: dataset.labels,
            officialTest: dataset.officialTest, skipped: dataset.skipped, origin: dataset.origin)
    }

    /// Throws for sizes that are not images.
    static func check(_ size: ImageSize) throws(DatasetError) {
        for value in [size.height, size.width] where !(1...4096).contains(value) {
            throw .settingOutOfRange(setting: "resize", value: value, allowed: 1...4096)
        }
    }

    private static func mapImages(
        _ pixels: [UInt8], count: Int, from: Int, to: Int,
        _ body: @Sendable (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Bool
    ) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count * to) { target, initialized in
            pixels.withUnsafeBufferPointer { source in
                guard let source = source.baseAddress, let target = target.baseAddress else { return }
                for index in 0..<count {
                    precondition(body(source + index * from, target + index * to), "out of memory for one image")
                }
            }
            initialized = count * to
        }
    }
}
