internal import Glibc

/// Why metrics cannot be served.
public struct ListeningError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where, as it was asked for.
    public var place: String
    /// What the system said.
    public var reason: String
    /// What to do about it.
    public var remedy: String

    /// What happened, where, and what to do.
    public var description: String { "metrics cannot be served at \(place): \(reason); \(remedy)" }
}

/// A TCP port that is taken and listens, with nobody who answers yet.
///
/// It is made apart from the server since a port below 1024 needs a privilege, and the server's thread must begin after
/// privileges were dropped.
public struct ListeningSocket: ~Copyable {
    /// The address in use, as text; IPv6 in brackets.
    public let address: String
    /// The port in use.
    public let port: UInt16
    private var descriptor: Int32

    /// Takes a port of an address: numbers or a name. Port 0 takes any that is free.
    public init(address: String, port: UInt16) throws(ListeningError) {
        descriptor = try Self.listeningDescriptor(address, port)
        (self.address, self.port) = Self.name(of: descriptor) ?? (address, port)
    }

    private static func listeningDescriptor(_ address: String, _ port: UInt16) throws(ListeningError) -> Int32 {
        let place = address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(address, String(port), &hints, &found)
        guard code == 0, let first = unsafe found else {
            throw ListeningError(
                place: place, reason: unsafe String(cString: gai_strerror(code)),
                remedy: "say an address of this machine, such as 127.0.0.1")
        }
        defer { unsafe freeaddrinfo(first) }
        let descriptor = unsafe socket(first.pointee.ai_family, Int32(SOCK_STREAM.rawValue) | closeOnExec, 0)
        guard descriptor >= 0 else { throw failure(place, errno) }
        var yes: Int32 = 1
        // A port that an earlier run's connections still remember can be taken; one that is in use cannot.
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        // Listening at once: two sockets may share a port until one of them listens.
        guard unsafe bind(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0, listen(descriptor, 16) == 0
        else {
            let error = errno
            close(descriptor)
            throw failure(place, error)
        }
        return descriptor
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Gives the descriptor away; the caller closes it.
    consuming func take() -> Int32 {
        let taken = descriptor
        descriptor = -1
        return taken
    }

    /// Children that a program starts must not hold its port.
    private static var closeOnExec: Int32 { Int32(SOCK_CLOEXEC.rawValue) }

    private static func failure(_ place: String, _ error: Int32) -> ListeningError {
        let remedy =
            switch error {
            case EADDRINUSE: "another program listens there: end it, or choose another port"
            case EACCES: "ports below 1024 need root or CAP_NET_BIND_SERVICE: choose a higher one"
            case EADDRNOTAVAIL: "this machine has no such address"
            default: "choose another address or port"
            }
        return ListeningError(place: place, reason: unsafe String(cString: strerror(error)), remedy: remedy)
    }

    private static func name(of descriptor: Int32) -> (String, UInt16)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var service = [CChar](repeating: 0, count: Int(NI_MAXSERV))
        let code = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { place -> Int32 in
                guard unsafe getsockname(descriptor, place, &length) == 0 else { return -1 }
                return unsafe getnameinfo(
                    place, length, &host, socklen_t(host.count), &service, socklen_t(service.count),
                    NI_NUMERICHOST | NI_NUMERICSERV)
            }
        }
        func text(_ characters: [CChar]) -> String {
            String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
        guard code == 0, let port = UInt16(text(service)) else { return nil }
        let address = text(host)
        return (address.contains(":") ? "[\(address)]" : address, port)
    }
}
