internal import Glibc

/// Why an interface cannot be captured, or no longer.
public enum LiveError: Error, Hashable, Sendable {
    /// The kernel wants CAP_NET_RAW (CAP_NET_ADMIN for some modes). Stop the program.
    case notPermitted(interface: String)
    /// There is no such interface; `known` are those there are. Stop at the start; retry while running.
    case noSuchInterface(String, known: [String])
    /// The interface is down. Stop at the start; retry while running.
    case interfaceDown(String)
    /// The interface went away or down while it was captured. Retry.
    case lost(interface: String, message: String)
    /// libpcap refuses for another reason; `message` is libpcap's.
    case refused(interface: String, message: String)
    /// The interface's packets cannot be shared out to several rings; `message` is the system's, nil where it was not asked.
    case notShared(interface: String, message: String?)
    /// The filter is none; `message` is libpcap's.
    case badFilter(interface: String, expression: String, message: String)
    /// An option is out of its range.
    case badOption(String)
}

extension LiveError: CustomStringConvertible {
    /// What failed, on what, and what to do.
    public var description: String {
        switch self {
        case .notPermitted(let name):
            "capturing \(name) is not permitted: run as root, or give the program the capability once with "
                + "'setcap cap_net_raw+ep' and start it as any user; in a container add NET_RAW"
        case .noSuchInterface(let name, let known):
            "there is no interface \(name); there are: \(known.joined(separator: ", ")) (and 'any' for all of them)"
        case .interfaceDown(let name): "interface \(name) is down: bring it up with 'ip link set \(name) up'"
        case .lost(let name, let message): "interface \(name) was lost: \(message)"
        case .refused(let name, let message): "interface \(name) cannot be captured: \(message)"
        case .notShared("any", _):
            "'any' cannot have several rings: name the interfaces, each with -i, or leave --rings at 1"
        case .notShared(let name, let message):
            "interface \(name) cannot have several rings (PACKET_FANOUT\(message.map { ": \($0)" } ?? "")): they need Linux "
                + "4.12 (loopback 5.15) and a packet socket; leave --rings at 1"
        case .badFilter(let name, let expression, let message):
            "the filter '\(expression)' cannot be used on \(name): \(message)"
        case .badOption(let text): text
        }
    }
}
