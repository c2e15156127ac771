// Tariff: what a core costs and draws, and what a run comes to.

/// What a person said of a core's price and power; each by itself.
public struct Tariff: Sendable, Equatable {
    /// Of a core in an hour, in `currency`; nil: nothing was said.
    public var pricePerCoreHour: Double?
    /// "EUR", or whatever was given; empty: none.
    public var currency: String
    /// Power that a core draws; nil: nothing was said.
    public var wattsPerCore: Double?

    public init(pricePerCoreHour: Double? = nil, currency: String = "", wattsPerCore: Double? = nil) {
        self.pricePerCoreHour = pricePerCoreHour
        self.currency = currency
        self.wattsPerCore = wattsPerCore
    }

    /// What cores that were taken for so many seconds come to. A worker takes a core, whether it computes or waits.
    public func bill(coreSeconds: Double) -> Bill {
        let hours = coreSeconds / 3600
        return Bill(cost: pricePerCoreHour.map { $0 * hours }, wattHours: wattsPerCore.map { $0 * hours })
    }
}

/// What a run comes to.
public struct Bill: Sendable, Equatable {
    /// In the tariff's currency; nil where it names no price.
    public var cost: Double?
    /// Energy; nil where the tariff names no power.
    public var wattHours: Double?

    public init(cost: Double? = nil, wattHours: Double? = nil) {
        self.cost = cost
        self.wattHours = wattHours
    }
}

extension RunState {
    /// What the run comes to so far; nil where nobody named a price or a power.
    public var bill: Bill? { head?.tariff.map { finished?.bill ?? $0.bill(coreSeconds: coreSeconds) } }

    /// What it will come to at its end, at the speed of now; nil where that can't be told.
    public var billAtEnd: Bill? {
        guard let head, let tariff = head.tariff, finished == nil, let remaining = progress?.remainingSeconds else {
            return nil
        }
        return tariff.bill(coreSeconds: coreSeconds + remaining * Double(head.workers))
    }

    /// What an epoch comes to: so far, over the epochs that are done; nil before the first step.
    public var billPerEpoch: Bill? {
        guard let bill, let head, step > 0, head.stepsPerEpoch > 0 else { return nil }
        let epochs = Double(step) / Double(head.stepsPerEpoch)
        return Bill(cost: bill.cost.map { $0 / epochs }, wattHours: bill.wattHours.map { $0 / epochs })
    }
}
