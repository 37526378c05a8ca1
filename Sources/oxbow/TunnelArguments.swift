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

    /// What was said here, else in the configuration, else the defaults.
    func options(_ configured: Configuration) throws -> TunnelOptions {
        var options = TunnelOptions()
        options.separatesTenants = tenants ?? configured.tenants ?? options.separatesTenants
        options.vxlanPorts = vxlanPorts.isEmpty ? configured.vxlanPorts ?? options.vxlanPorts : vxlanPorts
        options.genevePorts = genevePorts.isEmpty ? configured.genevePorts ?? options.genevePorts : genevePorts
        if let port = options.vxlanPorts.first(where: options.genevePorts.contains) {
            throw ValidationError("UDP port \(port) cannot be both VXLAN's and GENEVE's")
        }
        return options
    }
}
