import CPcap
import Capture
import Packets

/// A packet as a reader gave it.
struct ReadPacket: Equatable {
    var time: UInt64
    var wireLength: UInt32
    var bytes: [UInt8]
}

/// What libpcap reads from a file: packets up to its end or to libpcap's error.
struct LibpcapOracle {
    var packets: [ReadPacket] = []
    /// Set when libpcap refused the file, or stopped in it.
    var error: String?

    init(path: String) {
        var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        let precision = UInt32(PCAP_TSTAMP_PRECISION_NANO)
        guard let capture = pcap_open_offline_with_tstamp_precision(path, precision, &message) else {
            error = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return
        }
        defer { pcap_close(capture) }
        var header: UnsafeMutablePointer<pcap_pkthdr>?
        var data: UnsafePointer<UInt8>?
        var code = pcap_next_ex(capture, &header, &data)
        while code == 1 {
            if let found = header?.pointee {
                let bytes = Array(UnsafeBufferPointer(start: data, count: Int(found.caplen)))
                let time = UInt64(found.ts.tv_sec) * 1_000_000_000 + UInt64(found.ts.tv_usec)
                packets.append(ReadPacket(time: time, wireLength: found.len, bytes: bytes))
            }
            code = pcap_next_ex(capture, &header, &data)
        }
        if code == -1 { error = String(cString: pcap_geterr(capture)) }
    }
}

/// What Oxbow reads from a file.
struct OwnReading {
    var packets: [ReadPacket] = []
    var frames: [CapturedFrame] = []
    var fault: CaptureFault?
    var statistics = CaptureStatistics()
    var interfaces: [CaptureInterface] = []

    init(path: String, limits: CaptureLimits = CaptureLimits()) throws {
        var file = try CaptureFile(path: path, limits: limits)
        while true {
            let isThere: Void? = file.next { frame, bytes in
                frames.append(frame)
                packets.append(
                    ReadPacket(
                        time: frame.time, wireLength: frame.wireLength, bytes: bytes.withUnsafeBytes { Array($0) }))
            }
            if isThere == nil { break }
        }
        fault = file.fault
        statistics = file.statistics
        interfaces = file.interfaces
    }
}
