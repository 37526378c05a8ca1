import Foundation
import TestSupport
import Testing

/// The man page and the command reference say what the program says of itself.
@Suite struct ManualTests {
    /// What `oxbow --experimental-dump-help` prints, as far as it matters here.
    private struct Help: Decodable {
        struct Command: Decodable {
            var commandName: String
            var abstract: String?
            var arguments: [Argument]?
            var subcommands: [Command]?
        }
        struct Argument: Decodable {
            struct Name: Decodable {
                var kind: String
                var name: String
            }
            var abstract: String?
            var names: [Name]?
        }
        var command: Command
    }

    private static let repository = CaptureCase.folder.deletingLastPathComponent()

    private func commands() throws -> [Help.Command] {
        let help = try OxbowProgram.succeed(["--experimental-dump-help"])
        let commands = try JSONDecoder().decode(Help.self, from: help.output).command.subcommands ?? []
        return commands.filter { $0.commandName != "help" }
    }

    private func page(_ name: String) throws -> String {
        try String(contentsOf: Self.repository.appendingPathComponent(name), encoding: .utf8)
    }

    /// In words of its own, so that a failure does not print the whole page.
    private func has(_ page: String, _ text: String) -> Bool { page.contains(text) }

    @Test func `the man page has every command and option with its help; Tools/man makes it anew`() throws {
        let manual = try page("docs/oxbow.1")
        let commands = try commands()
        #expect(commands.count >= 10)
        for command in commands {
            #expect(has(manual, ".It Em \(command.commandName)\n\(command.abstract ?? "")"), "\(command.commandName)")
            for argument in command.arguments ?? [] {
                for name in argument.names ?? [] where name.kind == "long" {
                    #expect(has(manual, "-\(name.name)"), "\(command.commandName) --\(name.name)")
                }
                guard let abstract = argument.abstract else { continue }
                #expect(has(manual, abstract), "\(command.commandName): \(abstract)")
            }
        }
    }

    @Test func `the command reference has every command`() throws {
        let reference = try page("docs/commands.md")
        for command in try commands() { #expect(has(reference, "oxbow \(command.commandName)")) }
    }
}
