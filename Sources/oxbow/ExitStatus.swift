import Pipeline
import Vaults

/// The exit codes of every command, part of the promise to scripts. `docs/commands.md` lists them.
enum ExitStatus {
    /// Done, and nothing to report against it.
    static let success: Int32 = 0
    /// Done, but the answer is bad news: damage found by `verify`, a migration with open exceptions, a capture that
    /// `replay --strict` found cut or corrupt.
    static let findings: Int32 = 1
    /// Not done: input that cannot be read, a vault that cannot be opened, a target that refuses.
    static let failure: Int32 = 2
    /// Not done: the vault is encrypted, and the key is missing or another's.
    static let locked: Int32 = 3
    /// The command line was wrong (EX_USAGE of sysexits.h, as the argument parser uses).
    static let usage: Int32 = 64
    /// Stopped by SIGINT or SIGTERM after draining and committing.
    static let interrupted: Int32 = 130
}

extension ExitStatus {
    /// The code of an error that ends a command.
    static func of(_ error: any Error) -> Int32 {
        switch error {
        case let failure as CommandFailure: failure.status
        case VaultError.needsKey, VaultError.wrongKey: locked
        case ReplayError.vault(let cause): of(cause)
        default: failure
        }
    }
}

/// An error whose text is meant for the person at the terminal.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String
    var status: Int32 = ExitStatus.failure
}
