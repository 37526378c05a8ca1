import Cleartext
import FuzzSupport

/// Reads a log in pieces: how many secrets of which label, how many lines that are none, and what a store takes of it.
private func read(_ bytes: [UInt8], piece: Int) -> (labels: [String], unreadable: UInt64, taken: UInt64) {
    var parser = KeyLogParser()
    var labels: [String] = []
    var store = SecretStore(sessionsMax: 3)
    var place = 0
    func take(_ event: SecretEvent) {
        if case .session(let label, _, let secret) = event { labels.append("\(label) \(secret.count)") }
        store.take(event)
    }
    while place < bytes.count {
        let end = min(place + piece, bytes.count)
        parser.read(bytes.span.bytes.extracting(place..<end), take)
        place = end
    }
    parser.finish(take)
    require(store.count <= 3, "\(store.count) sessions in a store for three")
    require(store.secretsTaken == UInt64(labels.count), "secrets that are none of a session")
    return (labels, parser.unreadableLines, store.secretsTaken)
}

// A key log of any bytes: the same secrets in whatever pieces it comes, never more of them than lines.
// Input: the size of pieces, then the log.
fuzz { start, count in
    var input = FuzzInput(start, count)
    let size = Int(input.byte()) % 64 + 1
    let bytes = input.take(count)
    let whole = read(bytes, piece: .max)
    let cut = read(bytes, piece: size)
    require(whole == cut, "in pieces of \(size): \(cut), whole: \(whole)")
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).count
    require(whole.labels.count + Int(whole.unreadable) <= lines, "more secrets and unreadable lines than lines")
    return 0
}
