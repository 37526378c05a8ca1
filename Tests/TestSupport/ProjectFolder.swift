import Foundation

/// The sources that the tests were built from.
package enum ProjectFolder {
    /// Top of the tree, without a slash at its end.
    package static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().resolvingSymlinksInPath().path

    /// The folder of the captures that are kept with the sources.
    package static let captures = path + "/Captures"

    /// Paths of all pcap and pcapng files below `captures`, sorted.
    package static let captureFiles: [String] = {
        let names = FileManager.default.enumerator(atPath: captures)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(".pcap") || $0.hasSuffix(".pcapng") }.sorted().map { captures + "/" + $0 }
    }()
}
