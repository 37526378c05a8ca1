internal import CLinux
internal import Glibc

/// What the process may do, and giving up what it needs no more.
public enum Privileges {
    /// A capability by its number (linux/capability.h).
    public enum Capability: Int, Sendable, CaseIterable {
        /// Capture.
        case netRaw = 13
        /// Some settings of interfaces; promiscuous mode through a packet socket does not need it.
        case netAdmin = 12
        /// Change to another user.
        case setUID = 7
        /// Change groups.
        case setGID = 6

        /// The name as the tools print it.
        public var name: String {
            switch self {
            case .netRaw: "CAP_NET_RAW"
            case .netAdmin: "CAP_NET_ADMIN"
            case .setUID: "CAP_SETUID"
            case .setGID: "CAP_SETGID"
            }
        }
    }

    /// True when the calling thread has the capability now.
    public static func has(_ capability: Capability) -> Bool {
        oxbow_capabilities(0) >> UInt64(capability.rawValue) & 1 == 1
    }

    /// True when the process runs as the superuser.
    public static var isSuperuser: Bool { geteuid() == 0 }

    /// Goes on as this user (a name or a number) with its groups, and keeps CAP_NET_RAW alone on the calling thread, so
    /// that an interface that comes back can be opened again. Call it before other threads are started: they inherit
    /// what this one has.
    public static func drop(to user: String) throws(PrivilegeError) {
        guard let account = Account(user) else { throw .unknownUser(user) }
        guard oxbow_keep_on_user_change(1) == 0 else { throw .refused(step: "keep capabilities", errno: errno) }
        var group = account.group
        guard unsafe setgroups(1, &group) == 0 else { throw .refused(step: "set groups", errno: errno) }
        guard setresgid(account.group, account.group, account.group) == 0 else {
            throw .refused(step: "change group", errno: errno)
        }
        guard setresuid(account.user, account.user, account.user) == 0 else {
            throw .refused(step: "change user", errno: errno)
        }
        try keepCaptureOnly()
        // There must be no way back: if there is, something is not as believed.
        if account.user != 0, setresuid(0, 0, 0) == 0 { throw .notDropped(user) }
    }

    /// Keeps CAP_NET_RAW, if the process has it, and gives up everything else.
    public static func keepCaptureOnly() throws(PrivilegeError) {
        let wanted = oxbow_capabilities(1) & (1 << UInt64(Capability.netRaw.rawValue))
        guard oxbow_keep_capabilities(wanted) == 0 else { throw .refused(step: "drop capabilities", errno: errno) }
        guard oxbow_no_new_privileges() == 0 else { throw .refused(step: "forbid new privileges", errno: errno) }
    }

    private struct Account {
        var user: uid_t
        var group: gid_t

        init?(_ text: String) {
            if let entry = unsafe getpwnam(text) {
                unsafe (user, group) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
            } else if let number = uid_t(text) {
                user = number
                // A number without an entry: containers know their users so. Its group is of the same number.
                group = unsafe getpwuid(number)?.pointee.pw_gid ?? number
            } else {
                return nil
            }
        }
    }
}

/// Why privileges could not be given up. Stop the program: it would run with more than it was told.
public enum PrivilegeError: Error, CustomStringConvertible, Sendable {
    /// No such user.
    case unknownUser(String)
    /// The kernel refused a step.
    case refused(step: String, errno: Int32)
    /// The superuser's rights could be taken back.
    case notDropped(String)

    /// What failed and what to do.
    public var description: String {
        switch self {
        case .unknownUser(let user): "--user \(user): there is no such user; make one with 'useradd --system \(user)'"
        case .refused(let step, let code):
            "cannot \(step): \(systemMessage(code)); start as root, or without --user as the user itself with "
                + "'setcap cap_net_raw+ep' on the program"
        case .notDropped(let user): "privileges could be taken back after the change to \(user): refusing to run"
        }
    }
}
