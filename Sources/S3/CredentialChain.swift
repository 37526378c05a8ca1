internal import Foundation

/// Finds S3 credentials and the region where the AWS command line does: named variables, the environment, the shared
/// files. Values are never taken from a command line or a URL, where other processes could read them.
public struct CredentialChain: Sendable {
    /// What was found.
    public struct Found: Sendable {
        /// The keys; nil when none are configured anywhere.
        public var credentials: S3Credentials?
        /// The region; nil when none is configured.
        public var region: String?
        /// The endpoint of `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` or the profile; nil when none is configured.
        public var endpoint: String?
        /// Where the keys came from, for messages: `environment`, `profile NAME of FILE`.
        public var origin: String
    }

    /// The process's environment.
    public var environment: [String: String]
    /// Name of the variable that holds the access key's id (`--access-key-variable`).
    public var accessKeyVariable: String?
    /// Name of the variable that holds the secret (`--secret-key-variable`).
    public var secretKeyVariable: String?
    /// Name of the variable that holds the session token (`--session-token-variable`).
    public var sessionTokenVariable: String?
    /// Profile to use instead of `AWS_PROFILE` (`--profile`).
    public var profile: String?

    /// A chain that starts with the environment given.
    public init(environment: [String: String]) { self.environment = environment }

    /// A chain that starts with this process's environment.
    public init() { environment = ProcessInfo.processInfo.environment }

    /// Looks in order: the named variables, then the environment, then the shared credentials and config files.
    ///
    /// An explicit profile (``profile``) goes before the environment's keys, as with the AWS command line.
    public func find() throws(CredentialError) -> Found {
        let files = try profileSettings()
        var found = Found(
            credentials: nil,
            region: value("AWS_REGION") ?? value("AWS_DEFAULT_REGION") ?? files.settings["region"],
            endpoint: value("AWS_ENDPOINT_URL_S3") ?? value("AWS_ENDPOINT_URL") ?? files.settings["endpoint_url"],
            origin: "nowhere")
        if let named = try namedVariables() {
            found.credentials = named
            found.origin = "the variables named by flags"
        } else if profile == nil, let own = try environmentKeys() {
            found.credentials = own
            found.origin = "the environment"
        } else if let id = files.settings["aws_access_key_id"], let secret = files.settings["aws_secret_access_key"] {
            found.credentials = try Self.checked(
                id: id, secret: secret, token: files.settings["aws_session_token"], from: "profile \(files.name)")
            found.origin = "profile \(files.name)"
        } else if profile != nil || value("AWS_PROFILE") != nil {
            throw CredentialError(
                reason: "profile \(files.name) holds no aws_access_key_id and aws_secret_access_key",
                remedy: "Add them to \(files.credentialsPath), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        }
        return found
    }

    private func namedVariables() throws(CredentialError) -> S3Credentials? {
        guard let idVariable = accessKeyVariable, let secretVariable = secretKeyVariable else {
            if accessKeyVariable == nil, secretKeyVariable == nil { return nil }
            throw CredentialError(
                reason: "one of the access key and the secret key variables is named without the other",
                remedy: "Name both variables")
        }
        for variable in [idVariable, secretVariable] + (sessionTokenVariable.map { [$0] } ?? []) {
            // A key given in place of a variable's name must not be echoed: only what looks like a name is.
            let isName = variable.utf8.allSatisfy { $0 == UInt8(ascii: "_") || Self.isCapitalOrDigit($0) }
            if value(variable) == nil {
                throw CredentialError(
                    reason: isName && variable.utf8.count < 64 && variable.contains("_")
                        ? "the variable \(variable) is not set" : "a variable named by a flag is not set",
                    remedy: "Export it before starting; the flags take names of variables, not keys")
            }
        }
        guard let id = value(idVariable), let secret = value(secretVariable) else { return nil }
        return try Self.checked(
            id: id, secret: secret, token: sessionTokenVariable.flatMap(value), from: "the named variables")
    }

    private func environmentKeys() throws(CredentialError) -> S3Credentials? {
        switch (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY")) {
        case (let id?, let secret?):
            return try Self.checked(id: id, secret: secret, token: value("AWS_SESSION_TOKEN"), from: "the environment")
        case (nil, nil): return nil
        default:
            throw CredentialError(
                reason: "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set",
                remedy: "Set both, or neither and use a profile")
        }
    }

    private func profileSettings() throws(CredentialError) -> (
        name: String, settings: [String: String], credentialsPath: String
    ) {
        let name = profile ?? value("AWS_PROFILE") ?? value("AWS_DEFAULT_PROFILE") ?? "default"
        let home = value("HOME") ?? "/nonexistent"
        let credentialsPath = value("AWS_SHARED_CREDENTIALS_FILE") ?? "\(home)/.aws/credentials"
        let configPath = value("AWS_CONFIG_FILE") ?? "\(home)/.aws/config"
        let config = try Self.file(configPath, isConfig: true).profiles[name]
        let credentials = try Self.file(credentialsPath, isConfig: false).profiles[name]
        if config == nil, credentials == nil, profile != nil || value("AWS_PROFILE") != nil {
            throw CredentialError(
                reason: "there is no profile \(name) in \(credentialsPath) or \(configPath)",
                remedy: "Name an existing profile")
        }
        let settings = (config ?? [:]).merging(credentials ?? [:]) { _, credential in credential }
        return (name, settings, credentialsPath)
    }

    /// The longest credentials or config file, in bytes.
    private static let fileBytesMax = 1 << 20

    /// A missing file is an empty one; an unreadable one is an error, since silence would look like "no credentials".
    private static func file(_ path: String, isConfig: Bool) throws(CredentialError) -> ProfileFile {
        guard FileManager.default.fileExists(atPath: path) else { return ProfileFile("", isConfig: isConfig) }
        let data: Data
        do {
            // Not by its size first: /dev/null is how people say that there is no file.
            guard let file = FileHandle(forReadingAtPath: path) else { throw CocoaError(.fileReadNoPermission) }
            data = try file.read(upToCount: fileBytesMax + 1) ?? Data()
            guard data.count <= fileBytesMax else { throw CocoaError(.fileReadTooLarge) }
        } catch {
            throw CredentialError(
                reason: "\(path) cannot be read, or is larger than 1 MiB", remedy: "Check its permissions")
        }
        return ProfileFile(String(decoding: data, as: UTF8.self), isConfig: isConfig)
    }

    /// Keys go into header fields: control characters would split them, and a line break is a common slip of copying.
    private static func checked(
        id: String, secret: String, token: String?, from origin: String
    ) throws(CredentialError) -> S3Credentials {
        for part in [id, secret, token ?? "x"]
        where part.isEmpty || part.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) {
            throw CredentialError(
                reason: "a key from \(origin) is empty or holds spaces, line breaks or characters outside ASCII",
                remedy: "Copy it again without surrounding blanks")
        }
        return S3Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: token)
    }

    private func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }

    private static func isCapitalOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
