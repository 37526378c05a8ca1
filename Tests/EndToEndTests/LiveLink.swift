import Foundation
import TestSupport
import Testing

/// How the two nodes of a live test are joined.
enum LiveLink: CustomTestStringConvertible, Sendable {
    /// A veth pair; with `offloads`, frames of up to 64 KiB and without checksums, as the kernel hands them to itself.
    case direct(offloads: Bool)
    /// Two veth pairs and a bridge between them that harms by a seed (`Tests/Live/bridge.py`).
    case bridged([String])
    /// A VXLAN device of the kernel over a veth pair; nodes talk by 10.88.0.1 and .2.
    case overlay(network: Int)

    var testDescription: String {
        switch self {
        case .direct(let offloads): "offloads \(offloads ? "on" : "off")"
        case .bridged(let options): "bridge \(options.joined(separator: " "))"
        case .overlay(let network): "VXLAN \(network)"
        }
    }

    /// True when the nodes talk through a tunnel.
    var isOverlay: Bool {
        if case .overlay = self { return true }
        return false
    }

    /// What the bridge counts of the harm that it is told to do.
    var harms: [String] {
        guard case .bridged(let options) = self else { return [] }
        let counters = [
            "--loss": "lost", "--duplicate": "duplicated", "--reorder": "reordered", "--fragment": "fragmented",
            "--mirror-loss": "mirror_lost",
        ]
        return options.compactMap { counters[$0] }
    }

    /// The server's address.
    var server: String {
        isOverlay ? "10.88.0.1" : TapRig.serverAddress
    }

    /// Joins the rig's namespaces so. The server's interface is `vs0`, whatever lies behind it.
    func join(_ rig: TapRig) throws {
        switch self {
        case .direct(let offloads):
            try rig.addPair(0)
            if !offloads { try Self.stopOffloads([(rig.server, "vs0"), (rig.client, "vc0")]) }
        case .bridged(let options): try joinByBridge(rig, options)
        case .overlay(let network):
            try rig.addPair(0)
            try joinByOverlay(rig, network)
        }
    }

    private func joinByBridge(_ rig: TapRig, _ options: [String]) throws {
        try rig.addSpace(rig.middle)
        for (space, name, peer, host) in [(rig.server, "vs0", "ms0", 1), (rig.client, "vc0", "mc0", 2)] {
            try Shell.run([
                "ip", "-n", space, "link", "add", name, "type", "veth", "peer", "name", peer, "netns", rig.middle,
            ])
            try Shell.run(["ip", "-n", space, "addr", "add", "10.77.0.\(host)/24", "dev", name])
            try Shell.run(["ip", "-n", space, "link", "set", name, "up"])
        }
        // The mirror port and the analyser's end of it.
        try Shell.run(["ip", "-n", rig.middle, "link", "add", "mm0", "type", "veth", "peer", "name", "mt0"])
        try Self.stopOffloads(
            [(rig.server, "vs0"), (rig.client, "vc0")] + ["ms0", "mc0", "mm0", "mt0"].map { (rig.middle, $0) })
        for name in ["ms0", "mc0", "mm0", "mt0"] { try Shell.run(["ip", "-n", rig.middle, "link", "set", name, "up"]) }
        rig.bridge = try rig.help(
            LiveProgram.command("bridge.py", ["ms0", "mc0"] + options), in: rig.middle, saying: "the bridge")
    }

    private func joinByOverlay(_ rig: TapRig, _ network: Int) throws {
        for (space, name, own, other) in [(rig.server, "vs0", 1, 2), (rig.client, "vc0", 2, 1)] {
            guard
                (try? Shell.run([
                    "ip", "-n", space, "link", "add", "vx0", "type", "vxlan", "id", "\(network)", "dstport", "4789",
                    "local", "10.77.0.\(own)", "remote", "10.77.0.\(other)", "dev", name,
                ])) != nil
            else { try Test.cancel("this kernel has no VXLAN devices") }
            try Shell.run(["ip", "-n", space, "addr", "add", "10.88.0.\(own)/24", "dev", "vx0"])
            try Shell.run(["ip", "-n", space, "link", "set", "vx0", "up"])
        }
    }

    private static func stopOffloads(_ interfaces: [(space: String, name: String)]) throws {
        for (space, name) in interfaces {
            let command = ["ip", "netns", "exec", space, "ethtool", "-K", name]
            guard
                (try? Shell.run(command + ["tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off"])) != nil
            else { try Test.cancel("offloads cannot be turned off here: needs ethtool and a veth that obeys it") }
        }
    }
}
