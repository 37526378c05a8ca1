import Glibc

/// A recorded TLS connection of `Captures/tls-conversations`, whose form `make.py` there tells.
struct Recording {
    /// The key log's lines.
    var keyLog: [UInt8] = []
    /// What went over the wire, in order.
    var flights: [(isClient: Bool, bytes: [UInt8])] = []
    /// What the applications said: the client, the server.
    var said: [[UInt8]] = [[], []]

    /// The recordings in the folder that the environment names.
    static func all() -> [Recording] {
        guard let named = getenv("FUZZ_CONVERSATIONS"), let folder = opendir(named) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".tls") { names.append(name) }
        }
        return names.sorted().compactMap { Recording(path: String(cString: named) + "/" + $0) }
    }

    private init?(path: String) {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var text: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&room, 1, room.count, file), count > 0 { text += room.prefix(count) }
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let word = line.prefix { $0 != UInt8(ascii: " ") }
            let rest = line.dropFirst(word.count + 1)
            switch String(decoding: word, as: UTF8.self) {
            case "key": keyLog += Array(rest) + [UInt8(ascii: "\n")]
            case "c": flights.append((true, Self.octets(rest)))
            case "s": flights.append((false, Self.octets(rest)))
            case "C": said[0] += Self.octets(rest)
            case "S": said[1] += Self.octets(rest)
            default: break
            }
        }
        if flights.isEmpty { return nil }
    }

    private static func octets(_ digits: ArraySlice<UInt8>) -> [UInt8] {
        let values = digits.compactMap { digit -> UInt8? in
            switch digit {
            case 0x30...0x39: digit - 0x30
            case 0x61...0x66: digit - 0x61 + 10
            default: nil
            }
        }
        return stride(from: 0, to: values.count - 1, by: 2).map { values[$0] << 4 | values[$0 + 1] }
    }
}
