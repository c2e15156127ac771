// Grey and resize on images in memory: a part of the preprocessing that goes with the model.
import CImages
import Dispatch
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
        if let resize {
            pixels = try Self.stretch(pixels, count: dataset.count, channels: channels, from: size, to: resize)
            size = resize
        }
        dataset = Dataset(
            name: dataset.name, shape: .image(channels: channels, height: size.height, width: size.width),
            classes: dataset.classes, features: .bytes(pixels), labels: dataset.labels,
            officialTest: dataset.officialTest, skipped: dataset.skipped, origin: dataset.origin,
            notes: dataset.notes)
    }

    /// `count` images of another size, as Pillow's BILINEAR gives them. Throws when they would not fit into memory.
    static func stretch(
        _ pixels: [UInt8], count: Int, channels: Int, from: ImageSize, to: ImageSize
    ) throws(DatasetError) -> [UInt8] {
        guard from != to else { return pixels }
        let bytes = channels * to.height * to.width
        try MemoryBudget.check("\(count) images of \(to.height)x\(to.width)", bytes: count * bytes)
        return mapImages(pixels, count: count, from: channels * from.height * from.width, to: bytes) {
            wb_image_resize(
                $0, Int32(channels), Int32(from.height), Int32(from.width), $1, Int32(to.height), Int32(to.width))
        }
    }

    /// Throws for sizes that are not images.
    static func check(_ size: ImageSize) throws(DatasetError) {
        for value in [size.height, size.width] where !(1...4096).contains(value) {
            throw .settingOutOfRange(setting: "resize", value: value, allowed: 1...4096)
        }
    }

    /// Each image through `body`, on all processors; images take `from` bytes before and `to` after.
    private static func mapImages(
        _ pixels: [UInt8], count: Int, from: Int, to: Int,
        _ body: @Sendable (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Bool
    ) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count * to) { target, initialized in
            pixels.withUnsafeBufferPointer { source in
                guard let before = source.baseAddress, let after = target.baseAddress else { return }
                // Each image has places of its own, so no two threads write to one byte.
                nonisolated(unsafe) let (images, results) = (before, after)
                DispatchQueue.concurrentPerform(iterations: count) { index in
                    precondition(body(images + index * from, results + index * to), "out of memory for one image")
                }
            }
            initialized = count * to
        }
    }
}
