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

    /// Stops the threads of these names; all threads when none is named. With `runningMilliseconds` they are let go for so
    /// long in every tenth of a second, as on a machine that has nearly nothing left for them.
    init(process pid: Int32, threads: [String], runningMilliseconds: Int = 0) throws {
        let script = """
            import ctypes, os, select, sys, time
            libc = ctypes.CDLL(None, use_errno=True)
            libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
            pid, running, names = sys.argv[1], int(sys.argv[2]) / 1000, sys.argv[3:]
            stopped = []
            for tid in os.listdir(f"/proc/{pid}/task"):
                name = open(f"/proc/{pid}/task/{tid}/comm").read().strip()
                if names and name not in names: continue
                # PTRACE_SEIZE, PTRACE_INTERRUPT; __WALL: a thread is no child.
                if libc.ptrace(0x4206, int(tid), None, None) or libc.ptrace(0x4207, int(tid), None, None):
                    sys.exit(os.strerror(ctypes.get_errno()))
                stopped.append((int(tid), os.waitpid(int(tid), 0x40000000)[1]))
            print("frozen" if stopped else "nothing", flush=True)
            # Its end lets them go on.
            while not select.select([sys.stdin], [], [], 0.1 if running else None)[0]:
                for tid, status in stopped:
                    # PTRACE_CONT, with the signal that stopped it; a stop of our own (PTRACE_EVENT_STOP) has none.
                    libc.ptrace(7, tid, None, 0 if status >> 16 == 128 else os.WSTOPSIG(status))
                time.sleep(running)
                for tid, _ in stopped: libc.ptrace(0x4207, tid, None, None)
                stopped = [(tid, os.waitpid(tid, 0x40000000)[1]) for tid, _ in stopped]
            """
        process = try AttendedProcess(["python3", "-c", script, String(pid), String(runningMilliseconds)] + threads)
        let said = process.lines
        guard said == ["frozen"] else { throw ShellFailure(description: "cannot freeze: \(said)") }
    }

    /// Lets the threads go on: they do when the process ends that stopped them.
    func release() { process.kill() }
}
