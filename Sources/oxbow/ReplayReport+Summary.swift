import Foundation
import Pipeline
import Vaults

extension ReplayReport {
    /// The report as a person reads it, on standard output.
    func printSummary() throws {
        try Terminal.print(
            "\(packets) packets, \(ByteText.text(capturedBytes)) in \(String(format: "%.1f", seconds)) s"
        )
        try Terminal.print(
            "\(vault.blocks) blocks, \(ByteText.text(vault.blockBytes)); \(vault.newBlocks) new, \(ByteText.text(vault.newBlockBytes)) stored in \(ByteText.text(vault.storedBlockBytes))"
        )
        try Terminal.print(
            "\(vault.versionsChecked) versions checked against the cloud's digests, \(vault.versionsCheckedOnArrival) of them as they came"
        )
        for (reason, count) in frameFaults.sorted(by: { $0.key < $1.key }) {
            try Terminal.print("not TCP that could be read: \(count) frames, \(reason)")
        }
        if let datagrams = decapsulation["reassembledDatagrams"] {
            let fragments = decapsulation["reassembledFragments", default: 0]
            try Terminal.print("\(datagrams) datagrams put together from \(fragments) fragments")
        }
        for line in undecryptable {
            try Terminal.print(
                "not decrypted: \(line.flows) flows of \(line.host), \(ByteText.text(line.bytes)), \(line.reason)")
        }
        for (name, count) in exchanges.sorted(by: { $0.key < $1.key }) where name.hasPrefix("opaqueBytes.") {
            try Terminal.print("not readable: \(ByteText.text(count)) of \(name.dropFirst("opaqueBytes.".count))")
        }
    }
}
