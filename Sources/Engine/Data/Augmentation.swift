// Augmentation: what is done to the training examples anew in each epoch, so that the network never sees one twice alike.

/// A random change of a training example, made while a batch is gathered.
///
/// What is drawn follows from the seed, the place in the list, the epoch and the example's index in the data set alone
/// (``CounterRandom``, ``RandomPurpose/augmentation``): not from threads, shards, or where a run was resumed. Evaluation and
/// prediction see the examples as they are.
///
/// Changes are made in the order of the list. Geometric ones (``flip(horizontal:)``, ``crop(padding:)``, ``rotate(degrees:)``,
/// ``shift(fraction:)``, ``zoom(fraction:)``) that stand side by side are made as one sampling of the image: nothing that one
/// of them moves out of the picture and another one back in is lost, and rotation and zoom blur only once. What is moved
/// in from outside is black: byte 0, before the bytes are scaled. Values are not clipped: light and noise may leave the
/// range of the bytes.
public enum Augmentation: Sendable, Equatable {
    /// Mirrors the image left to right, or top to bottom, with probability 0.5.
    case flip(horizontal: Bool)
    /// A window of the image's size, anywhere in the image with `padding` black pixels around it (1 up to the shorter side).
    case crop(padding: Int)
    /// Turns the image around its centre by -`degrees` to `degrees` (more than 0, at most 180), bilinear.
    case rotate(degrees: Float)
    /// Moves the image by whole pixels, up to `fraction` of its width and of its height either way (more than 0, less than 1;
    /// rounded to the nearest pixel).
    case shift(fraction: Float)
    /// Scales the image around its centre by 1 - `fraction` to 1 + `fraction` (more than 0, less than 1), bilinear.
    case zoom(fraction: Float)
    /// Adds -`fraction` to `fraction` of white to all pixels (more than 0, at most 1).
    case brightness(fraction: Float)
    /// Multiplies each channel's distances from its mean by 1 - `fraction` to 1 + `fraction` (more than 0, at most 1).
    case contrast(fraction: Float)
    /// Adds Gaussian noise of this deviation (more than 0) to what the first layer gets: in images in units of the scaled
    /// pixels (0 to 1), in tables in standard deviations of the column. Levels of a category and columns that are constant
    /// stay as they are.
    case noise(deviation: Float)
    /// Blackens a square of `size` pixels a side (1 up to the shorter side) around a pixel anywhere in the image; what lies
    /// outside of it is cut off (DeVries & Taylor 2017, "Improved regularization of convolutional neural networks with cutout").
    case cutout(size: Int)
    /// Mixes each example with another one of its batch, and its label with the other's: λ of the first, 1 - λ of the second,
    /// λ ~ Beta(`alpha`, `alpha`) for each example (more than 0; Zhang et al. 2018, "mixup: Beyond empirical risk
    /// minimization"). The last of the list; both examples are augmented before.
    case mixup(alpha: Float)

    /// Names as in a spec.
    public static let names = [
        "flip", "crop", "rotate", "shift", "zoom", "brightness", "contrast", "noise", "cutout", "mixup",
    ]
    /// Changes that a list may have.
    public static let maximumCount = 32

    /// Name as in a spec.
    public var name: String {
        switch self {
        case .flip: "flip"
        case .crop: "crop"
        case .rotate: "rotate"
        case .shift: "shift"
        case .zoom: "zoom"
        case .brightness: "brightness"
        case .contrast: "contrast"
        case .noise: "noise"
        case .cutout: "cutout"
        case .mixup: "mixup"
        }
    }

    /// Why examples of this kind can't be changed so; nil: they can.
    /// - Parameters:
    ///   - isTable: the examples are rows of a table; nil: that is not known.
    ///   - size: of the images; nil: not known, or no images.
    public func problem(isTable: Bool?, size: ImageSize?) -> AugmentationError? {
        switch self {
        case .noise, .mixup: return nil
        default: if isTable == true { return .needsImages(name) }
        }
        guard let size else { return nil }
        switch self {
        case .crop(let pixels), .cutout(let pixels):
            return pixels > min(size.height, size.width) ? .largerThanImage(name, pixels, size) : nil
        case .shift(let fraction):
            let most = max(Float(size.height) * fraction, Float(size.width) * fraction).rounded(.toNearestOrEven)
            return most < 1 ? .lessThanAPixel(fraction, size) : nil
        default: return nil
        }
    }

    /// Whether `list` fits examples of `shape`.
    /// - Throws: the first thing that is wrong with it.
    public static func check(_ list: [Augmentation], shape: TensorShape) throws(AugmentationError) {
        if list.count > maximumCount { throw .tooMany(list.count) }
        if list.dropLast().contains(where: \.isMixup) { throw .mixupNotLast }
        for augmentation in list {
            let problem =
                switch shape {
                case .vector: augmentation.problem(isTable: true, size: nil)
                case .image(_, let height, let width):
                    augmentation.problem(isTable: false, size: ImageSize(height: height, width: width))
                }
            if let problem { throw problem }
        }
    }

    var isMixup: Bool { if case .mixup = self { true } else { false } }
}

/// Why a list of augmentations does not fit the data.
public enum AugmentationError: Error, Equatable, CustomStringConvertible {
    case tooMany(Int)
    case mixupNotLast
    /// A change of images, but the examples are rows.
    case needsImages(String)
    case largerThanImage(String, Int, ImageSize)
    case lessThanAPixel(Float, ImageSize)

    public var description: String {
        switch self {
        case .tooMany(let count): "augment has \(count) items; at most \(Augmentation.maximumCount) are allowed."
        case .mixupNotLast: "mixup mixes finished examples, so it must stand once, as the last item of augment."
        case .needsImages(let name):
            "\(name) changes images, but the data is a table: of a table noise and mixup are possible."
        case .largerThanImage(let name, let pixels, let size):
            "\(name) of \(pixels) pixels is larger than the images, which have \(size.height)x\(size.width); choose at most \(min(size.height, size.width))."
        case .lessThanAPixel(let fraction, let size):
            "shift by \(fraction) of \(size.height)x\(size.width) pixels is less than a pixel, so nothing would move; choose at least \(Self.leastShift(size))."
        }
    }

    /// The fraction that moves an image by a pixel, rounded up to hundredths.
    private static func leastShift(_ size: ImageSize) -> Float {
        (100 / Float(max(size.height, size.width))).rounded(.up) / 100
    }
}
