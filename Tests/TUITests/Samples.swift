// Made-up runs that look like real ones, always the same, put through the real fold.

import Engine
import Foundation

enum Sample {
    /// The moment that the tests call now.
    static let now = Date(timeIntervalSince1970: 1_795_500_000)

    static func head(
        name: String = "digits-cnn", epochs: Int = 10, stepsPerEpoch: Int = 41, workers: Int = 2,
        watched: Split = .validation
    ) -> RunEvent.Started {
        RunEvent.Started(
            name: name, dataset: "digits", classes: (0..<10).map(String.init),
            inputShape: .image(channels: 1, height: 8, width: 8),
            layers: ["conv 16 3x3 relu", "conv 32 3x3 relu", "max_pool 2", "flatten", "dense 64 relu", "dense 10"],
            parameters: 13_706, epochs: epochs, stepsPerEpoch: stepsPerEpoch, batch: 32, shards: 8, workers: workers,
            optimizer: "adam", learningRate: 0.001, trainExamples: 1_294, validationExamples: 143,
            testExamples: 360, watchedSplit: watched, seed: 1, kernels: "oneDNN 2.6 avx512")
    }

    /// A little noise that is the same everywhere, -1 to 1.
    static func noise(_ index: Int) -> Double {
        var bits = UInt64(index) &* 0x9E37_79B9_7F4A_7C15
        bits ^= bits >> 29
        bits = bits &* 0xBF58_476D_1CE4_E5B9
        bits ^= bits >> 32
        return Double(bits % 2001) / 1000 - 1
    }

    /// The events of a run's first `steps` steps (nil: all of it, and the end).
    static func events(
        _ head: RunEvent.Started = head(), steps: Int? = nil, reason: RunEvent.Finished.Reason = .completed
    ) -> [RunEvent] {
        var events: [RunEvent] = [.started(head)]
        let last = min(steps ?? head.totalSteps, head.totalSteps)
        let scale = Double(head.stepsPerEpoch)
        var best = 0.0
        for step in stride(from: 1, through: last, by: 1) {
            let progress = Double(step) / scale
            let seconds = Double(step) * 0.031
            let epoch = (step - 1) / head.stepsPerEpoch + 1
            let loss = 2.2 * exp(-progress * 1.1) + 0.06 + 0.25 * exp(-progress * 0.7) * noise(step)
            let accuracy = min(
                1, max(0, 1 - 0.88 * exp(-progress * 1.2) + 0.04 * exp(-progress * 0.2) * noise(step + 7777)))
            events.append(
                .stepped(
                    RunEvent.Stepped(
                        step: step, epoch: epoch, seconds: seconds, count: 1, loss: max(0.01, loss),
                        accuracy: accuracy, learningRate: head.learningRate)))
            if step % 8 == 0 {
                events.append(
                    .progressed(
                        RunEvent.Progressed(
                            step: step, epoch: epoch, seconds: seconds, imagesPerSecond: 9_800 + 900 * noise(step + 99),
                            busy: (0..<head.workers).map { 0.9 + 0.08 * noise(step + $0 * 31) },
                            remainingSeconds: Double(head.totalSteps - step) * 0.031)))
            }
            if step % head.stepsPerEpoch == 0 {
                let validation = min(0.993, 1 - 0.7 * exp(-progress * 1.0) + 0.004 * noise(epoch))
                events.append(
                    .evaluated(
                        RunEvent.Evaluated(
                            step: step, epoch: epoch, seconds: seconds, split: head.watchedSplit,
                            loss: 1.9 * exp(-progress * 1.05) + 0.09, accuracy: validation)))
                events.append(
                    .checkpointed(RunEvent.Checkpointed(step: step, seconds: seconds, best: validation > best)))
                best = max(best, validation)
            }
        }
        guard steps == nil else { return events }
        events.append(
            .evaluated(
                RunEvent.Evaluated(
                    step: last, epoch: head.epochs, seconds: Double(last) * 0.031, split: .test, loss: 0.081,
                    accuracy: 0.9778)))
        events.append(
            .finished(
                RunEvent.Finished(
                    step: last, epoch: head.epochs, seconds: Double(last) * 0.031, reason: reason,
                    weightsSHA256: String(repeating: "0a", count: 32), workers: head.workers,
                    metrics: ["train/loss": 0.0612, "validation/accuracy": 0.9914, "test/accuracy": 0.9778],
                    imagesPerSecond: 9_655)))
        return events
    }
}
