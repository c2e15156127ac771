// Series: one curve, and what it remembers of its points from one drawing to the next.
import Foundation

/// One curve: points in the order of their x.
///
/// The first drawing summarises the points, later ones of the same value use the summary; copies share it. So keep a long
/// series, and make it longer with ``append(x:y:)`` or ``append(contentsOf:_:)``, rather than building it anew for each
/// frame. Points whose x do not ascend are drawn too, but every one is looked at each time.
public struct Series: Sendable {
    /// How a curve is drawn.
    public enum Kind: Sendable { case line, points }
    public var name: String
    public var role: Role
    public var kind: Kind
    private var places: [Double]
    private var values: [Double]
    private var memory = SeriesMemory()

    public init(name: String, x: [Double], y: [Double], role: Role, kind: Kind = .line) {
        precondition(x.count == y.count, "\(x.count) places for \(y.count) values")
        self.name = name
        places = x
        values = y
        self.role = role
        self.kind = kind
    }

    /// The places of the points. Setting them, or one of them, costs O(points).
    public var x: [Double] {
        get { places }
        set {
            places = newValue
            memory = SeriesMemory()
        }
    }

    /// The values of the points, one for each place. Setting them, or one of them, costs O(points).
    public var y: [Double] {
        get { values }
        set {
            values = newValue
            memory = SeriesMemory()
        }
    }

    /// How many points there are.
    public var count: Int { values.count }

    /// Adds a point behind the last one.
    /// - Complexity: O(1) amortised; what was summarised stays.
    public mutating func append(x: Double, y: Double) { append(contentsOf: CollectionOfOne(x), CollectionOfOne(y)) }

    /// Adds points behind the last one, a place for each value.
    /// - Complexity: O(new points); what was summarised stays.
    public mutating func append(contentsOf x: some Collection<Double>, _ y: some Collection<Double>) {
        precondition(x.count == y.count, "\(x.count) places for \(y.count) values")
        if !isKnownUniquelyReferenced(&memory) { memory = memory.copy() }
        places.append(contentsOf: x)
        values.append(contentsOf: y)
    }

    /// The points with their summary.
    var points: Points {
        precondition(places.count == values.count, "\(places.count) places for \(values.count) values")
        return memory.points(places, values)
    }

    /// The points of the smoothed curve.
    func smoothedPoints(weight: Double) -> Points { memory.smoothedPoints(points, weight: weight) }
}

/// The points of a curve with their summary.
struct Points: Sendable {
    let x: [Double]
    let y: [Double]
    /// Whether the places are finite and none is smaller than the one before.
    let isSorted: Bool
    let envelope: Envelope
}

/// What a series remembers: it covers the first points of arrays that only grow, and is extended when it is asked.
///
/// Sendable because every access to what changes is under the lock.
private final class SeriesMemory: @unchecked Sendable {
    private let lock = NSLock()
    private var known = Known()

    private struct Known {
        var ordered = 0
        var isSorted = true
        var envelope = Envelope()
        var smooth: Smooth?

        /// Looks whether places that it has not seen ascend.
        mutating func order(_ x: [Double]) {
            guard isSorted, ordered < x.count else { return }
            var last = ordered > 0 ? x[ordered - 1] : -Double.greatestFiniteMagnitude
            for index in ordered..<x.count {
                let place = x[index]
                guard place >= last, place < .infinity else {
                    isSorted = false
                    return
                }
                last = place
            }
            ordered = x.count
        }
    }

    private struct Smooth {
        var average: MovingAverage
        var values: [Double] = []
        var envelope = Envelope()
    }

    /// The same knowledge for a series that will go its own way.
    func copy() -> SeriesMemory {
        let copy = SeriesMemory()
        copy.known = lock.withLock { known }
        return copy
    }

    func points(_ x: [Double], _ y: [Double]) -> Points {
        lock.withLock {
            known.order(x)
            known.envelope.extend(over: y)
            return Points(x: x, y: y, isSorted: known.isSorted, envelope: known.envelope)
        }
    }

    func smoothedPoints(_ points: Points, weight: Double) -> Points {
        lock.withLock {
            var smooth = known.smooth ?? Smooth(average: MovingAverage(weight: weight))
            // Taken out, so that the array has one owner while it grows.
            known.smooth = nil
            if smooth.average.weight != MovingAverage.clamped(weight) {
                smooth = Smooth(average: MovingAverage(weight: weight))
            }
            smooth.values.reserveCapacity(points.y.count)
            for index in smooth.values.count..<points.y.count {
                smooth.values.append(smooth.average.add(points.y[index]))
            }
            smooth.envelope.extend(over: smooth.values)
            known.smooth = smooth
            return Points(x: points.x, y: smooth.values, isSorted: points.isSorted, envelope: smooth.envelope)
        }
    }
}
