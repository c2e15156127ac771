// MemoryShortage: a run that is refused before it takes memory that is not there.
import Engine

/// A run needs more memory than there is.
public struct MemoryShortage: Error, Equatable, CustomStringConvertible {
    public var needed: MemoryEstimate
    public var available: Int
    /// Examples a step.
    public var batch: Int
    public var isOfImages: Bool

    public var description: String {
        let parts = needed.parts.sorted { $0.bytes > $1.bytes }
        let most = parts.prefix(2).map { part in
            "\(Self.gibibytes(part.bytes)) for \(part.name == "activations" ? "activations of batches of \(batch)" : part.name)"
        }
        let changes = ["a smaller batch (training.batch)"] + (isOfImages ? ["smaller images (data.resize)"] : [])
        return
            "Training needs about \(Self.gibibytes(needed.total)) of memory (\(most.joined(separator: ", ")), …), but only \(Self.gibibytes(available)) are available: choose \(changes.joined(separator: ", ")) or a smaller network."
    }

    /// Refuses an experiment that would not fit; lets it pass where the kernel does not tell what there is.
    public static func check(
        _ experiment: Experiment, workers: Int, available: Int? = HostFacts.availableMemory
    ) throws(MemoryShortage) {
        let needed = experiment.memory(workers: workers)
        // What was read of the data is there already.
        let loaded = experiment.dataset.features.loadedBytes
        guard let available, needed.total - loaded > available else { return }
        var isOfImages = false
        if case .image = experiment.network.input { isOfImages = true }
        throw MemoryShortage(
            needed: needed, available: available,
            batch: min(experiment.spec.training.batch, experiment.splits.train.count), isOfImages: isOfImages)
    }

    /// "0.4 GiB", "31 GiB".
    private static func gibibytes(_ bytes: Int) -> String {
        let tenths = Int((Double(bytes) / Double(1 << 30) * 10).rounded())
        return tenths < 100 ? "\(tenths / 10).\(tenths % 10) GiB" : "\(tenths / 10) GiB"
    }
}
