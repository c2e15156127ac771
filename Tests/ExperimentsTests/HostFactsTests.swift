// What there is of memory, by made-up files of the kernel, and runs that need more.

import Engine
import Foundation
import Testing

@testable import Experiments

struct HostFactsTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func write(_ files: [String: String]) throws {
        for (name, text) in files {
            let url = URL(fileURLWithPath: folder[name])
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
    }

    private var available: Int? { HostFacts.availableMemory(root: folder["."]) }

    @Test func theMachineAlone() throws {
        #expect(available == nil)
        try write(["proc/meminfo": "MemTotal:       24000000 kB\nMemFree:  1 kB\nMemAvailable:   2000 kB\n"])
        #expect(available == 2000 << 10)
        // A group without a limit changes nothing.
        try write(["proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"])
        #expect(available == 2000 << 10)
    }

    @Test func aGroupOfVersion2() throws {
        try write([
            "proc/meminfo": "MemAvailable:   2000 kB\n", "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/memory.max": "1000000\n", "sys/fs/cgroup/a/memory.current": "700000\n",
            "sys/fs/cgroup/a/memory.stat": "anon 5\ninactive_file 200000\n", "sys/fs/cgroup/a/b/memory.max": "max\n",
            "sys/fs/cgroup/a/b/memory.current": "5\n",
        ])
        #expect(available == 500_000)
        try write(["sys/fs/cgroup/a/b/memory.max": "100000\n"])
        #expect(available == 99_995)
        try write(["sys/fs/cgroup/a/b/memory.current": "100001\n"])
        #expect(available == 0)
    }

    @Test func aGroupOfVersion1() throws {
        try write([
            "proc/meminfo": "MemAvailable:   2000 kB\n", "proc/self/cgroup": "3:cpu:/x\n2:memory:/x\n",
            "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "5000\n",
            "sys/fs/cgroup/memory/x/memory.usage_in_bytes": "1000\n",
        ])
        #expect(available == 4000)
    }

    @Test func thisProcess() {
        #expect((HostFacts.residentBytes ?? 0) > 1 << 20)
        #expect(HostFacts.peakResidentBytes > 1 << 20)
        #expect((HostFacts.availableMemory ?? 0) > 1 << 20)
    }

    /// Refused before anything is taken: by shapes alone.
    @Test func shortage() throws {
        let yaml =
            "data: {dataset: digits}\nnetwork: [flatten, dense: {units: 1000000}, dense: {units: classes}]\n"
            + "training: {batch: 65536}\n"
        let experiment = try Experiment(spec: SpecFile.parse(yaml: yaml, file: "large").spec, yaml: yaml)
        let memory = experiment.memory(workers: 2)
        #expect(memory.total > 10 << 30)
        #expect(throws: Never.self) { try MemoryShortage.check(experiment, workers: 2, available: memory.total) }
        #expect(throws: Never.self) { try MemoryShortage.check(experiment, workers: 2, available: nil) }
        do throws(MemoryShortage) {
            try MemoryShortage.check(experiment, workers: 2, available: 8 << 30)
            Issue.record("it was let pass")
        } catch {
            #expect(error.description.contains("only 8.0 GiB are available"), "\(error)")
            #expect(error.description.contains("activations of batches of 1"), "\(error)")
            #expect(error.description.contains("training.batch") && error.description.contains("data.resize"))
        }
    }
}
