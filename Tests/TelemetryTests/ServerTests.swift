import CoreMetrics
import Foundation
import Glibc
import Testing

@testable import Telemetry

@Suite(.serialized) struct `A server of metrics` {
    @Test func `answers a scrape with the registry's text, and HEAD without a body`() throws {
        let (server, port, registry) = try serve()
        defer { server.stop() }
        Counter(label: "a_total", factory: registry).increment(by: 41)
        let answer = try ask(port, "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"))
        #expect(answer.hasSuffix("\r\n\r\n# TYPE a_total counter\na_total 41\n"))
        let head = try ask(port, "HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.hasSuffix("\r\n\r\n"))
        #expect(head.contains("content-length: 34\r\n"))
    }

    @Test func `keeps a connection open for the next scrape, pipelined or not`() throws {
        let (server, port, _) = try serve()
        defer { server.stop() }
        let one = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        let answer = try ask(port, one + one + "GET /x?y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(answer.components(separatedBy: "HTTP/1.1 200 OK").count == 3)
        #expect(answer.components(separatedBy: "HTTP/1.1 404 Not Found").count == 2)
    }

    @Test func `says how the program feels`() throws {
        let (server, port, _) = try serve { HealthStatus(isHealthy: false, lines: ["the front end stands still"]) }
        defer { server.stop() }
        let answer = try ask(port, "GET /healthz HTTP/1.0\r\n\r\n")
        #expect(answer.contains(" 503 Service Unavailable\r\n"))
        #expect(answer.hasSuffix("not healthy\nthe front end stands still\n"))
    }

    @Test(arguments: [
        ("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", "405"),
        ("GET /etc/passwd HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "404"),
        ("no HTTP at all\r\n\r\n", "400"),
    ])
    func `refuses what it does not serve`(request: String, status: String) throws {
        let (server, port, _) = try serve()
        defer { server.stop() }
        #expect(try ask(port, request).hasPrefix("HTTP/1.1 \(status) "))
    }

    @Test func `closes connections beyond its limit, and serves again when one has gone`() throws {
        var limits = MetricsServer.Limits()
        limits.connectionsMax = 2
        let (server, port, _) = try serve(limits)
        defer { server.stop() }
        let request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        let open = try (0..<2).map { _ in try connect(port) }
        for descriptor in open {
            try send(request, descriptor)
            #expect(read(descriptor, once: true).contains("200 OK"))
        }
        let refused = try connect(port)
        #expect(read(refused, once: false) == "")
        close(refused)
        for descriptor in open { close(descriptor) }
        // The server learns of the end in its own time; each try is a new connection.
        var served = false
        for _ in 0..<1000 where !served {
            served = (try? ask(port, "GET /healthz HTTP/1.0\r\n\r\n"))?.contains("200") == true
        }
        #expect(served)
    }

    @Test func `closes a connection that sends nothing`() throws {
        var limits = MetricsServer.Limits()
        limits.idleSeconds = 1
        let (server, port, _) = try serve(limits)
        defer { server.stop() }
        let descriptor = try connect(port)
        defer { close(descriptor) }
        #expect(read(descriptor, once: false) == "")
    }

    @Test func `gives its port back when it stops`() throws {
        let (server, port, _) = try serve()
        server.stop()
        let again = try ListeningSocket(address: "127.0.0.1", port: port)
        #expect(again.port == port)
    }

    @Test func `says who is wrong when the port is taken, not allowed, or of another machine`() throws {
        let first = try ListeningSocket(address: "127.0.0.1", port: 0)
        let taken = #expect(throws: ListeningError.self) {
            _ = try ListeningSocket(address: "127.0.0.1", port: first.port)
        }
        #expect(taken?.description.contains("another program listens there") == true)
        let absent = #expect(throws: ListeningError.self) { _ = try ListeningSocket(address: "192.0.2.1", port: 0) }
        #expect(absent?.description.contains("no such address") == true)
        let nameless = #expect(throws: ListeningError.self) { _ = try ListeningSocket(address: "no.invalid.", port: 0) }
        #expect(nameless?.description.contains("no.invalid.") == true)
    }

    @Test func `listens on IPv6 too`() throws {
        let socket = try ListeningSocket(address: "::1", port: 0)
        #expect(socket.address == "[::1]")
    }

    // MARK: A client of plain sockets

    private func serve(
        _ limits: MetricsServer.Limits = MetricsServer.Limits(),
        health: @escaping @Sendable () -> HealthStatus = { HealthStatus(isHealthy: true) }
    ) throws -> (MetricsServer, UInt16, PrometheusRegistry) {
        let socket = try ListeningSocket(address: "127.0.0.1", port: 0)
        let (port, registry) = (socket.port, PrometheusRegistry())
        return (try MetricsServer(socket, registry: registry, limits: limits, health: health), port, registry)
    }

    private func ask(_ port: UInt16, _ request: String) throws -> String {
        let descriptor = try connect(port)
        defer { close(descriptor) }
        try send(request, descriptor)
        return read(descriptor, once: false)
    }

    private func connect(_ port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(code == 0)
        return descriptor
    }

    private func send(_ text: String, _ descriptor: Int32) throws {
        let bytes = Array(text.utf8)
        try #require(Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    }

    /// What comes, once or until the server closes.
    private func read(_ descriptor: Int32, once: Bool) -> String {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            // A server that closes on unread bytes resets the connection.
            if count <= 0 { break }
            all += buffer[..<count]
            if once { break }
        }
        return String(decoding: all, as: UTF8.self)
    }
}
