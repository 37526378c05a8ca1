import ArgumentParser
import Pipeline

/// What every command that reads packets asks about tunnels.
struct TunnelArguments: ParsableArguments {
    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(
            "Tell connections of equal addresses in different VLANs or virtual networks apart. (default: one connection, as is right where a mirror shows it on several)"
        ))
    var tenants: Bool?

    @Option(
        name: .customLong("vxlan-port"),
        help: ArgumentHelp("A UDP port of VXLAN. Repeatable. (default: 4789, 8472)", valueName: "port"))
    var vxlanPorts: [UInt16] = []

    @Option(
        name: .customLong("geneve-port"),
        help: ArgumentHelp("A UDP port of GENEVE. Repeatable. (default: 6081)", valueName: "port"))
    var genevePorts: [UInt16] = []

    @Option(
        name: .customLong("encapsulation-depth"),
        help: ArgumentHelp(
            "Tags, label stacks and tunnels in one frame; frames with more are counted, not read. (default: 16)",
            valueName: "count"))
    var encapsulationDepth: Int?

    @Option(
        name: .customLong("fragment-memory"),
        help: ArgumentHelp("Memory for IP fragments that wait for others. (default: 16MiB)", valueName: "size"))
    var fragmentMemory: String?

    /// What was said here, else in the configuration, else the defaults.
    func options(_ configured: Configuration) throws -> TunnelOptions {
        var options = TunnelOptions()
        options.separatesTenants = tenants ?? configured.tenants ?? options.separatesTenants
        options.vxlanPorts = vxlanPorts.isEmpty ? configured.vxlanPorts ?? options.vxlanPorts : vxlanPorts
        options.genevePorts = genevePorts.isEmpty ? configured.genevePorts ?? options.genevePorts : genevePorts
        if let port = options.vxlanPorts.first(where: options.genevePorts.contains) {
            throw ValidationError("UDP port \(port) cannot be both VXLAN's and GENEVE's")
        }
        options.encapsulationsMax = encapsulationDepth ?? configured.encapsulationDepth ?? options.encapsulationsMax
        guard (1...255).contains(options.encapsulationsMax) else {
            throw ValidationError("--encapsulation-depth is 1 to 255")
        }
        if let text = fragmentMemory ?? configured.fragmentMemory {
            guard let bytes = ByteText.parse(text), bytes >= 1 << 16 else {
                throw ValidationError("--fragment-memory \(text) is no size of at least 64KiB; say for example 16MiB")
            }
            options.fragmentBytes = Int(clamping: bytes)
        }
        return options
    }
}
