import Foundation
import TestSupport
import Testing

/// Stops single threads of another process, as a storage that stands still would, until it is released (ptrace(2)).
final class Freezer {
    /// Why it does not work here; nil when it does.
    static let isMissing: String? = {
        guard let process = try? RunningProgram("/bin/sleep", ["60"]) else { return "no sleep" }
        defer { kill(process.process.processIdentifier, SIGKILL) }
        guard let freezer = try? Freezer(process: process.process.processIdentifier, threads: []) else {
            return "threads of other processes may not be stopped here (ptrace)"
        }
        freezer.release()
        return nil
    }()

    private let process: AttendedProcess

    /// Stops the threads of these names; all threads when none is named.
    init(process pid: Int32, threads: [String]) throws {
        let script = """
            import ctypes, os, sys
            libc = ctypes.CDLL(None, use_errno=True)
            libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
            pid, names = sys.argv[1], sys.argv[2:]
            done = 0
            for tid in os.listdir(f"/proc/{pid}/task"):
                name = open(f"/proc/{pid}/task/{tid}/comm").read().strip()
                if names and name not in names: continue
                # PTRACE_SEIZE, PTRACE_INTERRUPT; __WALL: a thread is no child.
                if libc.ptrace(0x4206, int(tid), None, None) or libc.ptrace(0x4207, int(tid), None, None):
                    sys.exit(os.strerror(ctypes.get_errno()))
                os.waitpid(int(tid), 0x40000000)
                done += 1
            print("frozen" if done else "nothing", flush=True)
            # Its end lets them go on.
            sys.stdin.read()
            """
        process = try AttendedProcess(["python3", "-c", script, String(pid)] + threads)
        let said = process.lines
        guard said == ["frozen"] else { throw ShellFailure(description: "cannot freeze: \(said)") }
    }

    /// Lets the threads go on: they do when the process ends that stopped them.
    func release() { process.kill() }
}
