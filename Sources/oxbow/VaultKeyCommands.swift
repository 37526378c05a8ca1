import ArgumentParser
import Encryption
import Foundation
import Vaults

/// `oxbow vault rekey`.
struct VaultRekeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rekey",
        abstract: "Changes what opens an encrypted vault, without writing its data anew.",
        discussion: """
            --key-file, --passphrase-file or --key-command open the vault as before; the --new options name what opens it \
            from now on. What opened it before opens it no more, unless --add keeps it. A copy of the old keys.json still \
            opens with the old secret: when that may be in wrong hands, say --new-epoch too, so that what is written from \
            now on is encrypted with a key that the copy lacks.
            """)

    @OptionGroup var vault: VaultOptions

    @Option(name: .customLong("new-key-file"), help: ArgumentHelp("As --key-file.", valueName: "file"))
    var newKeyFile: String?

    @Option(name: .customLong("new-passphrase-file"), help: ArgumentHelp("As --passphrase-file.", valueName: "file"))
    var newPassphraseFile: String?

    @Option(name: .customLong("new-key-command"), help: ArgumentHelp("As --key-command.", valueName: "command"))
    var newKeyCommand: String?

    @Flag(name: .customLong("new-passphrase"), help: "Ask for a new passphrase.")
    var asksPassphrase = false

    @Flag(help: "Keep what opens the vault now; the new secret comes beside it.")
    var add = false

    @Flag(name: .customLong("new-epoch"), help: "Encrypt what is written from now on with a new data key.")
    var newEpoch = false

    func run() throws {
        let path = try vault.path()
        var named = KeyOptions()
        named.keyFile = newKeyFile
        named.passphraseFile = newPassphraseFile
        named.keyCommand = newKeyCommand
        var new = named.isNamed ? try named.secret(Configuration(), vault: path) : nil
        if asksPassphrase {
            guard new == nil else { throw ValidationError("Name one new secret.") }
            new = try KeyOptions.ask("New passphrase of \(path): ", twice: true)
        }
        guard new != nil || newEpoch else { throw ValidationError("Name a new secret, or say --new-epoch.") }
        guard let old = try vault.secret() else {
            throw VaultError.needsKey(path: path, kinds: VaultSecret.Kind.allCases.map(\.rawValue))
        }
        try VaultLifecycle.rekey(at: path, with: old, to: new, keepingOthers: add, startsEpoch: newEpoch)
        Terminal.note("\(path): keys.json is new; keep a copy of it")
    }
}

/// `oxbow vault decrypt`.
struct VaultDecryptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decrypt",
        abstract: "Prints a migration's report or journal of an encrypted vault in clear.",
        discussion: "Lines that are not of this vault are left out and counted; exit code 1 when there are any.")

    @OptionGroup var vault: VaultOptions

    @Argument(help: ArgumentHelp("The file, such as VAULT/migrations/.../report.jsonl.", valueName: "file"))
    var file: String

    func run() throws {
        guard let cipher = try vault.openForReading().lineCipher else {
            throw VaultError.notEncrypted(path: try vault.path())
        }
        guard let data = FileManager.default.contents(atPath: file) else {
            throw CommandFailure(description: "\(file) cannot be read")
        }
        var foreign = 0
        for line in data.split(separator: UInt8(ascii: "\n")) {
            // A journal's line has a check before the rest.
            let text = line.split(separator: UInt8(ascii: " ")).last.map(Array.init) ?? []
            if let clear = cipher.decrypt(text[...]) {
                try Terminal.print(String(decoding: clear, as: UTF8.self))
            } else {
                foreign += 1
            }
        }
        if foreign > 0 {
            Terminal.note("oxbow: \(foreign) lines of \(file) are not of this vault, or damaged")
            throw ExitCode(ExitStatus.findings)
        }
    }
}
