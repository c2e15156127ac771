// Neighbourhood: what lies around one example, as a surrogate and as the network see it.

/// Perturbations of one example. The first, number 0, is the example itself.
protocol Neighbourhood: Sendable {
    /// Features of the surrogate.
    var features: Int { get }
    /// The example in the surrogate's features.
    var example: [Float] { get }
    /// Width of the kernel where nobody sets one.
    var defaultKernelWidth: Double { get }
    /// Makes perturbation `number` of `seed`, in the surrogate's features and as the network's first layer takes it.
    func perturb(
        _ number: Int, seed: UInt64, features: UnsafeMutablePointer<Float>, input: UnsafeMutablePointer<Float>)
    /// How far a perturbation is from the example.
    func distance(_ features: UnsafePointer<Float>) -> Double
    /// What a person calls a feature.
    func text(_ feature: Int) -> String
}
