// sessions, bench, doctor: housekeeping and this machine.
import ArgumentParser
import Charts
import Engine
import Experiments
import Foundation
import TUI

struct SessionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions", abstract: "List the sessions, newest first.")

    @OptionGroup var sessionOptions: SessionOptions
    @Flag(help: "One JSON object a line on stdout.") var json = false

    func run() throws {
        let folder = sessionOptions.folder
        let summaries = try folder.list()
        if !json, summaries.isEmpty {
            Output.note("No sessions in \(folder.path) yet: `workbench train digits-cnn` makes one.")
        }
        for summary in summaries {
            let (status, detail) = word(summary.status)
            let epochs = summary.head?.epochs ?? 0
            if json {
                var fields: [(String, Any?)] = [
                    ("session", summary.path), ("name", summary.name), ("status", status), ("detail", detail),
                    ("step", summary.step), ("epoch", summary.epoch), ("epochs", epochs), ("seconds", summary.seconds),
                    ("bytes", summary.bytes),
                ]
                if let folds = summary.head?.folds { fields += [("folds", folds), ("folds_done", summary.foldsDone)] }
                fields += summary.metrics.sorted { $0.key < $1.key }.map { ($0.key, $0.value as Any?) }
                Output.line(Output.json(fields))
            } else {
                let done = summary.head?.folds.map { "\(summary.foldsDone)/\($0) cv" } ?? "\(summary.epoch)/\(epochs)"
                let columns = [
                    padded(status, 12), padded(done, 9), padded(score(summary), 10),
                    padded(Format.duration(summary.seconds), 10), sanitised(summary.fileName),
                ]
                Output.line(columns.joined() + (detail.isEmpty ? "" : "  \(sanitised(detail))"))
            }
        }
    }

    /// Of the test split where it was measured, else of the validation split.
    private func score(_ summary: SessionSummary) -> String {
        for split in [Split.test, .validation] {
            if let accuracy = summary.metrics["\(split.rawValue)/accuracy"] { return Format.percent(accuracy) }
            if let r2 = summary.metrics["\(split.rawValue)/r2"] { return "R2 \(Format.compact(r2))" }
            if let error = summary.metrics["\(split.rawValue)/rmse"] { return "RMSE \(Format.compact(error))" }
        }
        return "-"
    }

    private func padded(_ text: String, _ width: Int) -> String {
        // One blank at least between two columns.
        leftAligned(text + " ", columns: width)
    }

    private func word(_ status: SessionStatus) -> (String, String) {
        switch status {
        case .live: ("live", "")
        case .finished(.completed): ("finished", "")
        case .finished(.stopped): ("stopped", "")
        case .finished(.diverged): ("diverged", "")
        case .interrupted: ("interrupted", "")
        case .unreadable(let reason): ("unreadable", reason)
        }
    }
}

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure this machine.",
        subcommands: [
            BenchTrainCommand.self, BenchKernelsCommand.self, BenchScreenCommand.self, BenchEvaluateCommand.self,
            BenchInferCommand.self,
        ])
}

struct BenchKernelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels",
        abstract: "Time of each layer of the bench cases on one thread, forward and backward, beside the measured peak."
    )

    @Option(name: .customLong("case"), help: "cifar-cnn, mnist-cnn, vgg-small or tabular-mlp (default: all).")
    var name: String?
    @Option(help: "Examples that a layer takes at once.") var batch = 32
    @Option(help: "f32 or bf16.") var precision = "f32"
    @Flag(help: "One JSON object a line on stdout.") var json = false

    func run() throws {
        guard (1...4096).contains(batch) else { throw ValidationError("--batch \(batch) is not between 1 and 4096.") }
        guard let precision = Precision(rawValue: precision) else {
            throw ValidationError("--precision \(sanitised(precision)) is unknown: choose f32 or bf16.")
        }
        var cases = TrainingBenchmark.allCases
        if let name {
            guard let one = TrainingBenchmark(rawValue: name) else {
                let known = cases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--case \(sanitised(name)) is unknown: choose \(known).")
            }
            cases = [one]
        }
        let peak = Machine.measurePeak()
        for benchmark in cases {
            if !json {
                Output.line("\(benchmark.rawValue), \(batch) examples, one thread, peak \(Format.number(peak)) GFLOP/s")
            }
            for time in try benchmark.layerTimes(batch: batch, precision: precision) { show(time, benchmark, peak) }
        }
    }

    private func show(_ time: LayerTime, _ benchmark: TrainingBenchmark, _ peak: Double) {
        func rate(_ operations: Double, _ seconds: Double) -> Double { seconds > 0 ? operations / seconds * 1e-9 : 0 }
        let forward = rate(time.forwardOperations, time.forwardSeconds)
        let backward = rate(time.backwardOperations, time.backwardSeconds)
        if json {
            var fields: [(String, Any)] = [
                ("case", benchmark.rawValue), ("batch", batch), ("layer", time.name),
                ("forward_us", time.forwardSeconds * 1e6), ("backward_us", time.backwardSeconds * 1e6),
                ("forward_gflop_per_s", forward), ("backward_gflop_per_s", backward), ("machine_gflop_per_s", peak),
            ]
            if let implementations = time.implementations { fields.append(("implementations", implementations)) }
            Output.line(Output.json(fields))
            return
        }
        func column(_ seconds: Double, _ rate: Double) -> String {
            rightAligned("\(Int((seconds * 1e6).rounded()))", columns: 8) + " us"
                + rightAligned(rate > 0 ? "\(Int((rate / peak * 100).rounded())) %" : "", columns: 7)
        }
        let name = leftAligned("  \(time.name) ", columns: 28)
        Output.line(
            name + column(time.forwardSeconds, forward) + column(time.backwardSeconds, backward)
                + (time.implementations.map { "  \($0)" } ?? ""))
    }
}

struct BenchTrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Training speed on random inputs: best of four epochs after one, shuffling and batching counted.")

    @Option(name: .customLong("case"), help: "cifar-cnn, mnist-cnn, vgg-small or tabular-mlp.") var name: String
    @Option(help: "Examples a step.") var batch = 32
    @Option(help: "f32 or bf16.") var precision = "f32"
    @Flag(help: "Flip, crop and noise on every image.") var augment = false
    @OptionGroup var workerOptions: WorkerOptions
    @Flag(help: "One JSON object on stdout.") var json = false

    func run() throws {
        guard let benchmark = TrainingBenchmark(rawValue: name) else {
            let known = TrainingBenchmark.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--case \(name) is unknown: choose \(known).")
        }
        guard (1...65536).contains(batch) else { throw ValidationError("--batch \(batch) is not between 1 and 65536.") }
        if augment, benchmark == .tabularMLP {
            throw ValidationError("--augment changes images; tabular-mlp is a table.")
        }
        let workers = workerOptions.workers ?? Machine.processors
        guard let precision = Precision(rawValue: precision) else {
            throw ValidationError("--precision \(sanitised(precision)) is unknown: choose f32 or bf16.")
        }
        let result = try benchmark.run(batch: batch, workers: workers, precision: precision, augments: augment)
        let peak = Machine.measurePeak() * Double(min(workers, Machine.processors))
        let rss = HostFacts.peakResidentBytes >> 20
        if json {
            Output.line(
                Output.json([
                    ("case", name), ("batch", batch), ("workers", result.workers),
                    ("images_per_s", Int(result.imagesPerSecond)), ("peak_rss_mib", rss),
                    ("gflop_per_s", result.gigaflopPerSecond), ("machine_gflop_per_s", peak),
                ]))
        } else {
            Output.line(
                "\(name), batch \(batch), \(result.workers) workers: \(Format.count(Int(result.imagesPerSecond))) examples/s, \(Format.number(result.gigaflopPerSecond)) GFLOP/s (\(Format.percent(result.gigaflopPerSecond / peak)) of the measured peak), \(rss) MiB"
            )
        }
    }
}

struct BenchScreenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "screen",
        abstract: "Drawing a frame, opening and scrubbing a long session; Benchmarks/screen measures in a terminal.")

    @Option(help: "Recorded steps of the long session.") var points = 1_000_000
    @Flag(help: "One JSON object on stdout.") var json = false

    func run() throws {
        guard (1000...10_000_000).contains(points) else {
            throw ValidationError("--points \(points) is not between 1000 and 10000000.")
        }
        let result = try ScreenBenchmark.run(points: points, folder: NSTemporaryDirectory())
        if json {
            Output.line(
                Output.json([
                    ("points", result.points), ("frame_ms", result.frameMilliseconds),
                    ("open_ms", result.openMilliseconds), ("scrub_frames_per_s", result.scrubFramesPerSecond),
                ]))
        } else {
            Output.line("a frame of 200x60     \(Format.number(result.frameMilliseconds)) ms")
            Output.line("open \(Format.count(result.points)) steps  \(Format.number(result.openMilliseconds)) ms")
            Output.line("scrubbing             \(Format.number(result.scrubFramesPerSecond)) frames/s")
        }
    }
}

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Versions, processor, memory, terminal: what a report of a fault needs.")

    @OptionGroup var sessionOptions: SessionOptions
    @Flag(help: "One JSON object on stdout.") var json = false

    func run() throws {
        let environment = ProcessInfo.processInfo.environment
        var size = winsize()
        let hasSize = ioctl(1, UInt(TIOCGWINSZ), &size) == 0
        let peak = Machine.measurePeak()
        let (f32, bf16) = (Machine.measureConvolution(.f32), Machine.measureConvolution(.bf16))
        let bf16Shown =
            bf16 == 0
            ? "not on this processor"
            : "\(Format.number(bf16)) on one thread, \(Format.number(bf16 / f32)) times float32\(bf16 < f32 ? ": use f32 here" : "")"
        let facts: [(String, String, Any)] = [
            ("version", programVersion, programVersion),
            ("processor", "\(HostFacts.processor), \(Machine.processors) for this process", HostFacts.processor),
            ("processors", "\(Machine.processors)", Machine.processors),
            ("kernels", Machine.kernels, Machine.kernels),
            ("float32_gflop_per_s", "\(Format.number(peak)) on one thread, measured now", peak),
            ("conv_f32_gflop_per_s", "\(Format.number(f32)) on one thread", f32),
            ("conv_bf16_gflop_per_s", bf16Shown, bf16),
            ("memory_bytes", Format.bytes(Int(HostFacts.memory)), Int(HostFacts.memory)),
            ("terminal", environment["TERM"] ?? "none", environment["TERM"] ?? ""),
            ("columns", hasSize ? "\(size.ws_col)" : "no terminal", hasSize ? Int(size.ws_col) : 0),
            ("rows", hasSize ? "\(size.ws_row)" : "no terminal", hasSize ? Int(size.ws_row) : 0),
            (
                "locale", environment["LC_ALL"] ?? environment["LC_CTYPE"] ?? environment["LANG"] ?? "C",
                environment["LC_ALL"] ?? environment["LC_CTYPE"] ?? environment["LANG"] ?? "C"
            ),
            ("sessions", sessionOptions.folder.path, sessionOptions.folder.path),
        ]
        if json {
            Output.line(Output.json(facts.map { ($0.0, $0.2) }))
        } else {
            for (name, shown, _) in facts {
                let title = name.replacing("_", with: " ")
                Output.line(leftAligned(title + " ", columns: 22) + sanitised(shown))
            }
        }
    }
}
