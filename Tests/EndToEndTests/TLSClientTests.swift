import Foundation
import TestSupport
import Testing

/// The clients of `Tests/Live/clients.py` by TLS, SeaweedFS behind nginx, a tap and tcpdump with the key logs that there are.
@Suite(
    .serialized, .enabled(if: TLSProxy.isMissing == nil, "\(TLSProxy.isMissing ?? "")"),
    .enabled(if: TLSProxy.keyLogIsMissing == nil, "\(TLSProxy.keyLogIsMissing ?? "")"),
    .enabled(if: LiveDay.isMissing == nil, "\(LiveDay.isMissing ?? "")"),
    .enabled(if: RealServer.weedIsMissing == nil, "\(RealServer.weedIsMissing ?? "")"))
struct `A live tap of TLS beside real clients` {
    /// Clients that go together, since one key log knows the secrets of all of them.
    private struct Watch {
        var clients: [String]
        var keys: String
    }

    /// boto3 and awscli (Python) and curl write a key log where `SSLKEYLOGFILE` says so. rclone, a program of Go, does not:
    /// of its connections nginx tells the secrets, which are the same on both sides.
    @Test(arguments: [13, 12])
    func `holds what SeaweedFS holds, and the same as a replay of what tcpdump wrote`(_ version: Int) throws {
        let rig = try TapRig(server: .seaweed(try #require(RealServer.weed)))
        let written = rig.folder / "clients.log"
        let proxy = try TLSProxy(rig, keyLog: rig.folder / "server.log")
        let behind = "http://127.0.0.1:\(TapRig.port)"
        let authority = "\(TapRig.serverAddress):\(version == 12 ? TLSProxy.port12 : TLSProxy.port13)"
        try clients("seed", in: rig.server, at: behind)
        var made: [String: String] = [:]
        for watch in [
            Watch(clients: ["boto3", "awscli", "curl"], keys: written),
            Watch(clients: ["rclone"], keys: rig.folder / "server.log"),
        ] {
            let dump = try rig.tcpdump("vs0")
            let tap = try rig.tap(["-i", "vs0", "--keys", watch.keys])
            let day = try clients(
                "day", in: rig.client, at: "https://\(authority)", watch.clients, keys: written, trusting: proxy)
            try rig.end(tcpdump: dump)
            made.merge(try JSONDecoder().decode([String: String].self, from: Data(day.utf8))) { $1 }
            try expectAllWasRead(try report(ending: tap), version, watch)
            // The second replay goes on where the first one ended, as the second tap does.
            try OxbowProgram.succeed([
                "replay", "--vault", rig.folder / "replayed", "--keys", watch.keys, rig.folder / "dump.pcap",
            ])
        }
        let truth = try clients("truth", in: rig.server, at: behind)
        let held = try JSONDecoder().decode([String: LiveDay.Held].self, from: Data(truth.utf8))
        let objects = try rig.verified("vault")
        try LiveDay.expect(objects, held: held, made: made, at: authority)
        LiveDay.expectEqual(objects, replayed: try rig.verified("replayed"))
    }

    /// No packet is missing, and no connection was left encrypted.
    private func expectAllWasRead(_ report: (tap: TapOutput.Status, tls: TLSReport), _ version: Int, _ watch: Watch)
        throws
    {
        #expect(report.tap.interfaces.allSatisfy { $0.isWhole }, "\(report.tap.interfaces)")
        #expect(report.tls.undecryptable.isEmpty, "\(watch.clients): \(report.tls.undecryptable)")
        let counters = report.tls.cleartext
        let flows = try #require(counters["flows"])
        #expect(flows > 2)
        #expect(counters["decryptedFlows"] == flows)
        #expect(counters[version == 12 ? "version12" : "version13"] == flows)
        // curl by HTTP/2 as often as by HTTP/1.1; of rclone it is its own choice.
        if watch.clients.contains("curl") { #expect(counters["http2Sessions", default: 0] >= 5) }
    }

    private func report(ending tap: RunningProgram) throws -> (tap: TapOutput.Status, tls: TLSReport) {
        tap.process.terminate()
        let outcome = tap.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let line = try #require(outcome.text.split(separator: "\n").last, "no report: \(outcome.errors)")
        return (
            try #require(try TapOutput(outcome.text).report, "no report: \(outcome.errors)"),
            try JSONDecoder().decode(TLSReport.self, from: Data(line.utf8))
        )
    }

    @discardableResult
    private func clients(
        _ what: String, in space: String, at endpoint: String, _ names: [String] = [], keys: String? = nil,
        trusting proxy: TLSProxy? = nil
    ) throws -> String {
        let trust = proxy.map { proxy in
            ["AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"].map { "\($0)=\(proxy.certificate)" }
        }
        let log = keys.map { ["SSLKEYLOGFILE=\($0)"] } ?? ["-u", "SSLKEYLOGFILE"]
        return try Shell.run(
            ["ip", "netns", "exec", space, "env"] + log + (trust ?? [])
                + LiveProgram.command("clients.py", [what, endpoint] + names))
    }
}
