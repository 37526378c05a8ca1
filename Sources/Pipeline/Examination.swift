internal import Blocks
public import Capture
public import Encryption
internal import CLinux
internal import Glibc
internal import Vaults

/// What `oxbow doctor` found at one point.
public struct Finding: Sendable, Codable, Hashable {
    /// How bad it is.
    public enum Verdict: String, Sendable, Codable, Hashable {
        /// As it should be.
        case ok = "OK"
        /// A tap will run, but may lose something or be slow.
        case warning = "WARN"
        /// A tap will not run.
        case failure = "FAIL"
    }

    /// What was examined: a short word, the same in every release.
    public var check: String
    /// How bad it is.
    public var verdict: Verdict
    /// What was found.
    public var found: String
    /// What to do; nil when there is nothing to do.
    public var remedy: String?

    init(_ check: String, _ verdict: Verdict, _ found: String, remedy: String? = nil) {
        self.check = check
        self.verdict = verdict
        self.found = found
        self.remedy = remedy
    }
}

/// Examines a machine before a tap is started on it. Nothing is changed but a scratch folder beside the vault's data, which
/// is removed again.
public struct Examination: Sendable {
    /// The interfaces to be tapped; empty: the machine as such.
    public var interfaces: [String]
    /// Rings of each.
    public var rings: Int
    /// How they would be captured.
    public var live: LiveOptions
    /// The vault's folder, there already or not; nil: no vault is examined.
    public var vault: String?
    /// What opens it, when it is encrypted.
    public var secret: VaultSecret?

    /// An examination of these.
    public init(
        interfaces: [String], rings: Int = 1, live: LiveOptions = LiveOptions(), vault: String?,
        secret: VaultSecret? = nil
    ) {
        self.rings = rings
        self.secret = secret
        self.interfaces = interfaces
        self.live = live
        self.vault = vault
    }

    /// All findings, in an order that does not change.
    public func run() -> [Finding] {
        var findings = [library(), capabilities(), clock(), descriptors(), hashing()]
        for interface in interfaces { findings += examine(interface) }
        if !interfaces.isEmpty { findings.append(ringMemory()) }
        if let vault { findings += VaultExamination(path: vault, secret: secret).run() }
        return findings
    }

    private func library() -> Finding {
        let version = LiveCapture.libraryVersion
        if version.contains("TPACKET_V3") { return Finding("libpcap", .ok, version) }
        return Finding(
            "libpcap", .warning, "\(version), without TPACKET_V3",
            remedy: "install libpcap 1.10 or newer built with TPACKET_V3: its ring holds far more packets")
    }

    private func capabilities() -> Finding {
        guard Privileges.has(.netRaw) else {
            return Finding(
                "capabilities", .failure, "CAP_NET_RAW is missing",
                remedy: "run as root, or once: setcap cap_net_raw+ep PROGRAM; in a container add NET_RAW")
        }
        if Privileges.isSuperuser {
            return Finding(
                "capabilities", .ok,
                "runs as root; `oxbow tap --user NAME` goes on as another user with CAP_NET_RAW alone")
        }
        return Finding("capabilities", .ok, "CAP_NET_RAW is there")
    }

    /// Names carry times, and the kernel stamps packets by this clock.
    private func clock() -> Finding {
        let now = SystemClock.wall / 1_000_000_000
        // 2025-01-01 and 2100-01-01.
        guard (1_735_689_600..<4_102_444_800).contains(now) else {
            return Finding(
                "clock", .failure, "the clock says \(now) s since 1970, which cannot be",
                remedy: "set it, or start chrony")
        }
        let wall = SystemClock.wall
        let steady = SystemClock.monotonic
        usleep(20_000)
        let passed = Int64(SystemClock.wall &- wall) - Int64(SystemClock.monotonic &- steady)
        guard abs(passed) < 5_000_000 else {
            return Finding(
                "clock", .warning, "the clock jumped by \(passed / 1_000_000) ms while it was watched",
                remedy: "find out who sets it: two time daemons may fight")
        }
        return Finding("clock", .ok, "set, and steady over 20 ms")
    }

    private func descriptors() -> Finding {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return Finding("descriptors", .warning, "the limit of open files cannot be read")
        }
        guard limit.rlim_cur >= 1024 else {
            return Finding(
                "descriptors", .warning, "at most \(limit.rlim_cur) open files",
                remedy: "ulimit -n 4096, or LimitNOFILE= in the unit")
        }
        return Finding("descriptors", .ok, "at most \(limit.rlim_cur) open files")
    }

    /// What hashing costs here, and what a force by the environment does to it.
    private func hashing() -> Finding {
        do throws(BlocksError) {
            let plan = try HashPlan.current()
            let rates = plan.rates.map { rate in
                let (sha256, md5) = (Self.tenths(rate.sha256), Self.tenths(rate.md5))
                return "\(rate.kernel.rawValue) \(sha256) and \(md5) GB/s"
            }
            return Finding(
                "hashing", .ok,
                "SHA-256 by \(plan.sha256.rawValue), MD5 by \(plan.md5.rawValue); a core does SHA-256 and MD5 with "
                    + rates.joined(separator: ", "))
        } catch {
            return Finding("hashing", .failure, error.description, remedy: "unset \(HashPlan.variable)")
        }
    }

    private static func tenths(_ value: Double) -> Double { (value * 10).rounded() / 10 }

    private func examine(_ name: String) -> [Finding] {
        var findings: [Finding] = []
        if name != "any" {
            guard let facts = InterfaceFacts(name) else {
                return [
                    Finding(
                        "interface \(name)", .failure, "there is none",
                        remedy: "name one of: \(InterfaceList.names().joined(separator: ", ")), any")
                ]
            }
            findings.append(state(name, facts))
            findings.append(offloads(name, facts))
            findings.append(rings(of: name, facts))
        }
        guard Privileges.has(.netRaw) else { return findings }
        do throws(LiveError) {
            let fanout = rings > 1 ? FanoutGroup() : nil
            let capture = try LiveCapture(interface: name, options: live, fanout: fanout)
            let precision = capture.hasNanoseconds ? "nanoseconds" : "microseconds"
            findings.append(
                Finding("capture \(name)", .ok, "opened; \(capture.linkType), times in \(precision)"))
        } catch {
            findings.append(Finding("capture \(name)", .failure, error.description, remedy: "see `oxbow tap --help`"))
        }
        return findings
    }

    private func state(_ name: String, _ facts: InterfaceFacts) -> Finding {
        let mtu = facts.mtu.map { "MTU \($0)" } ?? "MTU unknown"
        guard facts.isUp else {
            return Finding("interface \(name)", .failure, "down, \(mtu)", remedy: "ip link set \(name) up")
        }
        guard facts.isRunning else {
            return Finding(
                "interface \(name)", .warning, "up without a carrier, \(mtu)", remedy: "check the cable or the peer")
        }
        if let mtu = facts.mtu, mtu + 64 > live.snapLength {
            return Finding(
                "interface \(name)", .warning, "up, MTU \(mtu), but frames are cut at \(live.snapLength)",
                remedy: "leave --snaplen at 262144")
        }
        return Finding("interface \(name)", .ok, "up, \(mtu)")
    }

    private func offloads(_ name: String, _ facts: InterfaceFacts) -> Finding {
        guard !facts.offloads.isEmpty else { return Finding("offloads \(name)", .ok, "none") }
        let list = facts.offloads.joined(separator: ", ")
        guard live.snapLength >= 65_600 else {
            return Finding(
                "offloads \(name)", .warning,
                "\(list): segments of 64 KiB and more, but frames are cut at \(live.snapLength)",
                remedy: "leave --snaplen at 262144, or switch them off: ethtool -K \(name) tso off gso off gro off")
        }
        return Finding("offloads \(name)", .ok, "\(list): large segments, which are read whole")
    }

    /// Whether one thread and one ring keep up, as far as the link's speed says; what several need is tried when it is opened.
    private func rings(of name: String, _ facts: InterfaceFacts) -> Finding {
        let cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        let speed = facts.megabitsPerSecond.map { "a link of \($0) Mbit/s" } ?? "a link of unknown speed"
        let text = "\(rings) for \(speed), \(cores) cores"
        if rings > cores {
            return Finding(
                "rings \(name)", .warning, text, remedy: "lower --rings: each has a thread, and more than cores wait")
        }
        if rings == 1, (facts.megabitsPerSecond ?? 0) >= 10_000, cores >= 4 {
            return Finding(
                "rings \(name)", .ok, "\(text); if the tap reports dropped by the kernel, try --rings 2 --workers 2")
        }
        return Finding("rings \(name)", .ok, text)
    }

    /// The ring is the kernel's memory: it counts against the machine's, and in containers against the group's.
    private func ringMemory() -> Finding {
        let asked = UInt64(live.bufferBytes) * UInt64(interfaces.count * rings)
        let pages = UInt64(clamping: sysconf(Int32(_SC_AVPHYS_PAGES))) &* UInt64(clamping: sysconf(Int32(_SC_PAGESIZE)))
        let text = "\(asked >> 20) MiB of rings, \(pages >> 20) MiB of memory free"
        guard asked < pages / 4 else {
            return Finding("ring memory", .warning, text, remedy: "lower --buffer, or give the machine more memory")
        }
        let lockable = oxbow_lock_limit()
        if lockable < asked {
            // Linux does not charge packet rings to this limit; a kernel that does would refuse the capture, which is tried.
            return Finding(
                "ring memory", .ok, "\(text); above the lock limit of \(lockable >> 10) KiB, which does not count them")
        }
        return Finding("ring memory", .ok, text)
    }
}
