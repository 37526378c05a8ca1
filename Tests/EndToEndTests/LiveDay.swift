import Foundation
import TestSupport
import Testing

/// A day of real clients (`Tests/Live/clients.py`) with a tap and tcpdump beside it.
final class LiveDay {
    /// What the server holds.
    struct Held: Decodable {
        var sha256: String
        var size: UInt64
        var etag: String
    }

    /// Why it cannot be had here; nil when it can.
    static let isMissing: String? = {
        for (command, package) in [
            (["aws", "--version"], "awscli"), (["rclone", "version"], "rclone"), (["curl", "--version"], "curl"),
            (["ethtool", "--version"], "ethtool"),
        ] where (try? Shell.run(command)) == nil { return "needs \(package)" }
        return nil
    }()

    let rig: TapRig
    private let link: LiveLink
    private let interface: String
    private let space: String
    /// Read from the server once the day is over.
    private(set) var held: [String: Held] = [:]
    /// What the clients say that they left there.
    private(set) var made: [String: String] = [:]
    /// The tap's report, as it printed it.
    private(set) var report: TapOutput.Status?
    private var objects: [String: TappedObject]?
    private var bridging: [String: Int]?
    private var options: [String] { link.isOverlay ? ["--tenants"] : [] }

    /// Namespaces joined by `link`, and a server with objects that are only read during the day. The tap watches the server's
    /// interface, or `tapping` in the bridge's namespace.
    init(_ link: LiveLink, server: TapRig.Server = .moto, tapping: String? = nil) throws {
        self.link = link
        rig = try TapRig(server: server, join: link.join)
        interface = tapping ?? "vs0"
        space = tapping == nil ? rig.server : rig.middle
        try clients("seed", in: rig.server, at: "127.0.0.1")
    }

    /// The day, from the start of the tap to its end.
    func run() throws {
        let dump = try rig.tcpdump(interface, in: space)
        let tap = try rig.tap(["-i", interface] + options, in: space)
        made = try JSONDecoder().decode(
            [String: String].self, from: Data(try clients("day", in: rig.client, at: link.server).utf8))
        try rig.end(tcpdump: dump)
        let report = try tap.endTapWithReport()
        #expect(report.interfaces.allSatisfy { $0.isWhole }, "\(report.interfaces)")
        self.report = report
        held = try JSONDecoder().decode(
            [String: Held].self, from: Data(try clients("truth", in: rig.server, at: "127.0.0.1").utf8))
    }

    /// What the tap keeps, by key.
    func live() throws -> [String: TappedObject] {
        if let objects { return objects }
        let found = try rig.verified("vault")
        objects = found
        return found
    }

    /// Every object is as the server has it: those written whole, of those read what was read.
    func expectTruth() throws {
        try Self.expect(try live(), held: held, made: made, at: "\(link.server):\(TapRig.port)")
    }

    /// The same of any objects: `made` is what the clients left, `authority` what they called the server.
    static func expect(
        _ objects: [String: TappedObject], held: [String: Held], made: [String: String], at authority: String
    ) throws {
        #expect(objects.keys.sorted() == held.keys.sorted())
        for (key, truth) in held {
            let object = try #require(objects[key], "\(key)")
            #expect(object.size == truth.size, "\(key)")
            #expect(object.etag == truth.etag.trimmingCharacters(in: ["\""]), "\(key)")
            #expect(object.name.contains("//\(authority)/"), "\(object.name)")
            if key == "seeded/part" {
                // 1000 to 200999 were read.
                #expect(object.state == "partial")
                let expected = [
                    TappedObject.Gap(offset: 0, length: 1000, cause: "never-seen"),
                    TappedObject.Gap(offset: 201_000, length: truth.size - 201_000, cause: "never-seen"),
                ]
                #expect(object.gaps == expected)
                continue
            }
            #expect(object.sha256 == truth.sha256, "\(key)")
            #expect(object.gaps.isEmpty, "\(key)")
            #expect(object.state == "verified" || object.state == "complete" && truth.etag.contains("-"), "\(object)")
            if let own = made[key] { #expect(own == truth.sha256, "\(key)") }
        }
        #expect(Set(held.keys).subtracting(made.keys) == ["seeded/whole", "seeded/part"])
    }

    /// A replay of what tcpdump wrote beside the tap gives the same objects: name, size, state, ETag, gaps, content.
    func expectReplayIsEqual() throws {
        try OxbowProgram.succeed(["replay"] + options + ["--vault", rig.folder / "replayed", rig.folder / "dump.pcap"])
        Self.expectEqual(try live(), replayed: try rig.verified("replayed"))
    }

    /// A tap and a replay gave the same objects.
    static func expectEqual(_ objects: [String: TappedObject], replayed: [String: TappedObject]) {
        #expect(replayed.keys.sorted() == objects.keys.sorted())
        for (key, object) in objects { #expect(replayed[key] == object) }
    }

    /// What the bridge did, by kind; it ends with the first call.
    func bridged() throws -> [String: Int] {
        if let bridging { return bridging }
        let text = try #require(rig.bridge).end()
        let counters = try JSONDecoder().decode([String: Int].self, from: Data(text.utf8))
        bridging = counters
        return counters
    }

    @discardableResult
    private func clients(_ what: String, in space: String, at address: String) throws -> String {
        try Shell.run(
            ["ip", "netns", "exec", space]
                + LiveProgram.command("clients.py", [what, "http://\(address):\(TapRig.port)"]))
    }
}
