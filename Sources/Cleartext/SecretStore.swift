/// The secrets known, within a limit: by client random, and by transcript hash.
///
/// Of several secrets for the same purpose the newest comes first. Whatever is removed is written over as soon as no
/// flow uses it any more.
public struct SecretStore: Sendable {
    /// Sessions held. Beyond, the one that was first heard of is forgotten.
    public let sessionsMax: Int
    /// Secrets taken.
    public private(set) var secretsTaken: UInt64 = 0
    /// Sessions forgotten at the limit.
    public private(set) var sessionsForgotten: UInt64 = 0

    private enum Name: Hashable {
        case random(ClientRandom)
        case transcript([UInt8])
    }

    private struct Session {
        /// In order of arrival; few, so that they are searched.
        var secrets: [(label: SecretLabel, secret: SecretBytes)] = []
    }

    /// Secrets of one session and purpose that are kept: more than one only when randoms collide or a log lies.
    private static let perLabelMax = 4

    private var sessions: [Name: Session] = [:]
    /// Names in order of arrival; those before `firstName` are forgotten.
    private var names: [Name] = []
    private var firstName = 0

    /// A store without secrets. A session of TLS 1.3 takes about 1 KB.
    public init(sessionsMax: Int = 131_072) { self.sessionsMax = max(1, sessionsMax) }

    /// Takes a secret.
    public mutating func take(_ event: SecretEvent) {
        secretsTaken += 1
        switch event {
        case .session(let label, let random, let secret): insert(label, secret, .random(random))
        case .transcript(let label, let hash, let secret): insert(label, secret, .transcript(hash))
        }
    }

    private mutating func insert(_ label: SecretLabel, _ secret: SecretBytes, _ name: Name) {
        if sessions[name] == nil {
            if sessions.count >= sessionsMax { forgetOldest() }
            names.append(name)
        }
        var session = sessions.removeValue(forKey: name) ?? Session()
        let same = session.secrets.indices.filter { session.secrets[$0].label == label }
        // The same line again, as after a second reading of a log, is no second secret.
        let known = same.first { isEqual(session.secrets[$0].secret, secret) }
        if let known {
            session.secrets.remove(at: known)
        } else if same.count >= Self.perLabelMax, let oldest = same.first {
            session.secrets.remove(at: oldest)
        }
        session.secrets.append((label, secret))
        sessions[name] = session
    }

    private func isEqual(_ left: SecretBytes, _ right: SecretBytes) -> Bool {
        guard left.count == right.count else { return false }
        let count = left.count
        return unsafe left.withBytes { left in
            unsafe right.withBytes { right in
                for index in 0..<count where unsafe left[index] != right[index] { return false }
                return true
            }
        }
    }

    private mutating func forgetOldest() {
        guard firstName < names.count else { return }
        sessions[names[firstName]] = nil
        sessionsForgotten += 1
        firstName += 1
        if firstName > 1024, firstName * 2 > names.count {
            names.removeFirst(firstName)
            firstName = 0
        }
    }

    /// The secrets of a session for a purpose, the newest first.
    func secrets(_ label: SecretLabel, _ random: ClientRandom, transcript: [UInt8]?) -> [SecretBytes] {
        var found: [SecretBytes] = []
        if let session = sessions[.random(random)] {
            found = session.secrets.reversed().filter { $0.label == label }.map(\.secret)
        }
        if let transcript, let session = sessions[.transcript(transcript)] {
            found += session.secrets.reversed().filter { $0.label == label }.map(\.secret)
        }
        return found
    }

    /// The application traffic secrets of the newest sessions, for flows whose ClientHello was not seen. At most
    /// `count` sessions.
    func newestSessions(_ count: Int) -> [(client: SecretBytes, server: SecretBytes)] {
        var found: [(client: SecretBytes, server: SecretBytes)] = []
        for name in names[firstName...].reversed() {
            guard found.count < count else { break }
            guard let session = sessions[name],
                let client = session.secrets.last(where: { $0.label == .clientApplication })?.secret,
                let server = session.secrets.last(where: { $0.label == .serverApplication })?.secret
            else { continue }
            found.append((client, server))
        }
        return found
    }

    /// Sessions held.
    public var count: Int { sessions.count }
}
