// ScreenBenchmark: how fast screens are drawn and sessions opened, without a terminal.

import Charts
import Engine
import Experiments
import Foundation

/// Measures the screens on a made-up session of many points.
public enum ScreenBenchmark {
    public struct Result: Sendable {
        /// Recorded steps of the session.
        public var points: Int
        /// Milliseconds to draw a whole frame of Train and find the rows that changed, the median of 100.
        public var frameMilliseconds: Double
        /// Milliseconds from opening the file to the first frame with all curves, the best of three.
        public var openMilliseconds: Double
        /// Frames a second while jumping to and fro over the whole run.
        public var scrubFramesPerSecond: Double
    }

    /// Writes a session of `points` steps into `folder`, measures, and removes it.
    /// - Throws: ``SessionError``.
    public static func run(points: Int, columns: Int = 200, rows: Int = 60, folder: String) throws -> Result {
        let path = (folder as NSString).appendingPathComponent("screen-benchmark-\(getpid()).session")
        defer { unlink(path) }
        try record(points, at: path)
        let clock = ContinuousClock()
        func milliseconds(_ body: () throws -> Void) rethrows -> Double {
            let start = clock.now
            try body()
            return (clock.now - start) / .milliseconds(1)
        }
        var state = State()
        var best = Double.infinity
        for _ in 0..<3 {
            best = min(
                best,
                try milliseconds {
                    state = State()
                    (state.rows, state.columns) = (rows, columns)
                    let reader = try SessionReader(path: path)
                    var session = OpenSession(
                        path: path, name: reader.info.name, opening: 1, source: .ended(.finished(.completed)))
                    session.take(try reader.runEvents())
                    state.session = session
                    state.screen = .train
                    _ = screen(state)
                })
        }
        // Scrubbing: long jumps both ways, each with a frame.
        let count = state.session?.events.count ?? 0
        var frames = 0
        let scrubbing = milliseconds {
            for index in 0..<60 {
                var replay = state.session?.replay ?? state.session?.freshReplay
                replay?.move(to: (index * 7919 * 1009) % max(1, count), in: state.session?.events ?? [])
                state.session?.replay = replay
                _ = screen(state)
                frames += 1
            }
        }
        // A frame of a run as people have them.
        var short = State()
        (short.rows, short.columns) = (rows, columns)
        short.screen = .train
        short.session = OpenSession(path: path, name: "benchmark", opening: 1, source: .live)
        short.session?.take(events(2000))
        var before = screen(short)
        var times: [Double] = []
        for index in 0..<100 {
            var replay = short.session?.freshReplay
            replay?.move(to: 500 + index * 14, in: short.session?.events ?? [])
            short.session?.replay = replay
            times.append(
                milliseconds {
                    let frame = screen(short)
                    let changed = (0..<rows).count { row in
                        let cells = row * columns..<(row + 1) * columns
                        return frame.cells[cells] != before.cells[cells]
                    }
                    precondition(changed > 0, "a frame of another moment is the same")
                    before = frame
                })
        }
        return Result(
            points: points, frameMilliseconds: times.sorted()[50], openMilliseconds: best,
            scrubFramesPerSecond: Double(frames) / (scrubbing / 1000))
    }

    private static let epochs = 20

    private static func head(_ points: Int) -> RunEvent.Started {
        RunEvent.Started(
            name: "benchmark", dataset: "digits", classes: (0..<10).map(String.init),
            inputShape: .image(channels: 1, height: 8, width: 8),
            layers: ["conv 16 3x3 relu", "max_pool 2", "flatten", "dense 64 relu", "dense 10"], parameters: 13_706,
            epochs: epochs, stepsPerEpoch: max(1, points / epochs), batch: 32, shards: 8, workers: 2, optimizer: "adam",
            learningRate: 0.001, trainExamples: points / epochs * 32, validationExamples: 100, testExamples: 100,
            watchedSplit: .validation, seed: 1, kernels: "none")
    }

    private static func events(_ points: Int) -> [RunEvent] {
        let head = head(points)
        var events: [RunEvent] = [.started(head)]
        events.reserveCapacity(points + points / 50)
        var random = CounterRandom(seed: 1, purpose: .benchmark)
        for step in 1...points {
            let (epoch, seconds) = ((step - 1) / head.stepsPerEpoch + 1, Double(step) * 0.002)
            let progress = Double(step) / Double(points)
            let noise = Double(random.unit())
            events.append(
                .stepped(
                    RunEvent.Stepped(
                        step: step, epoch: min(epoch, epochs), seconds: seconds, count: 1,
                        loss: 2.3 / (1 + 20 * progress) + 0.2 * noise, accuracy: 0.9 * progress + 0.1 * noise,
                        learningRate: 0.001)))
            if step % head.stepsPerEpoch == 0 {
                events.append(
                    .evaluated(
                        RunEvent.Evaluated(
                            step: step, epoch: min(epoch, epochs), seconds: seconds, split: .validation,
                            loss: 2.3 / (1 + 18 * progress), accuracy: 0.88 * progress)))
            }
        }
        events.append(
            .finished(
                RunEvent.Finished(
                    step: points, epoch: epochs, seconds: Double(points) * 0.002, reason: .completed,
                    weightsSHA256: "", workers: 2, metrics: [:], imagesPerSecond: 16_000)))
        return events
    }

    private static func record(_ points: Int, at path: String) throws {
        let writer = try SessionWriter.create(
            path: path,
            info: SessionInfo(
                runID: UUID().uuidString, name: "benchmark", createdAt: Date(), specYAML: "", preprocessingJSON: "{}",
                datasetJSON: nil, host: "", processor: "", kernels: "", programVersion: "", command: [],
                gitCommit: nil))
        let all = events(points)
        for first in stride(from: 0, to: all.count, by: 4096) {
            _ = try writer.append(Array(all[first..<min(first + 4096, all.count)]))
        }
        // As a run's recorder does at its end.
        while writer.unpackedCount > 0 { try writer.pack() }
        writer.close()
    }
}
