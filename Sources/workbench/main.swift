import Experiments
for c in TrainingBenchmark.allCases {
    for b in [32, 128] {
        for w in [1, 2] {
            let r = try c.run(batch: b, workers: w);
            print(c.rawValue, b, w, Int(r.imagesPerSecond), r.gigaflopPerSecond)
        }
    }
}
