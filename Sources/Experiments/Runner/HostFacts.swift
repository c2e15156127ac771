// HostFacts: what the kernel tells of this machine and this process.
import Foundation

/// What a session records of its machine, and what a run must know of it.
public enum HostFacts {
    /// The processor's name as the kernel tells it.
    public static var processor: String {
        guard let text = FileManager.default.contents(atPath: "/proc/cpuinfo") else { return "unknown" }
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        let name = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last ?? "unknown"
        return name.trimmingCharacters(in: .whitespaces)
    }

    /// The most bytes that this process has had in memory.
    public static var peakResidentBytes: Int { kibibytes("VmHWM", of: "/proc/self/status") ?? 0 }

    /// Bytes that this process has in memory now; nil where the kernel does not tell.
    public static var residentBytes: Int? { kibibytes("VmRSS", of: "/proc/self/status") }

    /// Bytes of memory.
    public static var memory: UInt64 { ProcessInfo.processInfo.physicalMemory }

    /// Bytes that this process may still take: what the machine has left, or what its control groups leave it, if that is
    /// less; nil where the kernel does not tell.
    public static var availableMemory: Int? { availableMemory(root: "") }

    /// - Parameter root: where `/proc` and `/sys` are looked for; tests make their own.
    static func availableMemory(root: String) -> Int? {
        let left = groupRooms(root: root) + [kibibytes("MemAvailable", of: "\(root)/proc/meminfo")].compactMap { $0 }
        return left.min()
    }

    /// What each control group that this process is in, up to the root of what is seen, leaves it.
    private static func groupRooms(root: String) -> [Int] {
        var rooms: [Int] = []
        for line in text("\(root)/proc/self/cgroup").split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isVersion2 = parts[1].isEmpty
            guard isVersion2 || parts[1].split(separator: ",").contains("memory") else { continue }
            let base = "\(root)/sys/fs/cgroup" + (isVersion2 ? "" : "/memory")
            let (limit, usage) =
                isVersion2 ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes")
            var group = String(parts[2])
            while true {
                let folder = base + (group == "/" ? "" : group)
                if let limit = number("\(folder)/\(limit)"), let usage = number("\(folder)/\(usage)") {
                    // Pages of files that nobody uses count as used, but give way.
                    let idle = field("inactive_file", of: "\(folder)/memory.stat") ?? 0
                    rooms.append(max(0, limit - max(0, usage - idle)))
                }
                guard group.count > 1 else { break }
                group = (group as NSString).deletingLastPathComponent
            }
        }
        return rooms
    }

    private static func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// A file that holds one number; nil for "max" and for what is not there.
    private static func number(_ path: String) -> Int? {
        Int(text(path).trimmingCharacters(in: .whitespacesAndNewlines))
    }

    private static func field(_ name: String, of path: String) -> Int? {
        let line = text(path).split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line?.split(separator: " ").last.flatMap { Int($0) }
    }

    private static func kibibytes(_ name: String, of path: String) -> Int? {
        let line = text(path).split(separator: "\n").first { $0.hasPrefix(name + ":") }
        return line?.split(separator: " ", omittingEmptySubsequences: true).dropFirst().first.flatMap { Int($0) }
            .map { $0 << 10 }
    }
}
