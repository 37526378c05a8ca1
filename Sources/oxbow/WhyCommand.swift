import ArgumentParser
import Catalog
import Objects
import Vaults

/// `oxbow why`.
struct WhyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Tells what happened to an object: requests, connections, packets, gaps and their causes.",
        discussion: "Newest first. Packet numbers count from 1 within the replay that saw them.")

    @OptionGroup var vault: VaultOptions

    @Argument(help: ObjectSelector.help)
    var name: String

    @Flag(help: "Print one JSON object a line: first the versions, then the history.")
    var json = false

    func run() throws {
        let reader = try vault.openForReading()
        let name = try ObjectSelector.name(name, in: reader)
        let versions = try reader.catalog.versions(of: name)
        let history = try reader.catalog.history(of: name)
        let evidence = try reader.catalog.evidence(of: name)
        guard !versions.isEmpty || !history.isEmpty || evidence != nil else { throw VaultError.noSuchObject(name.url) }
        if json {
            for version in versions { try JSONLine.print(ObjectJSON(version)) }
            for entry in history { try JSONLine.print(HistoryJSON(entry)) }
            return
        }
        try Terminal.print(name.url)
        if versions.isEmpty { try Terminal.print("  no version is held") }
        for version in versions { try Terminal.print("  " + summary(of: version)) }
        if let evidence, !evidence.isAbsent, versions.isEmpty {
            try Terminal.print(
                "  seen but not held: the cloud spoke of it at \(TimeText.text(evidence.seenAt)), \(evidence.size.map { "\($0) bytes" } ?? "size not stated")"
            )
        }
        try Terminal.print("history, newest first:")
        for entry in history { for line in lines(of: entry) { try Terminal.print("  " + line) } }
    }

    private func summary(of version: VersionRecord) -> String {
        let removed = version.removedAt.map { ", removed \(TimeText.text($0))" } ?? ""
        if version.kind == .tombstone { return "tombstone of \(TimeText.text(version.time))\(removed)" }
        var text =
            "version of \(TimeText.text(version.time)), \(version.size.map { "\($0) bytes" } ?? "size not stated"), \(version.state.rawValue)\(removed)"
        for gap in version.gaps {
            text +=
                "\n    missing \(gap.length.map { "\($0) bytes" } ?? "all") from \(gap.offset): \(explanation(of: gap.cause))"
        }
        for healed in version.healed {
            text +=
                "\n    healed \(healed.length) bytes from \(healed.offset) at \(TimeText.text(healed.time)), had been \(healed.cause.rawValue)"
        }
        return text
    }

    private func lines(of entry: HistoryRecord) -> [String] {
        var text = "\(TimeText.text(entry.seen.time)) \(entry.operation)"
        if let number = entry.partNumber { text += " part \(number)" }
        if let offset = entry.offset { text += " from byte \(offset)" }
        if entry.byteCount > 0 { text += ", \(entry.byteCount) bytes" }
        if let status = entry.status { text += ", status \(status)" }
        if let detail = entry.detail { text += ", \(detail)" }
        var lines = [text, "    \(entry.seen.flow), packet \(entry.seen.packet)"]
        for gap in entry.gaps {
            lines.append(
                "    lacked \(gap.length.map { "\($0) bytes" } ?? "all") from \(gap.offset): \(gap.cause.rawValue)")
        }
        return lines
    }

    /// The cause in a person's words, with what helps.
    private func explanation(of cause: GapCause) -> String {
        switch cause {
        case .notCaptured: "not-captured (the packets are not in the capture; a larger capture buffer helps)"
        case .kernelDrop: "kernel-drop (the kernel dropped packets; a larger capture buffer helps)"
        case .overload: "overload (storage could not keep up; whole connections were left out)"
        case .outage: "outage (the interface was away)"
        case .snapped: "snapped (frames were cut; capture with a snapshot length of 262144)"
        case .captureStartedLate: "capture-started-late"
        case .captureEnded: "capture-ended"
        case .connectionEnded: "connection-ended (the connection broke off)"
        case .keyMissing: "key-missing (the session's secrets are not known)"
        case .flowEvicted: "flow-evicted (idle too long, or too many connections)"
        case .limit: "limit (a limit of Oxbow was reached)"
        case .framingLost: "framing-lost (bytes around it were lost, so its place is not known)"
        case .neverSeen: "never-seen (no node asked for these bytes)"
        }
    }
}

/// One line of `why --json`.
private struct HistoryJSON: Encodable {
    var operation: String
    var time: String
    var packet: UInt64
    var flow: String
    var status: Int?
    var part: Int?
    var offset: UInt64?
    var bytes: UInt64
    var etag: String?
    var detail: String?
    var gaps: [ObjectJSON.GapJSON]

    init(_ entry: HistoryRecord) {
        operation = String(describing: entry.operation)
        time = TimeText.text(entry.seen.time)
        packet = entry.seen.packet
        flow = entry.seen.flow
        status = entry.status
        part = entry.partNumber
        offset = entry.offset
        bytes = entry.byteCount
        etag = entry.etag
        detail = entry.detail
        gaps = entry.gaps.map(ObjectJSON.GapJSON.init)
    }
}
