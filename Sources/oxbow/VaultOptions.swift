import ArgumentParser
import Encryption
import Foundation
import Vaults

/// Where the vault is.
struct VaultOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The vault's folder. Also: OXBOW_VAULT, or `vault:` in the configuration file.", valueName: "dir"))
    var vault: String?

    @Option(
        help: ArgumentHelp(
            "Configuration file (docs/oxbow.yaml). Also: OXBOW_CONFIG. Flags win over the environment, the environment over the file.",
            valueName: "file"))
    var config: String?

    @OptionGroup var key: KeyOptions

    /// The configuration that applies: the file under the environment.
    func configuration() throws -> Configuration {
        let environment = ProcessInfo.processInfo.environment
        guard let path = config ?? environment["OXBOW_CONFIG"] else { return Configuration() }
        return try Configuration(reading: path)
    }

    /// The vault's folder, from the flag, the environment or the file.
    func path() throws -> String {
        if let vault { return vault }
        if let vault = ProcessInfo.processInfo.environment["OXBOW_VAULT"], !vault.isEmpty { return vault }
        if let vault = try configuration().vault { return vault }
        throw ValidationError("Missing the vault: say --vault DIR, or set OXBOW_VAULT.")
    }

    /// Opens the vault for reading, beside a writer if there is one.
    func openForReading() throws -> VaultReader { try VaultReader(opening: path(), secret: secret()) }

    /// What opens the vault, if it is encrypted: from the flags, the environment, the file, or asked for at the terminal.
    func secret() throws -> VaultSecret? {
        if let secret = try key.secret(configuration(), vault: try? path()) { return secret }
        guard let path = try? path(), VaultLifecycle.needsKey(path), KeyOptions.canAsk else { return nil }
        return try KeyOptions.ask("Passphrase of \(path): ")
    }
}
