import Foundation
import TestSupport
import Testing

/// Real clients against a real server, a tap and tcpdump beside them.
@Suite(
    .serialized, .enabled(if: TapRig.isMissing == nil, "\(TapRig.isMissing ?? "")"),
    .enabled(if: LiveDay.isMissing == nil, "\(LiveDay.isMissing ?? "")"))
struct `A live tap beside real clients` {
    @Test(arguments: [
        LiveLink.direct(offloads: true), .direct(offloads: false), .overlay(network: 77),
        .bridged(["--seed", "3", "--loss", ".01", "--duplicate", ".01", "--reorder", ".02", "--delay", ".0005"]),
        .bridged(["--seed", "4", "--fragment", "620", "--shuffle", ".3", "--duplicate", ".01", "--loss", ".001"]),
    ])
    func `holds what the server holds, and the same as a replay of what tcpdump wrote`(_ link: LiveLink) throws {
        let day = try LiveDay(link)
        try day.run()
        try day.expectTruth()
        try day.expectReplayIsEqual()
        // All of it came out of the tunnel, of one virtual network; without a tunnel there is none.
        let report = try #require(day.report)
        let taken = report.encapsulations
        #expect(report.decapsulation["tenants", default: 0] == (link.isOverlay ? 1 : 0))
        #expect((taken["vxlan", default: 0] > 1000) == link.isOverlay, "\(taken)")
        // The bridge did harm.
        for harm in link.harms { #expect(try day.bridged()[harm, default: 0] > 10, "\(harm)") }
    }

    @Test(.enabled(if: RealServer.weedIsMissing == nil, "\(RealServer.weedIsMissing ?? "")"))
    func `holds what SeaweedFS holds, which checks the signatures of every client`() throws {
        let day = try LiveDay(.direct(offloads: true), server: .seaweed(try #require(RealServer.weed)))
        try day.run()
        try day.expectTruth()
        try day.expectReplayIsEqual()
    }

    @Test func `on a mirror port that loses packets calls nothing whole that is not, and names the rest`() throws {
        let day = try LiveDay(.bridged(["--seed", "5", "--mirror", "mm0", "--mirror-loss", ".004"]), tapping: "mt0")
        try day.run()
        let lost = try #require(try day.bridged()["mirror_lost"])
        #expect(lost > 10)
        let objects = try day.live()
        let whole = objects.values.filter { $0.state == "verified" || $0.state == "complete" }
        for object in whole { #expect(object.sha256 == day.held[object.key]?.sha256, "\(object)") }
        // What is harmed says where; what left no trace of itself is named by the listing of `truth`, which is not tapped.
        let harmed = objects.values.filter { $0.state == "partial" || $0.state == "missing" }
        #expect(!harmed.isEmpty)
        #expect(harmed.allSatisfy { !$0.gaps.isEmpty }, "\(harmed)")
        #expect(harmed.contains { $0.gaps.contains { $0.cause == "not-captured" } }, "\(harmed)")
        try day.expectReplayIsEqual()
    }
}
