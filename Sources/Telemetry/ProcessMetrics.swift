public import CoreMetrics
internal import Glibc

/// What the system says of this process, under the names that Prometheus' client libraries give to it.
///
/// What cannot be read is left out: after a change of user, a process may not list its own descriptors.
public struct ProcessMetrics {
    /// The metrics.
    public static let definitions = [
        MetricDefinition("process_cpu_seconds_total", .counter, "Time on processors, user and system."),
        MetricDefinition("process_resident_memory_bytes", .gauge, "Memory that is in RAM."),
        MetricDefinition("process_virtual_memory_bytes", .gauge, "Address space."),
        MetricDefinition("process_start_time_seconds", .gauge, "When the process began, since 1970 UTC."),
        MetricDefinition("process_threads", .gauge, "Threads."),
        MetricDefinition("process_open_fds", .gauge, "Open file descriptors."),
        MetricDefinition("process_max_fds", .gauge, "Most file descriptors that may be open."),
    ]

    private let factory: any MetricsFactory
    private let processorTime: FloatingPointCounter
    private var lastProcessorTime = 0.0

    /// Counts for this factory.
    public init(factory: any MetricsFactory) {
        self.factory = factory
        processorTime = FloatingPointCounter(label: "process_cpu_seconds_total", factory: factory)
    }

    /// Looks, and says what it found.
    public mutating func take() {
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        // proc_pid_stat(5): the name in parentheses may hold anything; behind it come the fields from the third on.
        if let line = Self.read("/proc/self/stat"), let end = line.lastIndex(of: ")"), ticks > 0 {
            let fields = line[end...].dropFirst().split(separator: " ")
            func field(_ number: Int) -> Double? { number - 3 < fields.count ? Double(fields[number - 3]) : nil }
            if let user = field(14), let system = field(15) {
                let total = (user + system) / ticks
                if total > lastProcessorTime { processorTime.increment(by: total - lastProcessorTime) }
                lastProcessorTime = max(total, lastProcessorTime)
            }
            set("process_threads", field(20))
            set("process_virtual_memory_bytes", field(23))
            set("process_resident_memory_bytes", field(24).map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) })
            if let began = field(22), let boot = Self.bootTime {
                set("process_start_time_seconds", boot + began / ticks)
            }
        }
        set("process_open_fds", Self.openDescriptors)
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            set("process_max_fds", Double(limit.rlim_cur))
        }
    }

    private func set(_ name: String, _ value: Double?) {
        guard let value else { return }
        Meter(label: name, factory: factory).set(value)
    }

    private static var bootTime: Double? {
        read("/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
    }

    /// Those that are open beside the one that lists them.
    private static var openDescriptors: Double? {
        guard let folder = unsafe opendir("/proc/self/fd") else { return nil }
        defer { unsafe closedir(folder) }
        var count = 0
        while unsafe readdir(folder) != nil { count += 1 }
        // Without "." and "..", and the folder itself.
        return count >= 3 ? Double(count - 3) : nil
    }

    private static func read(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while bytes.count < 4 << 20 {
            let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
            if count <= 0 { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
