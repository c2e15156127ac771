// AugmentationPreview: images as a run gets them in an epoch, for a person to look at.
import CPrimitives

/// What the augmentations of a run make of single images: the very numbers that the run draws.
public struct AugmentationPreview {
    private let augmenter: Augmenter
    private let pixels: (Int) throws(ExampleError) -> [UInt8]
    private let channels: Int
    private let plane: Int
    private let scale: UnsafeMutablePointer<Float>
    private let shift: UnsafeMutablePointer<Float>
    private let epochOrder: EpochOrder
    private let batch: Int
    private let trainCount: Int
    private let arena = Arena()

    /// The augmentations of `spec` on the images of `dataset`, of which `train` are trained on; nil where nothing is
    /// augmented, or no images are.
    public init?(_ spec: Spec, _ dataset: Dataset, train: [Int32], preprocessing: Preprocessing) {
        guard !spec.augment.isEmpty, !train.isEmpty, case .image(let channels, let height, let width) = dataset.shape
        else { return nil }
        self.channels = channels
        plane = height * width
        scale = arena.floats(channels)
        shift = arena.floats(channels)
        for channel in 0..<channels {
            scale[channel] = preprocessing.scale[channel]
            shift[channel] = preprocessing.shift[channel]
        }
        augmenter = Augmenter(
            spec.augment, shape: dataset.shape, scale: scale, shift: shift, seed: spec.training.seed)
        let (labels, features) = (dataset.labels, dataset.features)
        epochOrder = EpochOrder(
            train: train, labels: { labels[Int($0)] }, balance: spec.data.balance, seed: spec.training.seed)
        batch = min(spec.training.batch, train.count)
        trainCount = train.count
        pixels = { (index) throws(ExampleError) in
            try features.image(index, bytes: channels * height * width) ?? []
        }
    }

    /// An image as an epoch sees it.
    public struct Image {
        /// (C, H, W), cut at 0 and 255.
        public var pixels: [UInt8]
        /// The example that was mixed in; nil: none.
        public var partner: Int?
        /// The partner's share of the mix, 0 to 1.
        public var partnerShare: Float
    }

    /// The images `examples` as `epoch` sees them (the first is 1). One that comes several times
    /// in an epoch is shown as it comes first; one that does not come, as it would be without a partner to be mixed with.
    public func images(_ examples: [Int], epoch: Int) throws(ExampleError) -> [Image] {
        var order: [Int32] = []
        var turns: [UInt16]?
        if augmenter.mixup != nil {
            order = epochOrder.examples(epoch: epoch)
            turns = epochOrder.turns(order)
        }
        var images: [Image] = []
        for example in examples {
            var values = try augmented(example, epoch: epoch, turn: 0)
            var mixed: (partner: Int?, share: Float) = (nil, 0)
            if let mixup = augmenter.mixup, let place = order.firstIndex(of: Int32(example)) {
                let first = place / batch * batch
                let drawn = mixup.draw(
                    epoch: UInt32(epoch), example: Int32(example), turn: 0, position: place - first,
                    batch: min(batch, trainCount - first))
                let partner = first + drawn.partner
                mixed = (Int(order[partner]), 1 - drawn.weight)
                let other = try augmented(Int(order[partner]), epoch: epoch, turn: turns?[partner] ?? 0)
                let alone = values
                wb_mix_f32(values.count, drawn.weight, alone, other, &values)
            }
            let bytes = values.indices.map { index in
                let channel = index / plane
                let byte = ((values[index] - shift[channel]) / scale[channel]).rounded()
                return UInt8(min(255, max(0, byte)))
            }
            images.append(Image(pixels: bytes, partner: mixed.partner, partnerShare: mixed.share))
        }
        return images
    }

    private func augmented(_ example: Int, epoch: Int, turn: UInt16) throws(ExampleError) -> [Float] {
        let bytes = try pixels(example)
        var values = [Float](repeating: 0, count: channels * plane)
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: augmenter.scratchBytes, alignment: 64)
        defer { scratch.deallocate() }
        let stream = wb_augment_stream(epoch: UInt32(epoch), example: UInt32(example), turn: UInt32(turn))
        values.withUnsafeMutableBufferPointer { values in
            bytes.withUnsafeBufferPointer { bytes in
                guard let from = bytes.baseAddress, let to = values.baseAddress else { return }
                augmenter.image(from, stream, scratch: scratch, into: to)
            }
        }
        return values
    }
}
