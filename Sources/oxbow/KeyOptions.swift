import ArgumentParser
import Encryption
import Foundation

/// What opens an encrypted vault: the same for every command that opens one.
struct KeyOptions: ParsableArguments {
    @Option(
        name: .customLong("key-file"),
        help: ArgumentHelp(
            "File of at least 32 random bytes that opens an encrypted vault. Also: OXBOW_KEY_FILE.", valueName: "file"))
    var keyFile: String?

    @Option(
        name: .customLong("passphrase-file"),
        help: ArgumentHelp(
            "File with the passphrase of an encrypted vault; a line feed at its end does not count. Also: OXBOW_PASSPHRASE_FILE. Without any of the three the passphrase is asked for.",
            valueName: "file"))
    var passphraseFile: String?

    @Option(
        name: .customLong("key-command"),
        help: ArgumentHelp(
            "Command that prints the key of an encrypted vault, run without a shell: words, with quotes where they have spaces. Also: OXBOW_KEY_COMMAND.",
            valueName: "command"))
    var keyCommand: String?

    /// True when a source was named on the command line.
    var isNamed: Bool { keyFile != nil || passphraseFile != nil || keyCommand != nil }

    /// The secret from the source that is named; flags win over the environment, the environment over the file. Nil when
    /// none is named.
    func secret(_ configured: Configuration, vault: String?) throws -> VaultSecret? {
        let environment = ProcessInfo.processInfo.environment
        let levels = [
            (keyFile, passphraseFile, keyCommand),
            (environment["OXBOW_KEY_FILE"], environment["OXBOW_PASSPHRASE_FILE"], environment["OXBOW_KEY_COMMAND"]),
            (configured.keyFile, configured.passphraseFile, configured.keyCommand),
        ]
        for (file, passphrase, command) in levels {
            let named = [file, passphrase, command].compactMap { $0 }
            guard named.count <= 1 else {
                throw ValidationError("Say one of --key-file, --passphrase-file and --key-command.")
            }
            if let file { return try Self.secret(.keyFile, Self.read(file)) }
            if let passphrase { return try Self.secret(.passphrase, Self.trimmed(Self.read(passphrase))) }
            if let command { return try Self.secret(.command, Self.trimmed(Self.output(of: command, vault: vault))) }
        }
        return nil
    }

    /// True when there is somebody to ask.
    static var canAsk: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// Asks for a passphrase at the terminal, which does not show it.
    static func ask(_ prompt: String, twice: Bool = false) throws -> VaultSecret {
        let first = try line(prompt)
        if twice {
            guard try line("The same again: ") == first else {
                throw CommandFailure(description: "the two passphrases differ; nothing was changed")
            }
        }
        return try secret(.passphrase, first)
    }

    private static func line(_ prompt: String) throws -> [UInt8] {
        FileHandle.standardError.write(Data(prompt.utf8))
        var before = termios()
        unsafe tcgetattr(STDIN_FILENO, &before)
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        defer {
            unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            FileHandle.standardError.write(Data("\n".utf8))
        }
        guard let text = readLine() else { throw CommandFailure(description: "no passphrase was given") }
        return Array(text.utf8)
    }

    static func secret(_ kind: VaultSecret.Kind, _ bytes: [UInt8]) throws -> VaultSecret {
        var bytes = bytes
        defer { wipe(&bytes) }
        guard !bytes.isEmpty else { throw CommandFailure(description: "the \(kind.rawValue) is empty") }
        return try VaultSecret(kind, SecretBytes(copying: unsafe bytes.span.bytes))
    }

    private static let bytesMax = 1 << 20

    static func read(_ path: String) throws -> [UInt8] {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw CommandFailure(description: unsafe "\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        var status = stat()
        if unsafe fstat(file.fileDescriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            status.st_mode & 0o077 != 0
        {
            Terminal.note("oxbow: warning: \(path) can be read by others than its owner; say chmod 600 \(path)")
        }
        let data = try file.read(upToCount: bytesMax + 1) ?? Data()
        guard data.count <= bytesMax else { throw CommandFailure(description: "\(path) is longer than any key") }
        return Array(data)
    }

    /// What a command prints.
    private static func output(of command: String, vault: String?) throws -> [UInt8] {
        let words = try words(of: command)
        guard !words.isEmpty else { throw CommandFailure(description: "the key command is empty") }
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        if let vault {
            process.environment = ProcessInfo.processInfo.environment.merging(["OXBOW_VAULT": vault]) { _, new in new }
        }
        do {
            try process.run()
        } catch {
            throw CommandFailure(description: "the key command cannot be run: \(error.localizedDescription)")
        }
        let data = try pipe.fileHandleForReading.read(upToCount: bytesMax + 1) ?? Data()
        if data.count > bytesMax { process.terminate() }
        process.waitUntilExit()
        guard data.count <= bytesMax, process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw CommandFailure(
                description:
                    "the key command `\(words[0])` ended with \(process.terminationStatus), or printed too much; run it by hand to see why",
                status: ExitStatus.locked)
        }
        return Array(data)
    }

    /// Splits a command at spaces that do not stand in single or double quotes.
    static func words(of command: String) throws -> [String] {
        var words: [String] = []
        var word = ""
        var isOpen = false
        var quote: Character?
        for character in command {
            if let open = quote {
                if character == open { quote = nil } else { word.append(character) }
            } else if character == "'" || character == "\"" {
                quote = character
                isOpen = true
            } else if character.isWhitespace {
                if isOpen { words.append(word) }
                (word, isOpen) = ("", false)
            } else {
                word.append(character)
                isOpen = true
            }
        }
        guard quote == nil else { throw ValidationError("The key command has a quote without its end: \(command)") }
        if isOpen { words.append(word) }
        return words
    }

    /// Without one line feed at the end, which editors and commands add.
    private static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        return bytes
    }
}
