import ArgumentParser
import Backends
import Encryption
import Foundation
import S3
import Storage
import Vaults

/// The program.
@main
struct Oxbow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oxbow",
        abstract:
            "Rebuilds the objects that cloud traffic carries, keeps them in a vault, and moves them to a new cloud.",
        discussion: """
            Start with a capture: `oxbow replay traffic.pcap --vault DIR`, then `oxbow ls --vault DIR`.

            Exit codes: 0 done; 1 done, but with bad news (damage found, a migration with open exceptions); 2 not done \
            (unreadable input, a vault or target that refuses); 3 an encrypted vault whose key is missing or wrong; 64 wrong command line; 130 interrupted after draining.
            """,
        version: "0.1.0",
        subcommands: [
            ReplayCommand.self, TapCommand.self, DoctorCommand.self, ListCommand.self, StatCommand.self,
            CatCommand.self, GetCommand.self,
            WhyCommand.self,
            VerifyCommand.self, CoverageCommand.self, RebuildCommand.self, CollectCommand.self, ScrubCommand.self,
            UndeleteCommand.self, VaultCommand.self,
            MigrateCommand.self,
        ])

    static func main() async {
        OpenSSLLibrary.keepUntilExit()
        // A reader that went away (`oxbow cat ... | head`) is an error of write, not a death by signal.
        signal(SIGPIPE, SIG_IGN)
        // A limit on file sizes is an error of write, too.
        signal(SIGXFSZ, SIG_IGN)
        SegmentMedia.register("s3") { url throws(StorageError) in
            S3Medium(try S3BackendURL(url, credentials: CredentialChain()))
        }
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let code as ExitCode {
            Foundation.exit(code.rawValue)
        } catch {
            // The argument parser's own errors carry usage and help; all else is ours to print.
            if Self.exitCode(for: error) == .validationFailure || Self.exitCode(for: error) == .success {
                Self.exit(withError: error)
            }
            let failure = error as? CommandFailure
            Terminal.note("oxbow: \(failure?.description ?? String(describing: error))")
            Foundation.exit(ExitStatus.of(error))
        }
    }
}
