// Balance: what is done about classes of which there are many more examples than of others.

/// How training makes up for classes of different size.
public enum Balance: String, Sendable, CaseIterable {
    /// Nothing: each epoch sees every training example once.
    case none
    /// Each epoch draws as many examples as the training split has, of every class equally often; see ``EpochOrder``.
    case oversample
    /// Examples are made up once until every class has as many as the largest (tables only); see
    /// ``PreparedExamples/withSmote(train:encodings:seed:)``.
    case smote
}

/// Why classes can't be balanced as was asked.
public enum BalanceError: Error, Equatable, CustomStringConvertible {
    case needsTable
    case classTooSmall(String)

    public var description: String {
        switch self {
        case .needsTable:
            "data.balance: smote makes up rows of tables, but the data are images; oversample balances images."
        case .classTooSmall(let name):
            "data.balance: smote needs two training examples of a class at least, but '\(name)' has one; bring more of them or use oversample."
        }
    }
}

/// Which examples an epoch takes, and in which order: a function of seed and epoch alone.
struct EpochOrder: Sendable {
    private let train: [Int32]
    /// The training examples of each class that has any; nil: every example comes once.
    private let classes: [[Int32]]?
    private let seed: UInt64

    /// - Parameter labels: of all examples.
    init(train: [Int32], labels: (Int32) -> Int32, balance: Balance, seed: UInt64) {
        self.train = train
        self.seed = seed
        if balance == .oversample {
            var members: [Int32: [Int32]] = [:]
            for example in train { members[labels(example), default: []].append(example) }
            classes = members.keys.sorted().compactMap { members[$0] }
        } else {
            classes = nil
        }
    }

    /// As many examples as there are to train on.
    ///
    /// With oversampling the numbers of any two classes differ by 1 at most, and within a class those of any two examples: a
    /// class goes through its examples again and again, each time in a new random order.
    func examples(epoch: Int) -> [Int32] {
        var random = CounterRandom(seed: seed, purpose: .shuffle, first: epoch)
        var order = train
        if let classes {
            order.removeAll(keepingCapacity: true)
            // Who gets one more than the others is drawn anew in each epoch.
            var ranks = Array(classes.indices)
            var draw = CounterRandom(seed: seed, purpose: .balance, first: epoch)
            draw.shuffle(&ranks)
            for (rank, label) in ranks.enumerated() {
                let wanted = train.count / classes.count + (rank < train.count % classes.count ? 1 : 0)
                var members = classes[label]
                var missing = wanted
                while missing > 0 {
                    draw.shuffle(&members)
                    order += members.prefix(missing)
                    missing -= members.count
                }
            }
        }
        random.shuffle(&order)
        return order
    }

    /// How many times each of `examples` comes before in them; nil: each comes once.
    func turns(_ examples: [Int32]) -> [UInt16]? {
        guard classes != nil else { return nil }
        var seen: [Int32: UInt16] = [:]
        return examples.map { example in
            let turn = seen[example, default: 0]
            seen[example] = turn == .max ? turn : turn + 1
            return turn
        }
    }
}
