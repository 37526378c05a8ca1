internal import CLinux
internal import CPcap
internal import Glibc
public import Packets

/// One interface, captured by libpcap into a ring that the kernel fills (TPACKET_V3) and this reads without waiting.
///
/// Owns the handle. One thread uses it; it may be opened by another, before privileges are dropped.
@safe
public struct LiveCapture: ~Copyable {
    /// The interface's name; `any` for all.
    public let interface: String
    /// How its frames begin.
    public let linkType: LinkType
    /// True when times are in nanoseconds, false for microseconds.
    public let hasNanoseconds: Bool
    /// What libpcap warned of when it opened the interface.
    public let warning: String?
    /// The rings of the interface that this is one of; nil when it is the only one.
    public let fanout: FanoutGroup?
    /// The library's version, such as `libpcap version 1.10.3 (with TPACKET_V3)`.
    public static var libraryVersion: String { unsafe String(cString: pcap_lib_version()) }

    private let handle: OpaquePointer
    private let descriptor: Int32
    private var counters = LiveStatistics()
    /// libpcap counts in 32 bits; these are its last values.
    private var lastReceived: UInt32 = 0
    private var lastDropped: UInt32 = 0
    private var lastInterfaceDropped: UInt32 = 0
    /// What is older is passed over; 0 once something newer came.
    private var beginning: UInt64 = 0
    /// Packets passed over so.
    private var early: UInt64 = 0
    /// Loopback's number where its packets are told from others; 0 where not.
    private let loopback: UInt32

    /// Opens an interface and begins to capture. Needs CAP_NET_RAW. In a group the interface's packets are shared with the
    /// group's other rings.
    public init(
        interface: String, options: LiveOptions = LiveOptions(), fanout: FanoutGroup? = nil
    ) throws(LiveError) {
        try Self.check(options)
        guard fanout == nil || interface != "any" else { throw .notShared(interface: interface, message: nil) }
        var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        guard let handle = unsafe pcap_create(interface, &message) else {
            throw .refused(interface: interface, message: Self.text(message))
        }
        // Each of these fails only for a handle that is active already.
        unsafe pcap_set_snaplen(handle, Int32(options.snapLength))
        unsafe pcap_set_buffer_size(handle, Int32(options.bufferBytes))
        unsafe pcap_set_timeout(handle, Int32(options.timeoutMilliseconds))
        unsafe pcap_set_immediate_mode(handle, options.isImmediate ? 1 : 0)
        unsafe pcap_set_promisc(handle, options.isPromiscuous ? 1 : 0)
        let wantsNanoseconds = unsafe pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO) == 0
        let opened: (warning: String?, descriptor: Int32)
        do throws(LiveError) {
            opened = unsafe try Self.start(handle, interface, options, fanout)
        } catch {
            unsafe pcap_close(handle)
            throw error
        }
        let precision = unsafe pcap_get_tstamp_precision(handle)
        // All at once: what owns a handle must not be half made when an error is thrown.
        self.interface = interface
        hasNanoseconds = wantsNanoseconds && precision == PCAP_TSTAMP_PRECISION_NANO
        linkType = unsafe LinkType(rawValue: UInt16(truncatingIfNeeded: pcap_datalink(handle)))
        warning = opened.warning
        descriptor = opened.descriptor
        self.fanout = fanout
        loopback = unsafe pcap_datalink(handle) == DLT_LINUX_SLL2 ? Self.loopbackIndex : 0
        unsafe self.handle = handle
        // Before it joined its group, the socket had packets that are another's.
        if fanout != nil { begin(at: Self.now) }
    }

    // Safe: the handle was made in `init`, and nothing else closes it.
    deinit {
        guard let fanout else { return unsafe pcap_close(handle) }
        fanout.leave { unsafe pcap_close(handle) }
    }

    /// Passes over what is older than this, nanoseconds since 1970 UTC, and counts it nowhere: the rings of a group begin
    /// together, once all are there.
    public mutating func begin(at time: UInt64) { beginning = time }

    /// The clock by which the kernel stamps packets, nanoseconds since 1970 UTC.
    static var now: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// Waits until packets may be there, the time is over, or `wake` is woken.
    public func wait(milliseconds: Int, wake: WakeDescriptor) {
        var entries = (
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0)
        )
        unsafe withUnsafeMutablePointer(to: &entries) { pair in
            // Safe: a tuple of two equal types lies like an array of two.
            _ = unsafe poll(
                UnsafeMutableRawPointer(pair).assumingMemoryBound(to: pollfd.self), 2, Int32(clamping: milliseconds))
        }
        if entries.1.revents != 0 { wake.forget() }
    }

    /// Sends what the ring holds to `sink`, at most `count` packets; returns their number, fewer than `count` when the
    /// ring was read to its end. Never waits. Frames are numbered from 1 for this capture.
    public mutating func read<Sink: FrameSink & ~Copyable>(
        into sink: inout Sink, atMost count: Int
    ) throws(LiveError) -> Int {
        var header: UnsafeMutablePointer<pcap_pkthdr>?
        var bytes: UnsafePointer<UInt8>?
        for done in 0..<count {
            let code = unsafe pcap_next_ex(handle, &header, &bytes)
            guard code == 1, let head = unsafe header?.pointee, let start = unsafe bytes else {
                if code == 0 { return done }
                throw unsafe Self.failure(handle, code, interface)
            }
            let fraction = UInt64(clamping: head.ts.tv_usec)
            let time =
                UInt64(clamping: head.ts.tv_sec) &* 1_000_000_000
                &+ (hasNanoseconds ? fraction : fraction &* 1_000)
            if beginning > 0 {
                if time < beginning {
                    early &+= 1
                    continue
                }
                beginning = 0
            }
            counters.delivered &+= 1
            counters.deliveredBytes &+= UInt64(head.caplen)
            if head.caplen < head.len { counters.snapped &+= 1 }
            // Safe: libpcap keeps the packet in place until the next call on the handle.
            let bytes = unsafe RawSpan(_unsafeStart: start, byteCount: Int(head.caplen))
            if loopback > 0, Self.cookedInterface(bytes) == loopback { counters.loopbackCopies &+= 1 }
            let frame = CapturedFrame(
                number: counters.delivered, time: time, linkType: linkType, capturedLength: head.caplen,
                wireLength: head.len)
            sink.frame(frame, bytes)
        }
        return count
    }

    /// The counters so far; asks the kernel.
    public mutating func statistics() -> LiveStatistics {
        var now = pcap_stat()
        if unsafe pcap_stats(handle, &now) == 0 {
            counters.received &+= UInt64(now.ps_recv &- lastReceived)
            counters.droppedByKernel &+= UInt64(now.ps_drop &- lastDropped)
            counters.droppedByInterface &+= UInt64(now.ps_ifdrop &- lastInterfaceDropped)
            (lastReceived, lastDropped, lastInterfaceDropped) = (now.ps_recv, now.ps_drop, now.ps_ifdrop)
        }
        var counters = counters
        counters.received &-= early
        // Each packet of loopback was shown twice, and taken once.
        if interface == "lo" { counters.loopbackCopies = counters.delivered }
        return counters
    }

    /// The interface of a frame that begins with a cooked header of the second version (LINKTYPE_LINUX_SLL2).
    private static func cookedInterface(_ bytes: RawSpan) -> UInt32 {
        guard bytes.byteCount >= 8 else { return 0 }
        return UInt32(bigEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 4, as: UInt32.self))
    }

    /// Loopback's number; 0 where there is none.
    private static var loopbackIndex: UInt32 { unsafe if_nametoindex("lo") }

    /// Takes no more packets into the ring; what it holds can still be read. False when the kernel refuses.
    @discardableResult
    public mutating func closeIntake() -> Bool { oxbow_refuse_packets(descriptor) == 0 }

    /// Replaces the filter; the old one stays when the new one cannot be used.
    public mutating func use(filter: String?) throws(LiveError) {
        unsafe try Self.install(filter, on: handle, interface)
    }

    private static func check(_ options: LiveOptions) throws(LiveError) {
        guard (64...262_144).contains(options.snapLength) else {
            throw .badOption("the snapshot length is \(options.snapLength), but must be 64 to 262144 bytes")
        }
        guard (1 << 20...2_147_483_647).contains(options.bufferBytes) else {
            throw .badOption("the capture buffer is \(options.bufferBytes) bytes, but must be 1MiB to 2GiB")
        }
        guard (1...10_000).contains(options.timeoutMilliseconds) else {
            throw .badOption("the capture timeout is \(options.timeoutMilliseconds) ms, but must be 1 to 10000")
        }
    }

    /// Activates a handle whose options are set, installs the filter, and makes reading return at once.
    private static func start(
        _ handle: OpaquePointer, _ interface: String, _ options: LiveOptions, _ fanout: FanoutGroup?
    ) throws(LiveError) -> (warning: String?, descriptor: Int32) {
        let warning = unsafe try activate(handle, interface)
        // The second version names the interface of each packet; where it is not known the first one stays.
        if interface == "any" { unsafe pcap_set_datalink(handle, DLT_LINUX_SLL2) }
        unsafe try install(options.filter, on: handle, interface)
        var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        guard unsafe pcap_setnonblock(handle, 1, &message) == 0 else {
            throw .refused(interface: interface, message: text(message))
        }
        let descriptor = unsafe pcap_get_selectable_fd(handle)
        guard descriptor >= 0 else { throw .refused(interface: interface, message: "it cannot be waited for") }
        // Each packet once, as in `loopbackCopies`; a group of rings has an option of its own.
        if interface == "lo" { _ = oxbow_ignore_outgoing(descriptor) }
        // A hook that a tap starts must not inherit the right to read the network.
        _ = oxbow_close_on_exec(descriptor)
        // Last, since nothing may fail between it and the handle's owner, which leaves the group.
        if let fanout {
            let outcome = fanout.join(descriptor, ignoringOutgoing: interface == "lo")
            guard outcome.isDone else {
                throw .notShared(
                    interface: interface, message: unsafe String(cString: oxbow_error_text(outcome.errorNumber)))
            }
        }
        return (warning, descriptor)
    }

    private static func activate(_ handle: OpaquePointer, _ interface: String) throws(LiveError) -> String? {
        let code = unsafe pcap_activate(handle)
        if code == 0 { return nil }
        let message = unsafe String(cString: pcap_geterr(handle))
        if code > 0 { return message.isEmpty ? unsafe String(cString: pcap_statustostr(code)) : message }
        switch code {
        case PCAP_ERROR_PERM_DENIED, PCAP_ERROR_PROMISC_PERM_DENIED: throw .notPermitted(interface: interface)
        case PCAP_ERROR_NO_SUCH_DEVICE: throw .noSuchInterface(interface, known: InterfaceList.names())
        case PCAP_ERROR_IFACE_NOT_UP: throw .interfaceDown(interface)
        default:
            let text = message.isEmpty ? unsafe String(cString: pcap_statustostr(code)) : message
            throw .refused(interface: interface, message: text)
        }
    }

    private static func install(
        _ filter: String?, on handle: OpaquePointer, _ interface: String
    ) throws(LiveError) {
        var program = unsafe bpf_program()
        guard unsafe pcap_compile(handle, &program, filter ?? "", 1, bpf_u_int32.max) == 0 else {
            throw .badFilter(
                interface: interface, expression: filter ?? "", message: unsafe String(cString: pcap_geterr(handle)))
        }
        defer { unsafe pcap_freecode(&program) }
        if let copies = unsafe loopbackCopies(handle, interface) {
            unsafe pcap_freecode(&program)
            guard
                unsafe pcap_compile(
                    handle, &program, filter.map { "(\($0)) and \(copies)" } ?? copies, 1, bpf_u_int32.max) == 0
            else { throw .refused(interface: interface, message: unsafe String(cString: pcap_geterr(handle))) }
        }
        guard unsafe pcap_setfilter(handle, &program) == 0 else {
            throw .badFilter(
                interface: interface, expression: filter ?? "", message: unsafe String(cString: pcap_geterr(handle)))
        }
    }

    /// What leaves out the copies of loopback's packets that the kernel shows when they go out; they are shown again when
    /// they come in. libpcap leaves one of the two out, but only after the kernel counted and queued both: then what was
    /// received could not be reconciled with what was read. Nil where there are none, or where they cannot be told.
    private static func loopbackCopies(_ handle: OpaquePointer, _ interface: String) -> String? {
        // Not for `lo` as such: what is in the ring while the filter is installed libpcap filters by itself, and only a cooked
        // header tells it the direction. There the socket is told to ignore what goes out.
        guard unsafe pcap_datalink(handle) == DLT_LINUX_SLL2, loopbackIndex > 0 else { return nil }
        return "not (outbound and ifindex \(loopbackIndex))"
    }

    /// Why reading failed: on a packet socket that is nearly always the interface's end.
    private static func failure(_ handle: OpaquePointer, _ code: Int32, _ interface: String) -> LiveError {
        let message = unsafe String(cString: pcap_geterr(handle))
        return .lost(interface: interface, message: message.isEmpty ? "error \(code)" : message)
    }

    private static func text(_ message: [CChar]) -> String {
        String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// libpcap keeps nothing per thread in a handle, and the descriptor belongs to the process; it moves as a whole.
extension LiveCapture: @unchecked Sendable {}
