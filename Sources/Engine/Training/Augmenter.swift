// Augmenter: a list of augmentations as the kernels want it, and what mixup draws.
import CPrimitives
import Foundation

/// The augmentations of a run where the kernels can reach them.
///
/// `@unchecked Sendable`: written in init only.
final class Augmenter: @unchecked Sendable {
    /// Nil: examples are not mixed.
    let mixup: Mixup?
    private let plan: UnsafeMutablePointer<wb_augment_plan>
    private let arena = Arena()

    /// - Parameters:
    ///   - scale, shift: of the channels of images; they live as long as this.
    ///   - vector: floats of a vector, for tests; 0: as many as the machine has.
    /// - Precondition: `list` fits `shape`, see ``Augmentation/check(_:shape:)``.
    init(
        _ list: [Augmentation], shape: TensorShape, scale: UnsafePointer<Float>, shift: UnsafePointer<Float>,
        seed: UInt64, vector: Int32 = 0
    ) {
        var mixup: Mixup?
        let kernels: UnsafeMutablePointer<wb_augmentation> = arena.allocate(list.count)
        var count = 0
        for augmentation in list {
            let (kind, amount): (Int, Float)
            switch augmentation {
            case .flip(let horizontal): (kind, amount) = (horizontal ? WB_FLIP_HORIZONTAL : WB_FLIP_VERTICAL, 0)
            case .crop(let padding): (kind, amount) = (WB_CROP, Float(padding))
            case .rotate(let degrees): (kind, amount) = (WB_ROTATE, degrees)
            case .shift(let fraction): (kind, amount) = (WB_SHIFT, fraction)
            case .zoom(let fraction): (kind, amount) = (WB_ZOOM, fraction)
            case .brightness(let fraction): (kind, amount) = (WB_BRIGHTNESS, fraction)
            case .contrast(let fraction): (kind, amount) = (WB_CONTRAST, fraction)
            case .noise(let deviation): (kind, amount) = (WB_NOISE, deviation)
            case .cutout(let size): (kind, amount) = (WB_CUTOUT, Float(size))
            case .mixup(let alpha):
                mixup = Mixup(alpha: Double(alpha), seed: seed)
                continue
            }
            kernels[count] = wb_augmentation(kind: Int32(kind), amount: amount)
            count += 1
        }
        self.mixup = mixup
        plan = arena.allocate(1)
        plan.pointee.list = UnsafePointer(kernels)
        plan.pointee.count = Int32(count)
        if case .image(let channels, let height, let width) = shape {
            (plan.pointee.channels, plan.pointee.height, plan.pointee.width) =
                (Int32(channels), Int32(height), Int32(width))
        }
        (plan.pointee.scale, plan.pointee.shift) = (scale, shift)
        plan.pointee.seed = seed
        plan.pointee.purpose = RandomPurpose.augmentation.rawValue
        plan.pointee.vector = vector
    }

    /// Bytes of scratch that an image needs.
    var scratchBytes: Int { Int(wb_augment_scratch_floats(plan)) * MemoryLayout<Float>.stride }

    /// The image in `bytes`, scaled and augmented, to `out`.
    @inline(__always)
    func image(
        _ bytes: UnsafePointer<UInt8>, _ stream: wb_augment_stream, scratch: UnsafeMutableRawPointer,
        into out: UnsafeMutablePointer<Float>
    ) {
        wb_augment_u8(plan, stream, bytes, scratch.assumingMemoryBound(to: Float.self), out)
    }

    /// Augments a row of a table in place; `units` has 1 where noise may be added.
    @inline(__always)
    func row(
        _ row: UnsafeMutablePointer<Float>, _ stream: wb_augment_stream, features: Int, units: UnsafePointer<Float>
    ) {
        wb_augment_f32(plan, stream, Int32(features), units, row)
    }
}

/// What mixup draws for an example (see ``Augmentation/mixup(alpha:)``).
struct Mixup: Sendable {
    let alpha: Double
    let seed: UInt64

    /// The weight of the example that stands at `position` of its batch, and where its partner stands. An example that is
    /// alone in its batch is its own partner.
    func draw(epoch: UInt32, example: Int32, turn: UInt16, position: Int, batch: Int) -> (partner: Int, weight: Float) {
        guard batch > 1 else { return (position, 1) }
        var random = CounterRandom(
            seed: seed, purpose: .mixup, first: Int(epoch), second: Int(example), third: Int(turn))
        let other = Int(random.below(UInt32(batch - 1)))
        return (other < position ? other : other + 1, Float(random.symmetricBeta(alpha)))
    }
}

extension CounterRandom {
    /// A number in (0, 1).
    private mutating func openUnit() -> Double { (Double(next32()) + 0.5) * 0x1p-32 }

    /// A normal number (Box & Muller 1958).
    private mutating func normal() -> Double {
        let radius = (-2 * log(openUnit())).squareRoot()
        return radius * cos(2 * Double.pi * openUnit())
    }

    /// The logarithm of a number ~ Gamma(`shape`, 1) (Marsaglia & Tsang 2000; below 1 with their boost, whose numbers
    /// are too small for anything but a logarithm).
    private mutating func logGamma(_ shape: Double) -> Double {
        if shape < 1 {
            let boosted = logGamma(shape + 1)
            return boosted + log(openUnit()) / shape
        }
        let d = shape - 1.0 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal()
            let root = 1 + c * x
            guard root > 0 else { continue }
            let v = root * root * root
            if log(openUnit()) < 0.5 * x * x + d - d * v + d * log(v) { return log(d * v) }
        }
    }

    /// A number ~ Beta(`alpha`, `alpha`), 0 to 1.
    mutating func symmetricBeta(_ alpha: Double) -> Double {
        let (first, second) = (logGamma(alpha), logGamma(alpha))
        return 1 / (1 + exp(second - first))
    }
}
