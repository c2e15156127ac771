// AugmentGrammar: what `augment` of a spec may say.
import Engine
import Yams

/// Turns the list of augmentations into values; what is wrong goes to `problems`.
struct AugmentGrammar {
    private let problems: SpecProblems

    init(_ problems: SpecProblems) { self.problems = problems }

    /// The augmentations of `node`. Those that can't fit the data are refused here, with their line, as far as the spec
    /// alone tells what the data are; the rest is known when they are loaded.
    func augment(_ node: Node?, data: DataSpec?) -> [Augmentation] {
        guard let node, !node.isNull else { return [] }
        guard case .sequence(let items) = node else {
            problems.add(
                node, "augment must be a list such as [{flip: horizontal}, {crop: {padding: 4}}], but is \(node.shown)."
            )
            return []
        }
        if items.count > Augmentation.maximumCount {
            problems.add(node, AugmentationError.tooMany(items.count).description)
            return []
        }
        let isTable = data?.isTable
        let size = data?.imageSize
        return items.enumerated().compactMap { index, item in
            guard let augmentation = augmentation(item, number: index + 1) else { return nil }
            let isLast = index == items.count - 1
            if case .mixup = augmentation, !isLast {
                problems.add(item, "augment item \(index + 1): \(AugmentationError.mixupNotLast)")
            } else if let problem = augmentation.problem(isTable: isTable, size: size) {
                problems.add(item, "augment item \(index + 1): \(problem)")
            }
            return augmentation
        }
    }

    /// What the one value of each is called.
    private static let keys = [
        "flip": "direction", "crop": "padding", "rotate": "degrees", "shift": "fraction", "zoom": "fraction",
        "brightness": "fraction", "contrast": "fraction", "noise": "deviation", "cutout": "size", "mixup": "alpha",
    ]

    private func augmentation(_ node: Node, number: Int) -> Augmentation? {
        guard case .mapping(let mapping) = node, mapping.count == 1, let (key, value) = mapping.first,
            case .scalar(let scalar) = key
        else {
            if case .scalar(let scalar) = node, let key = Self.keys[scalar.string] {
                problems.add(node, "augment item \(number): \(scalar.string) needs a \(key): {\(scalar.string): …}.")
            } else {
                problems.add(node, "augment item \(number) must be one name with its value, such as {noise: 0.02}.")
            }
            return nil
        }
        let name = scalar.string
        guard let valueKey = Self.keys[name] else {
            let hint =
                nearest(name, among: Augmentation.names).map { "; did you mean \($0)?" }
                ?? "; known are \(Augmentation.names.joined(separator: ", "))."
            problems.add(key, "augment item \(number): \(name) is unknown\(hint)")
            return nil
        }
        // `crop: 4` is short for `crop: {padding: 4}`.
        var body = value
        if case .scalar = value, !value.isNull { body = Node.mapping(Node.Mapping([(Node(valueKey), value)])) }
        var fields = SpecFields(body, path: "augment item \(number) (\(name)): ", problems)
        defer { fields.end() }
        func fraction(_ most: Double, _ rule: String) -> Float? {
            fields.float(valueKey, rule) { $0 > 0 && $0 <= most }
        }
        func part() -> Float? { fields.float(valueKey, "more than 0 and less than 1") { $0 > 0 && $0 < 1 } }
        switch name {
        case "flip":
            guard fields.has(valueKey) else {
                problems.add(value, "augment item \(number): flip must be horizontal or vertical.")
                return nil
            }
            return .flip(horizontal: fields.choice(valueKey, default: FlipDirection.horizontal) == .horizontal)
        case "crop": return fields.int(valueKey, in: 1...4096).map { .crop(padding: $0) }
        case "rotate": return fraction(180, "more than 0 and at most 180").map { .rotate(degrees: $0) }
        case "shift": return part().map { .shift(fraction: $0) }
        case "zoom": return part().map { .zoom(fraction: $0) }
        case "brightness": return fraction(1, "more than 0 and at most 1").map { .brightness(fraction: $0) }
        case "contrast": return fraction(1, "more than 0 and at most 1").map { .contrast(fraction: $0) }
        case "noise": return fraction(10, "more than 0 and at most 10").map { .noise(deviation: $0) }
        case "cutout": return fields.int(valueKey, in: 1...4096).map { .cutout(size: $0) }
        default: return fraction(100, "more than 0 and at most 100").map { .mixup(alpha: $0) }
        }
    }

    private enum FlipDirection: String, CaseIterable { case horizontal, vertical }
}

extension DataSpec {
    /// Whether the examples are rows of a table; nil: their files tell.
    var isTable: Bool? {
        guard path == nil else { return resize != nil || grey ? false : nil }
        switch dataset {
        case "iris", "wine", "breast-cancer", "two-moons", "spirals": return true
        case "digits", "shapes": return false
        default: return nil
        }
    }

    /// Size of the images; nil: their files tell, or there are none.
    fileprivate var imageSize: ImageSize? {
        if isTable == true { return nil }
        if let resize { return resize }
        guard path == nil else { return nil }
        switch dataset {
        case "digits": return ImageSize(height: 8, width: 8)
        case "shapes": return ImageSize(height: 32, width: 32)
        default: return nil
        }
    }
}
