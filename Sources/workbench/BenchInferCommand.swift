// bench infer: how long predictions take.
import ArgumentParser
import Charts
import Engine
import Experiments

struct BenchInferCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "infer",
        abstract: "Time of predicting batches with a trained network, in float32 or with integer kernels.")

    @Argument(help: "Session, or cifar-cnn, mnist-cnn, vgg-small or tabular-mlp with random weights.")
    var session: String
    @Option(help: "Examples that are asked about at once, several by commas.") var batches = "1,256"
    @Option(help: "f32, or a variant as `compare` names them; random weights: f32 or int8.") var variant = "f32"
    @OptionGroup var sessionOptions: SessionOptions
    @OptionGroup var workerOptions: WorkerOptions
    @Flag(help: "One JSON object a line on stdout.") var json = false

    func run() throws {
        let recipe = variant == "f32" ? nil : try VariantRecipe(variant)
        let sizes = batches.split(separator: ",").map { Int($0) ?? 0 }
        guard !sizes.isEmpty, sizes.allSatisfy({ (1...65536).contains($0) }) else {
            throw ValidationError("--batches \(sanitised(batches)): give numbers between 1 and 65536, by commas.")
        }
        let workers = workerOptions.workers ?? Machine.processors
        let benchmark =
            if let known = TrainingBenchmark(rawValue: session) {
                try random(known, recipe, workers)
            } else {
                try InferenceBenchmark(
                    session: sessionOptions.path(of: session), variant: recipe, workers: workers)
            }
        for note in benchmark.notes { Output.note(note) }
        for batch in sizes {
            let result = try benchmark.run(batch: batch)
            if json {
                var fields: [(String, Any)] = [
                    ("session", session), ("variant", recipe?.name ?? "f32"), ("batch", batch), ("workers", workers),
                    ("p50_us", result.p50), ("p95_us", result.p95), ("images_per_s", Int(result.imagesPerSecond)),
                    ("stored_bytes", benchmark.storedBytes),
                ]
                if let accuracy = benchmark.accuracy { fields.append(("test_accuracy", accuracy)) }
                Output.line(Output.json(fields))
            } else {
                let accuracy = benchmark.accuracy.map { ", test accuracy \(Format.percent($0))" } ?? ""
                Output.line(
                    "\(recipe?.name ?? "f32"), batch \(batch), \(workers) workers: \(Format.number(result.p50)) us (95 % within \(Format.number(result.p95)) us), \(Format.count(Int(result.imagesPerSecond))) examples/s\(accuracy)"
                )
            }
        }
    }

    private func random(_ known: TrainingBenchmark, _ recipe: VariantRecipe?, _ workers: Int) throws
        -> InferenceBenchmark
    {
        guard recipe == nil || recipe?.name == "int8" else {
            throw ValidationError("--variant \(sanitised(variant)) needs a session: random weights are f32 or int8.")
        }
        return try InferenceBenchmark(case: known, inBytes: recipe != nil, workers: workers)
    }
}
