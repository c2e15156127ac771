// CompareView: how the screen Compare looks at the variants of the open session.

import Engine
import Experiments

/// What the variants are ordered by.
enum VariantOrder: CaseIterable, Sendable {
    case made, bytes, accuracy, speed

    var word: String {
        switch self {
        case .made: "as made"
        case .bytes: "by bytes"
        case .accuracy: "by accuracy"
        case .speed: "by speed"
        }
    }
}

/// What the screen Compare shows.
struct CompareView: Sendable, Equatable {
    /// The selected variant; nil: the first.
    var selected: String?
    var order: VariantOrder = .made
    /// Marked ones, the first mark first; two can be held against each other.
    var marked: [String] = []
    /// The marked two are held against each other in place of the selected one against the baseline.
    var showsDifference = false
    /// Accuracy over the time of an example in place of bytes.
    var showsLatency = false
    /// First column of the table behind the names.
    var column = 0
    /// Place of the selected layer among those with weights.
    var layer = 0
    /// Layers that the next variants leave alone, and those with a sparsity of their own, by number.
    var kept: Set<Int> = []
    var sparsity: [Int: Int] = [:]
    /// Epochs that variants are trained on for when they have lost something.
    var epochs = 0
    /// The lower pane where there is room for one.
    var pane: PaneID = .front
    /// The last one that was dropped, for undo.
    var dropped: String?
    /// What the analyst is at.
    var subject = ""
}

extension OpenSession {
    /// The variants in the order that was chosen; the baseline stays first.
    var variants: [VariantLine] {
        let shown = run.variants.shown
        guard let first = shown.first else { return [] }
        let others = shown.dropFirst().enumerated()
        func sorted(_ isLess: (VariantLine, VariantLine) -> Bool) -> [VariantLine] {
            others.sorted { isLess($0.element, $1.element) || !isLess($1.element, $0.element) && $0.offset < $1.offset }
                .map(\.element)
        }
        switch compare.order {
        case .made: return shown
        case .bytes: return [first] + sorted { $0.bytes < $1.bytes }
        case .accuracy: return [first] + sorted { $0.accuracy > $1.accuracy }
        case .speed: return [first] + sorted { $0.speedup > $1.speedup }
        }
    }

    /// Place of the selected variant.
    var selectedVariant: Int? {
        let all = variants
        guard !all.isEmpty else { return nil }
        return all.firstIndex { $0.variant == compare.selected } ?? 0
    }

    /// The two that are held against each other: first what the second is compared with.
    var comparedPair: (first: VariantLine, second: VariantLine)? {
        let all = variants
        if compare.showsDifference {
            let two = compare.marked.compactMap { name in all.first { $0.variant == name } }
            if two.count >= 2 { return (two[two.count - 2], two[two.count - 1]) }
        }
        guard let selected = selectedVariant, let first = all.first else { return nil }
        return (first, all[selected])
    }

    /// Layers with weights, by number from 1.
    var weightedLayers: [(number: Int, name: String, array: String)] {
        (facts?.network?.layers ?? []).compactMap { layer in
            guard let array = layer.parameters.first(where: \.isWeight) else { return nil }
            return (layer.index + 1, layer.summary, array.name)
        }
    }

    /// What the chosen layers add to the name of a recipe.
    var layerSuffix: String {
        compare.sparsity.sorted { $0.key < $1.key }.map { "+prune\($0.value)@\($0.key)" }.joined()
            + compare.kept.sorted().map { "+keep\($0)" }.joined()
    }
}
