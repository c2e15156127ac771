// Reading of the reference vectors in Tests/Fixtures, and how close a number must come to them.
import Foundation

/// An array of a fixture: row-major values with their shape.
struct FixtureArray: Decodable {
    let shape: [Int]
    let values: [Float]
}

/// A number, a list or a text among a case's attributes.
enum FixtureAttribute: Decodable {
    case number(Double)
    case numbers([Double])
    case array(FixtureArray)
    case other

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let numbers = try? container.decode([Double].self) {
            self = .numbers(numbers)
        } else if let array = try? container.decode(FixtureArray.self) {
            self = .array(array)
        } else {
            self = .other
        }
    }
}

/// A layer, its inputs, its output, a gradient of the output and the gradients of the inputs.
struct LayerCase: Decodable {
    let op: String
    let attributes: [String: FixtureAttribute]
    let inputs: [String: FixtureArray]
    let output: FixtureArray
    let outputGradient: FixtureArray
    let gradients: [String: FixtureArray]

    func int(_ name: String) -> Int? {
        if case .number(let value) = attributes[name] { return Int(value) }
        return nil
    }
    func double(_ name: String) -> Double? {
        if case .number(let value) = attributes[name] { return value }
        return nil
    }
    func ints(_ name: String) -> [Int]? { doubles(name)?.map { Int($0) } }
    func doubles(_ name: String) -> [Double]? {
        if case .numbers(let values) = attributes[name] { return values }
        return nil
    }
    /// Targets of a regression loss.
    var fixtureTargets: FixtureArray? {
        if case .array(let array) = attributes["targets"] { return array }
        return nil
    }
}

/// Learning rates of a schedule, one after another.
struct ScheduleCase: Decodable {
    let schedule: String
    let baseLearningRate: Double
    let attributes: [String: FixtureAttribute]
    let rates: [Double]

    func double(_ name: String) -> Double? {
        if case .number(let value) = attributes[name] { return value }
        return nil
    }
}

/// An optimizer's way over ten steps.
struct OptimizerCase: Decodable {
    let optimizer: String
    let attributes: [String: FixtureAttribute]
    let start: [Float]
    let gradients: [[Float]]
    let parameters: [[Float]]

    func float(_ name: String) -> Float? {
        if case .number(let value) = attributes[name] { return Float(value) }
        return nil
    }
    var isNesterov: Bool { attributes["nesterov"] != nil }
}

enum Fixture {
    /// The folder of the fixtures: $WORKBENCH_FIXTURES, else Tests/Fixtures.
    static var folder: URL {
        if let path = ProcessInfo.processInfo.environment["WORKBENCH_FIXTURES"], !path.isEmpty {
            return URL(fileURLWithPath: path)
        }
        return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures")
    }

    static func load<T: Decodable>(_ name: String, as type: T.Type) throws -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(contentsOf: folder.appendingPathComponent(name)))
    }

    /// The first place where `got` is further from `reference` than 1e-4·|reference| + 1e-5·max|reference|.
    static func mismatch(_ got: [Float], _ reference: [Float]) -> String? {
        guard got.count == reference.count else { return "\(got.count) values instead of \(reference.count)" }
        let largest = reference.map(abs).max() ?? 0
        for (index, (a, b)) in zip(got, reference).enumerated() {
            let allowed = 1e-4 * abs(b) + 1e-5 * largest
            if !(abs(a - b) <= allowed) { return "value \(index) is \(a) instead of \(b)" }
        }
        return nil
    }
}
