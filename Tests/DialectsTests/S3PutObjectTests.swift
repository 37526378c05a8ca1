import Exchanges
import HTTPTypes
import Objects
import Testing

@testable import Dialects

private let md5OfHello = "5d41402abc4b2a76b9719d911017c592"

@Suite struct S3PutObjectTests {
    @Test func `an accepted upload is stored with everything the cloud keeps`() throws {
        var script = Script()
        let fields = [
            ("Content-Type", "text/plain"), ("Content-Encoding", "gzip"), ("Content-Disposition", "attachment"),
            ("Content-Language", "de"), ("Cache-Control", "no-cache"), ("Expires", "0"), ("x-amz-meta-Color", "blue"),
            ("x-amz-meta-color", "red"), ("x-amz-tagging", "team=a%20b&empty="), ("x-amz-acl", "private"),
            ("x-amz-storage-class", "STANDARD_IA"), ("Content-MD5", "XUFAKrxLKna5cZ2REBfFkg=="),
            ("x-amz-checksum-crc32", "NhCmhg=="),
            ("x-amz-content-sha256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
        ]
        let answer = Answer(200, [("ETag", "\"\(md5OfHello)\""), ("x-amz-version-id", "v1")])
        script.play(Request("PUT", "/b/k", fields, "hello"), answer, slices: 2)
        let event = try #require(script.sink.stored.first)
        #expect(event.name == s3Name("b", "k"))
        #expect(event.size == 5)
        #expect(event.etag == md5OfHello)
        #expect(event.versionID == "v1")
        #expect(
            event.metadata.headers == [
                "content-type": "text/plain", "content-encoding": "gzip", "content-disposition": "attachment",
                "content-language": "de", "cache-control": "no-cache", "expires": "0",
            ])
        #expect(event.metadata.user == ["color": "blue,red"])
        #expect(event.metadata.tags == ["team": "a b", "empty": ""])
        #expect(event.metadata.acl == "private" && event.metadata.storageClass == "STANDARD_IA")
        #expect(event.digests.map(\.source) == ["content-md5", "x-amz-checksum-crc32", "x-amz-content-sha256", "etag"])
        #expect(event.digests.map(\.isAdvisory) == [false, false, false, true])
        let transfer = try #require(script.sink.transfer(event.transfer))
        #expect(transfer.text == "hello")
        #expect(transfer.plan == TransferPlan(objectOffset: 0, expectedLength: 5))
        #expect(transfer.end == TransferEnd(length: 5))
        #expect(event.seen.flow == "10.0.0.1:4000 > 10.0.0.9:80")
        #expect(event.seen.firstTime < event.seen.time)
        #expect(script.sink.breaches.isEmpty)
    }

    @Test func `an empty upload is an object of no bytes`() throws {
        var script = Script()
        script.play(Request("PUT", "/b/empty"), Answer(200))
        #expect(script.sink.stored.first?.size == 0)
        #expect(script.sink.transfer(script.sink.stored.first?.transfer)?.end == TransferEnd(length: 0))
    }

    @Test func `a chunked upload has the length it was framed to`() {
        var script = Script()
        script.play(Request("PUT", "/b/k", [], "hello", framing: .chunked), Answer(200))
        #expect(script.sink.stored.first?.size == 5)
        #expect(script.sink.transfers[TransferID(1)]?.plan.expectedLength == nil)
    }

    @Test(arguments: [301, 307, 400, 403, 404, 409, 412, 500, 503])
    func `a refused upload is an attempt and its bytes are discarded`(status: Int) {
        var script = Script()
        let body = "<Error><Code>AccessDenied</Code><Message>secret</Message></Error>"
        script.play(Request("PUT", "/b/k", [], "hello"), Answer(status, [], body))
        #expect(script.sink.stored.isEmpty)
        #expect(script.sink.attempts.map(\.status) == [status])
        #expect(script.sink.attempts.map(\.operation) == ["PutObject"])
        #expect(script.sink.attempts.first?.reason == (status == 412 ? "precondition failed" : "refused: AccessDenied"))
        #expect(script.sink.discarded == [TransferID(1)])
        #expect(script.counters.refused == 1)
    }

    @Test func `an upload without an answer is an attempt`() {
        var script = Script()
        script.play(Request("PUT", "/b/k", [], "hello"), nil)
        #expect(script.sink.attempts.first?.reason == "connection ended before the answer")
        #expect(script.sink.discarded.count == 1)
        #expect(script.counters.unanswered == 1)
    }

    @Test func `a client that goes away is named with what it sent`() {
        var script = Script()
        let exchange = script.begin(Request("PUT", "/b/k", framing: .length(40)))
        script.send(exchange, Array("hello world!".utf8), at: 0)
        script.engine.requestEnd(exchange, .cut(.connectionEnded), trailers: nil, script.tick())
        script.engine.finish(exchange, cause: .connectionEnded, script.tick())
        #expect(script.sink.attempts.first?.reason == "client aborted after 12 of 40 bytes")
        #expect(script.sink.transfers[TransferID(1)]?.end == TransferEnd(length: 40, cause: .connectionEnded))
    }

    @Test func `the capture's end is no fault of the client`() {
        var script = Script()
        let exchange = script.begin(Request("PUT", "/b/k", framing: .length(40)))
        script.engine.requestEnd(exchange, .cut(.captureEnded), trailers: nil, script.tick())
        script.engine.finish(exchange, cause: .captureEnded, script.tick())
        #expect(script.sink.attempts.first?.reason == "capture ended before the answer")
    }

    @Test func `a refusal before the body's end is a refusal`() {
        var script = Script()
        let exchange = script.begin(Request("PUT", "/b/k", framing: .length(10)))
        script.send(exchange, Array("hel".utf8), at: 0)
        script.answer(exchange, Answer(403))
        script.send(exchange, Array("lo".utf8), at: 3)
        script.engine.requestEnd(exchange, .cut(.connectionEnded), trailers: nil, script.tick())
        script.engine.finish(exchange, cause: nil, script.tick())
        #expect(script.sink.stored.isEmpty)
        #expect(script.sink.attempts.map(\.status) == [403])
        #expect(script.sink.discarded.count == 1)
    }

    @Test func `what the capture lost is a gap of an object that exists`() throws {
        var script = Script()
        let exchange = script.begin(Request("PUT", "/b/k", framing: .length(20)))
        script.send(exchange, Array("01234".utf8), at: 0)
        script.engine.requestGap(exchange, at: 5, length: 5, cause: .notCaptured, script.tick())
        script.send(exchange, Array("abc".utf8), at: 10)
        script.engine.requestEnd(exchange, .cut(.snapped), trailers: nil, script.tick())
        script.answer(exchange, Answer(200, [("etag", "\"e\"")]))
        script.engine.finish(exchange, cause: nil, script.tick())
        let event = try #require(script.sink.stored.first)
        #expect(event.size == 20)
        let transfer = try #require(script.sink.transfer(event.transfer))
        #expect(transfer.gaps == [Gap(offset: 5, length: 5, cause: .notCaptured)])
        #expect(transfer.end == TransferEnd(length: 20, cause: .snapped))
        #expect(script.sink.breaches.isEmpty)
    }

    @Test func `a gap without end reaches to the announced length`() {
        var script = Script()
        let exchange = script.begin(Request("PUT", "/b/k", framing: .length(20)))
        script.send(exchange, Array("01234".utf8), at: 0)
        script.engine.requestGap(exchange, at: 5, length: nil, cause: .flowEvicted, script.tick())
        script.engine.requestEnd(exchange, .cut(.flowEvicted), trailers: nil, script.tick())
        script.answer(exchange, Answer(200))
        script.engine.finish(exchange, cause: nil, script.tick())
        #expect(script.sink.transfers[TransferID(1)]?.gaps == [Gap(offset: 5, length: 15, cause: .flowEvicted)])
        #expect(script.sink.transfers[TransferID(1)]?.end == TransferEnd(length: 20))
        #expect(script.sink.breaches.isEmpty)
    }

    @Test func `a chunked body with a lost end has no size`() {
        var script = Script()
        let exchange = script.begin(Request("PUT", "/b/k", framing: .chunked))
        script.send(exchange, Array("01234".utf8), at: 0)
        script.engine.requestGap(exchange, at: 5, length: nil, cause: .framingLost, script.tick())
        script.engine.requestEnd(exchange, .cut(.framingLost), trailers: nil, script.tick())
        script.answer(exchange, Answer(200))
        script.engine.finish(exchange, cause: nil, script.tick())
        #expect(script.sink.stored.first?.size == .some(nil))
        #expect(script.sink.transfers[TransferID(1)]?.end == TransferEnd(length: nil, cause: .framingLost))
        #expect(script.sink.breaches.isEmpty)
    }

    @Test func `an encrypted object's ETag is no digest`() {
        for fields in [
            [("x-amz-server-side-encryption", "aws:kms")], [("x-amz-server-side-encryption", "aws:kms:dsse")],
        ] {
            var script = Script()
            script.play(Request("PUT", "/b/k", fields, "hello"), Answer(200, [("etag", md5OfHello)]))
            #expect(script.sink.stored.first?.digests.isEmpty == true)
            #expect(script.sink.stored.first?.etag == md5OfHello)
        }
        var script = Script()
        script.play(Request("PUT", "/b/k", [], "hello", hasCustomerKey: true), Answer(200, [("etag", md5OfHello)]))
        script.play(
            Request("PUT", "/b/k", [], "hello"),
            Answer(200, [("etag", md5OfHello), ("x-amz-server-side-encryption", "aws:kms")]))
        script.play(
            Request("PUT", "/b/k", [], "hello"),
            Answer(200, [("etag", md5OfHello), ("x-amz-server-side-encryption", "AES256")]))
        #expect(script.sink.stored.map(\.digests.count) == [0, 0, 1])
    }

    @Test(arguments: ["UNSIGNED-PAYLOAD", "zz", "abcd"]) func `words in the payload hash are no digest`(value: String) {
        var script = Script()
        script.play(Request("PUT", "/b/k", [("x-amz-content-sha256", value)], "hello"), Answer(200))
        #expect(script.sink.stored.first?.digests.isEmpty == true)
    }

    @Test func `appends, forms and renames are counted by name and keep nothing`() {
        var script = Script()
        script.play(Request("PUT", "/b/k", [("x-amz-write-offset-bytes", "5")], "tail"), Answer(200))
        script.play(Request("POST", "/b", [("content-type", "multipart/form-data; boundary=x")], "--x"), Answer(204))
        script.play(Request("PUT", "/b/k?renameObject", [("x-amz-rename-source", "a")]), Answer(200))
        #expect(script.sink.events.isEmpty && script.sink.transfers.isEmpty)
        #expect(script.counters.unsupported == ["s3.AppendObject": 1, "s3.PostObject": 1, "s3.RenameObject": 1])
    }

    @Test(arguments: ["acl", "tagging", "retention", "legal-hold"]) func `subresources are no objects`(query: String) {
        var script = Script()
        script.play(Request("PUT", "/b/k?\(query)", [], "<x/>"), Answer(200))
        script.play(Request("GET", "/b/k?\(query)"), Answer(200, [], "<x/>"))
        #expect(script.sink.events.isEmpty && script.sink.transfers.isEmpty)
        #expect(script.counters.operations == ["s3.Subresource": 2])
    }
}

@Suite struct S3AwsChunkedUploadTests {
    private let fields = [
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), ("x-amz-decoded-content-length", "11"),
        ("content-encoding", "aws-chunked,gzip"), ("x-amz-trailer", "x-amz-checksum-crc32"),
    ]
    private let body = "6\r\nhello \r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"

    @Test(arguments: [1, 3, 7, 1_000]) func `the framing is taken off and the trailer is a digest`(slices: Int) throws {
        for framing in [BodyFraming.chunked, .length(UInt64(body.utf8.count))] {
            var script = Script()
            script.play(Request("PUT", "/b/k", fields, body, framing: framing), Answer(200), slices: slices)
            let event = try #require(script.sink.stored.first)
            #expect(event.size == 11)
            #expect(event.metadata.headers == ["content-encoding": "gzip"])
            #expect(event.digests.map(\.source) == ["x-amz-checksum-crc32"])
            #expect(script.sink.transfer(event.transfer)?.text == "hello world")
            #expect(script.sink.transfer(event.transfer)?.plan.expectedLength == 11)
            #expect(script.sink.transfer(event.transfer)?.end == TransferEnd(length: 11))
            #expect(script.sink.breaches.isEmpty)
        }
    }

    @Test func `the coding with a decoded length is enough, the coding alone is not`() {
        var script = Script()
        let coding = [("content-encoding", "aws-chunked")]
        script.play(Request("PUT", "/b/k", coding + [("x-amz-decoded-content-length", "11")], body), Answer(200))
        script.play(Request("PUT", "/b/k", coding, body), Answer(200))
        #expect(script.sink.stored.map(\.size) == [11, UInt64(body.utf8.count)])
        #expect(script.sink.stored.map(\.metadata.headers) == [[:], ["content-encoding": "aws-chunked"]])
    }

    @Test func `the hash field of a streaming upload is no digest`() {
        var script = Script()
        let hash = String(repeating: "ab", count: 32)
        let fields = [
            ("x-amz-decoded-content-length", "11"), ("content-encoding", "aws-chunked"), ("x-amz-content-sha256", hash),
        ]
        script.play(Request("PUT", "/b/k", fields, body), Answer(200))
        #expect(script.sink.stored.first?.digests.map(\.source) == ["x-amz-checksum-crc32"])
    }

    @Test func `a gap over framing takes the rest and says so`() {
        var script = Script()
        let bytes = Array(body.utf8)
        let exchange = script.begin(Request("PUT", "/b/k", fields, framing: .length(UInt64(bytes.count))))
        script.send(exchange, Array(bytes[..<6]), at: 0)
        script.engine.requestGap(exchange, at: 6, length: 8, cause: .notCaptured, script.tick())
        script.send(exchange, Array(bytes[14...]), at: 14)
        script.engine.requestEnd(exchange, .framed, trailers: nil, script.tick())
        script.answer(exchange, Answer(200))
        script.engine.finish(exchange, cause: nil, script.tick())
        let transfer = script.sink.transfers[TransferID(1)]
        #expect(transfer?.text == "hel")
        #expect(transfer?.gaps == [Gap(offset: 3, length: 8, cause: .framingLost)])
        #expect(transfer?.end == TransferEnd(length: 11))
        #expect(script.sink.stored.first?.size == 11)
        #expect(script.counters.framingLosses == 1)
        #expect(script.sink.breaches.isEmpty)
    }

    @Test func `a gap inside a chunk takes what it takes`() {
        var script = Script()
        let bytes = Array(body.utf8)
        let exchange = script.begin(Request("PUT", "/b/k", fields, framing: .chunked))
        script.send(exchange, Array(bytes[..<4]), at: 0)
        script.engine.requestGap(exchange, at: 4, length: 3, cause: .kernelDrop, script.tick())
        script.send(exchange, Array(bytes[7...]), at: 7)
        script.engine.requestEnd(exchange, .framed, trailers: nil, script.tick())
        script.answer(exchange, Answer(200))
        script.engine.finish(exchange, cause: nil, script.tick())
        #expect(script.sink.transfers[TransferID(1)]?.gaps == [Gap(offset: 1, length: 3, cause: .kernelDrop)])
        #expect(script.sink.stored.first?.digests.count == 1)
        #expect(script.sink.breaches.isEmpty)
    }

    @Test func `every cut of the body leaves an object of the announced length with the rest named`() {
        let bytes = Array(body.utf8)
        for length in 0..<bytes.count {
            var script = Script()
            let exchange = script.begin(Request("PUT", "/b/k", fields, framing: .length(UInt64(bytes.count))))
            if length > 0 { script.send(exchange, Array(bytes[..<length]), at: 0) }
            script.engine.requestEnd(exchange, .cut(.notCaptured), trailers: nil, script.tick())
            script.answer(exchange, Answer(200))
            script.engine.finish(exchange, cause: nil, script.tick())
            let transfer = script.sink.transfers[TransferID(1)]
            #expect(script.sink.stored.first?.size == 11)
            #expect("hello world".hasPrefix(transfer?.text ?? "-"))
            #expect(transfer?.end?.length == 11)
            #expect(transfer?.end?.cause == (transfer?.bytes.count == 11 ? nil : .notCaptured))
            #expect(script.sink.breaches.isEmpty)
        }
    }

    @Test func `a stream shorter than it announced is never whole`() {
        var script = Script()
        script.play(Request("PUT", "/b/k", fields, "5\r\nhello\r\n0\r\n\r\n"), Answer(200))
        #expect(script.sink.transfers[TransferID(1)]?.gaps == [Gap(offset: 5, length: 6, cause: .framingLost)])
        #expect(script.sink.stored.first?.size == 11)
        #expect(script.sink.breaches.isEmpty)
    }
}
