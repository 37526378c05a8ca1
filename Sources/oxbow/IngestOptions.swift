import ArgumentParser
import Blocks
import Compression
import Dialects
import Foundation
import Pipeline
import Vaults

/// What `replay` and `tap` have in common: what is kept, and how it is stored.
struct IngestOptions: ParsableArguments {
    @Option(help: ArgumentHelp("What becomes objects: s3, http (any other HTTP), or all.", valueName: "dialect"))
    var dialect: String?

    @Option(
        help: ArgumentHelp(
            "Read only packets that match this BPF expression, as tcpdump has it.", valueName: "expression"))
    var filter: String?

    @Option(
        help: ArgumentHelp(
            "Keep or leave out: 'allow bucket=logs-*', 'deny host=*.internal', 'deny prefix=tmp/', 'allow cidr=10.0.0.0/8'. Repeatable; the first rule that matches decides.",
            valueName: "rule"))
    var scope: [String] = []

    @Option(
        name: .customLong("s3-endpoint"),
        help: ArgumentHelp("A host that serves S3 with the bucket as a label before it. Repeatable.", valueName: "host")
    )
    var s3Endpoints: [String] = []

    @Option(
        name: .customLong("block-size"),
        help: ArgumentHelp("Block size of a new vault: 4KiB to 8MiB, a power of two.", valueName: "size"))
    var blockSize: String?

    @Option(
        help: ArgumentHelp(
            "How this run's blocks are made smaller: none, lz4, zstd or zstd:LEVEL (-7 to 19). Default: what the vault is set to.",
            valueName: "method"))
    var compression: String?

    @Option(
        help: ArgumentHelp(
            "Threads that reassemble, decrypt and parse, each a share of the connections: 1 to 16 (default: 1). The result does not depend on it.",
            valueName: "count"))
    var workers: Int?

    @Option(
        help: ArgumentHelp(
            "Threads that hash and compress blocks, with one worker; several workers have one each.",
            valueName: "count"))
    var hashers: Int?

    @Option(help: ArgumentHelp("Memory for block buffers (default: 384MiB, touched as needed).", valueName: "size"))
    var memory: String?

    @Option(
        name: .customLong("commit-bytes"), help: ArgumentHelp("Make durable after this many bytes.", valueName: "size"))
    var commitBytes: String?

    @Option(
        name: .customLong("commit-milliseconds"),
        help: ArgumentHelp("Make durable after this time.", valueName: "count"))
    var commitMilliseconds: Int?

    @OptionGroup var tunnels: TunnelArguments

    /// The options of a run, from the flags over the configuration.
    func options(captures: [String], vault: String, _ configured: Configuration) throws -> ReplayOptions {
        let word = dialect ?? configured.dialect ?? "s3"
        guard let dialects = DialectOptions.dialects(named: word) else {
            throw ValidationError("\(word) is no dialect; say s3, http or all")
        }
        let endpoints = s3Endpoints.isEmpty ? configured.s3Endpoints ?? [] : s3Endpoints
        var options = ReplayOptions(
            captures: captures, vault: vault,
            dialects: DialectOptions(dialects: dialects, s3Endpoints: endpoints, scope: try scope(configured)))
        options.filter = filter ?? configured.filter
        options.tunnels = try tunnels.options(configured)
        if let text = blockSize ?? configured.blockSize {
            options.blockSize = try BlockSize(bytes: Int(clamping: Self.size(text, "--block-size")))
        }
        options.compression = try (compression ?? configured.compression).map { try Self.compression($0) }
        options.hashers = hashers ?? configured.hashers ?? options.hashers
        guard (1...64).contains(options.hashers) else { throw ValidationError("--hashers is 1 to 64") }
        options.workers = workers ?? configured.workers ?? options.workers
        guard (1...16).contains(options.workers) else { throw ValidationError("--workers is 1 to 16") }
        if let text = memory ?? configured.memory {
            options.poolBytes = Int(clamping: try Self.size(text, "--memory"))
        }
        options.durability = try durability(configured)
        return options
    }

    /// When to commit, from the flags or else the configuration.
    func durability(_ configured: Configuration) throws -> Durability {
        var durability = Durability()
        if let text = commitBytes ?? configured.commitBytes {
            durability.commitBytes = try Self.size(text, "--commit-bytes")
        }
        if let milliseconds = commitMilliseconds ?? configured.commitMilliseconds {
            guard (1...3_600_000).contains(milliseconds) else {
                throw ValidationError("--commit-milliseconds is 1 to 3600000")
            }
            durability.commitNanoseconds = UInt64(milliseconds) * 1_000_000
        }
        return durability
    }

    /// The scope, from the flags or else the configuration.
    func scope(_ configured: Configuration) throws -> Scope {
        try Scope(scope.isEmpty ? configured.scope ?? [] : scope)
    }

    /// The method that a text names.
    static func compression(_ text: String) throws -> CompressionMethod {
        guard let method = CompressionMethod(text) else {
            throw ValidationError("\(text) is no compression; say none, lz4, zstd, or zstd:LEVEL with -7 to 19")
        }
        return method
    }

    /// Bytes that a text names, at least one.
    static func size(_ text: String, _ option: String) throws -> UInt64 {
        guard let size = ByteText.parse(text), size > 0 else {
            throw ValidationError("\(option) \(text) is no size; say for example 64KiB or 1048576")
        }
        return size
    }
}
