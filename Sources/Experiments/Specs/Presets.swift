// Presets: the specs of examples/, which the program carries with it.
import CPresets

/// A spec that comes with the program.
public struct Preset: Sendable, Equatable {
    /// Name, as in `workbench train NAME`.
    public let name: String
    /// What it is, in a sentence: the first comment of the file.
    public let summary: String
    /// The file.
    public let yaml: String
}

/// The specs that come with the program, in the order in which they are shown.
public enum Presets {
    public static let all: [Preset] = (0..<wb_preset_count()).compactMap { index in
        guard let preset = wb_preset_at(index)?.pointee else { return nil }
        let yaml = String(decoding: UnsafeBufferPointer(start: preset.text, count: preset.bytes), as: UTF8.self)
        let first = yaml.prefix { $0 != "\n" }
        return Preset(
            name: String(cString: preset.name), summary: String(first.drop { $0 == "#" || $0 == " " }), yaml: yaml)
    }

    /// The preset called `name`.
    public static func named(_ name: String) -> Preset? { all.first { $0.name == name } }
}
