// What a core costs and draws: options first, then the environment.
import ArgumentParser
import Engine
import Foundation

/// Price and power of a core; nothing is shown of what was not given.
struct TariffOptions: ParsableArguments {
    @Option(help: "Price of a core in an hour (else $WORKBENCH_PRICE_PER_CORE_HOUR); the run then tells what it costs.")
    var price: Double?
    @Option(help: "Currency of the price, such as EUR (else $WORKBENCH_CURRENCY).")
    var currency: String?
    @Option(help: "Power that a core draws, in watts (else $WORKBENCH_WATTS_PER_CORE); the run then tells its energy.")
    var watts: Double?

    func validate() throws {
        for (name, value) in [("--price", price), ("--watts", watts)] {
            if let value, !Self.isSound(value) {
                throw ValidationError("\(name) \(value) is not a number from 0 to 1000000.")
            }
        }
        if let currency, currency.count > 12 { throw ValidationError("--currency takes at most 12 characters.") }
    }

    /// What was given; nil: neither a price nor a power.
    func tariff(environment: [String: String] = ProcessInfo.processInfo.environment) throws -> Tariff? {
        func number(_ given: Double?, _ name: String) throws -> Double? {
            if let given { return given }
            guard let text = environment[name], !text.isEmpty else { return nil }
            guard let value = Double(text), Self.isSound(value) else {
                throw ValidationError("$\(name) is \(text), not a number from 0 to 1000000: mend it or unset it.")
            }
            return value
        }
        let tariff = Tariff(
            pricePerCoreHour: try number(price, "WORKBENCH_PRICE_PER_CORE_HOUR"),
            currency: String((currency ?? environment["WORKBENCH_CURRENCY"] ?? "").prefix(12)),
            wattsPerCore: try number(watts, "WORKBENCH_WATTS_PER_CORE"))
        return tariff.pricePerCoreHour == nil && tariff.wattsPerCore == nil ? nil : tariff
    }

    private static func isSound(_ value: Double) -> Bool { (0...1e6).contains(value) }
}
