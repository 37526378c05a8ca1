/// The exit codes of every command, part of the promise to scripts. `docs/commands.md` lists them.
enum ExitStatus {
    /// Done, and nothing to report against it.
    static let success: Int32 = 0
    /// Done, but the answer is bad news: damage found by `verify`, a migration with open exceptions, a capture that
    /// `replay --strict` found cut or corrupt.
    static let findings: Int32 = 1
    /// Not done: input that cannot be read, a vault that cannot be opened, a target that refuses.
    static let failure: Int32 = 2
    /// The command line was wrong (EX_USAGE of sysexits.h, as the argument parser uses).
    static let usage: Int32 = 64
    /// Stopped by SIGINT or SIGTERM after draining and committing.
    static let interrupted: Int32 = 130
}

/// An error whose text is meant for the person at the terminal.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String
    var status: Int32 = ExitStatus.failure
}
