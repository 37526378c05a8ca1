import Foundation
import TestSupport
import Testing

/// Captures derived from `d40-base` by `Captures/make/encapsulate.py`, a program that shares nothing with Oxbow's decoder.
@Suite(.enabled(if: DerivedCaptures.script != nil, "python3 is needed to derive the captures"))
struct `Every encapsulation gives the objects of what it carries` {
    /// Replays a derived capture and returns the report.
    private func replay(_ name: String, options: [String] = []) throws -> (
        report: [String: Any], vault: String, TemporaryFolder
    ) {
        let folder = try TemporaryFolder()
        let capture = try DerivedCaptures.make(name, in: folder)
        let vault = folder / "vault"
        let outcome = try OxbowProgram.succeed(
            ["replay", "--vault", vault, "--dialect", "all", "--json", capture] + options)
        return (try #require(try outcome.objects().last), vault, folder)
    }

    @Test(arguments: DerivedCaptures.names.filter { $0 != "overlays-sharing-addresses" })
    func `replayed`(_ name: String) throws {
        let (report, vault, folder) = try replay(name)
        let faults = try #require(report["frameFaults"] as? [String: Int])
        // Copies of fragments are all that may be left over; those that were cut otherwise look like another datagram.
        let expected =
            name == "fragments-cut-twice" ? ["fragment-duplicate", "fragment-incomplete"] : ["fragment-duplicate"]
        #expect(faults.keys.allSatisfy(expected.contains), "\(faults)")
        try expect(
            try OxbowProgram.succeed(["verify", "--vault", vault, "--json"]), toHold: try CaptureCase.named("d40-base"))
        withExtendedLifetime(folder) {}
    }

    @Test(arguments: ["nested", "geneve", "wrapped-and-plain"])
    func `replayed with tenants told apart`(_ name: String) throws {
        let (_, vault, folder) = try replay(name, options: ["--tenants"])
        try expect(
            try OxbowProgram.succeed(["verify", "--vault", vault, "--json"]), toHold: try CaptureCase.named("d40-base"))
        withExtendedLifetime(folder) {}
    }

    @Test func `two overlays that share addresses are mixed, unless tenants are told apart`() throws {
        let (apart, _, first) = try replay("overlays-sharing-addresses", options: ["--tenants"])
        let (mixed, _, second) = try replay("overlays-sharing-addresses")
        let base = try replay("vlan")
        func opened(_ report: [String: Any]) -> Int { (report["flows"] as? [String: Int])?["flowsOpened"] ?? 0 }
        #expect(opened(apart) == 2 * opened(base.report))
        #expect(opened(mixed) == opened(base.report))
        #expect((apart["decapsulation"] as? [String: Int])?["tenants"] == 2)
        withExtendedLifetime((first, second, base)) {}
    }

    @Test func `the configuration file says what a tunnel is, and flags win`() throws {
        let folder = try TemporaryFolder()
        let capture = try DerivedCaptures.make("vxlan-8472-ipv6", in: folder)
        let configuration = folder / "oxbow.yaml"
        try "vxlan-ports: [4789]\ntenants: true\n".write(toFile: configuration, atomically: true, encoding: .utf8)
        let common = ["replay", "--config", configuration, "--json", capture, "--vault"]
        let without = try OxbowProgram.succeed(common + [folder / "without"]).objects().last
        #expect((without?["encapsulations"] as? [String: Int])?["vxlan"] == nil)
        let with = try OxbowProgram.succeed(common + [folder / "with", "--vxlan-port", "8472"]).objects().last
        #expect((with?["encapsulations"] as? [String: Int])?["vxlan"] ?? 0 > 200)
        #expect((with?["decapsulation"] as? [String: Int])?["tenants"] == 1)
        let shallow = try OxbowProgram.succeed(
            common + [folder / "shallow", "--vxlan-port", "8472", "--encapsulation-depth", "1", "--no-tenants"]
        ).objects().last
        #expect((shallow?["encapsulations"] as? [String: Int])?["vxlan"] ?? 0 > 200)
        #expect(shallow?["decapsulation"] as? [String: Int] == [:])
        for wrong in [["--encapsulation-depth", "0"], ["--fragment-memory", "some"], ["--fragment-memory", "1KiB"]] {
            #expect(try OxbowProgram.run(common + [folder / "wrong"] + wrong).status == 64)
        }
        let clash = try OxbowProgram.run(common + [folder / "clash", "--geneve-port", "4789"])
        #expect(clash.status == 64 && clash.errors.contains("4789"))
    }
}

/// The script and what it makes.
enum DerivedCaptures {
    /// The script, if there is a Python to run it.
    static let script: String? = {
        let path = CaptureCase.folder.path + "/make/encapsulate.py"
        return (try? run([path, "--list"]))?.isEmpty == false ? path : nil
    }()

    /// The forms it knows.
    static let names: [String] = (script.flatMap { try? run([$0, "--list"]) } ?? "").split(separator: "\n").map(
        String.init)

    /// Makes the capture of this form.
    static func make(_ name: String, in folder: TemporaryFolder) throws -> String {
        _ = try run([try #require(script), try CaptureCase.named("d40-base").path, folder.path, name])
        let file = folder / "\(name).pcap"
        return FileManager.default.fileExists(atPath: file) ? file : file + "ng"
    }

    private static func run(_ arguments: [String]) throws -> String {
        let outcome = try RunningProgram("/usr/bin/env", ["python3"] + arguments).wait()
        try #require(outcome.status == 0, "\(outcome.errors)")
        return outcome.text
    }
}
