import Exchanges
import Flows
import HTTPTypes
import Objects
import TestSupport
import Testing

@testable import Dialects

@Suite struct DialectEngineTests {
    @Test func `exchanges interleave without mixing bytes`() {
        var script = Script()
        let first = script.begin(Request("PUT", "/b/one", framing: .length(6)))
        let second = script.begin(Request("PUT", "/b/two", framing: .length(6)))
        script.send(first, Array("aaa".utf8), at: 0)
        script.send(second, Array("bbb".utf8), at: 0)
        script.send(first, Array("AAA".utf8), at: 3)
        script.send(second, Array("BBB".utf8), at: 3)
        for exchange in [second, first] {
            script.engine.requestEnd(exchange, .framed, trailers: nil, script.tick())
            script.answer(exchange, Answer(200))
            script.engine.finish(exchange, cause: nil, script.tick())
        }
        #expect(script.sink.stored.map(\.name.key) == [ObjectKey("two"), ObjectKey("one")])
        #expect(script.sink.stored.map { script.sink.transfer($0.transfer)?.text } == ["bbbBBB", "aaaAAA"])
        #expect(script.sink.breaches.isEmpty)
        #expect(script.engine.openExchanges == 0)
    }

    @Test func `slots are used again without remembering`() {
        var script = Script()
        for index in 0..<200 {
            script.play(Request("PUT", "/b/\(index)", [], "body \(index)"), Answer(200))
        }
        #expect(script.sink.stored.count == 200)
        #expect(script.sink.stored.enumerated().allSatisfy { script.sink.transfer($1.transfer)?.text == "body \($0)" })
        #expect(script.engine.records.places.count == 1)
    }

    @Test func `a lower layer that repeats or skips bytes without saying so misplaces none`() {
        var script = Script()
        let exchange = script.begin(Request("PUT", "/b/k", framing: .length(20)))
        script.send(exchange, Array("01234".utf8), at: 0)
        script.send(exchange, Array("34567".utf8), at: 3)
        script.send(exchange, Array("cdef".utf8), at: 12)
        script.send(exchange, Array("45".utf8), at: 4)
        script.engine.requestEnd(exchange, .cut(.captureEnded), trailers: nil, script.tick())
        script.answer(exchange, Answer(200))
        script.engine.finish(exchange, cause: nil, script.tick())
        let transfer = script.sink.transfers[TransferID(1)]
        #expect(transfer?.text == "01234567\0\0\0\0cdef")
        #expect(transfer?.gaps == [Gap(offset: 8, length: 4, cause: .framingLost)])
        #expect(script.sink.breaches.isEmpty)
    }

    @Test func `calls for unknown or finished exchanges change nothing`() {
        var script = Script()
        let stranger = ExchangeID(77)
        script.send(stranger, [1, 2, 3], at: 0)
        script.engine.requestGap(stranger, at: 0, length: nil, cause: .snapped, script.tick())
        script.engine.requestEnd(stranger, .framed, trailers: nil, script.tick())
        script.answer(stranger, Answer(200, [], "x"))
        script.engine.finish(stranger, cause: nil, script.tick())
        script.play(Request("PUT", "/b/k", [], "x"), Answer(200))
        script.engine.finish(ExchangeID(1), cause: nil, script.tick())
        script.answer(ExchangeID(1), Answer(500))
        #expect(script.sink.events.count == 1)
    }

    @Test func `a flow's text and end follow its slot`() {
        var script = Script()
        script.engine.closed(script.flow)
        script.play(Request("PUT", "/b/k", [], "x"), Answer(200))
        #expect(script.sink.stored.first?.seen.flow == "flow 1")
    }

    @Test func `an event's time is the answer's, or the body's end where that decides`() {
        var script = Script()
        let get = script.begin(Request("GET", "/b/k"))
        script.engine.response(get, ResponseHead(status: 200), .length(3), script.tick())
        let head = script.tick()
        script.engine.responseBody(get, Array("abc".utf8).span.bytes, at: 0, head)
        script.engine.responseEnd(get, .framed, trailers: nil, script.tick())
        script.engine.finish(get, cause: nil, script.tick())
        #expect(script.sink.reads.first?.seen.time == head.time - 1)
        let copy = script.begin(Request("PUT", "/b/k", [("x-amz-copy-source", "b/s")]))
        script.answer(copy, Answer(200, [], "<CopyObjectResult/>"))
        let end = script.tick()
        script.engine.finish(copy, cause: nil, end)
        #expect(script.sink.copied.first?.seen.time == end.time)
        #expect(script.sink.copied.first?.seen.packet == end.packet)
    }

    @Test func `the counters add up and are reported by name`() {
        var script = Script()
        script.play(Request("PUT", "/b/k", [], "hello"), Answer(200))
        script.play(Request("PUT", "/b/k", [], "hello"), Answer(500))
        let counters = script.counters
        #expect(counters.transfers == 2 && counters.discardedTransfers == 1 && counters.payloadBytes == 10)
        #expect(
            counters.report == [
                "transfers": 2, "discarded-transfers": 1, "payload-bytes": 10, "refused": 1,
                "exchanges.s3.PutObject": 2,
            ])
    }

    @Test func `words of the command line mean dialects`() {
        #expect(DialectOptions.dialects(named: "all") == [.s3, .http])
        #expect(DialectOptions.dialects(named: "s3") == [.s3])
        #expect(DialectOptions.dialects(named: "http") == [.http])
        #expect(DialectOptions.dialects(named: "gopher") == nil)
        #expect(DialectOptions().dialects == [.s3])
    }
}

@Suite struct DialectLimitsTests {
    @Test func `one exchange too many is passed over and named`() {
        var limits = DialectLimits()
        limits.openExchanges = 2
        var script = Script(DialectOptions(limits: limits))
        let first = script.begin(Request("PUT", "/b/1", framing: .length(1)))
        _ = script.begin(Request("PUT", "/b/2", framing: .length(1)))
        let third = script.begin(Request("PUT", "/b/3", framing: .length(1)))
        script.send(third, [1], at: 0)
        script.engine.finish(third, cause: nil, script.tick())
        #expect(script.counters.openExchangeLimit == 1)
        #expect(script.sink.attempts.map(\.name.key) == [ObjectKey("3")])
        #expect(script.sink.transfers.count == 2)
        script.engine.finish(first, cause: nil, script.tick())
        script.play(Request("PUT", "/b/4", [], "x"), Answer(200))
        #expect(script.sink.stored.count == 1)
    }

    @Test func `an XML body over its limit counts as cut`() {
        var limits = DialectLimits()
        limits.bodyBytes = 100
        var script = Script(DialectOptions(limits: limits))
        let rows = (0..<10).map { "<Contents><Key>\($0)</Key></Contents>" }.joined()
        script.play(Request("GET", "/b"), Answer(200, [], "<ListBucketResult>\(rows)</ListBucketResult>"))
        #expect(script.sink.listed.first?.entries.count == 2)
        #expect(script.counters.bodyByteLimit == 1)
    }

    @Test func `all XML bodies together are bounded and the bound is given back`() {
        var limits = DialectLimits()
        limits.bodyBytesTotal = 60
        var script = Script(DialectOptions(limits: limits))
        let body = "<Delete><Object><Key>a</Key></Object></Delete>"
        let answer = Answer(200, [], "<DeleteResult/>")
        let first = script.begin(Request("POST", "/b?delete", [], body))
        script.send(first, Array(body.utf8), at: 0)
        let second = script.begin(Request("POST", "/b?delete", [], body))
        script.send(second, Array(body.utf8), at: 0)
        script.engine.requestEnd(second, .framed, trailers: nil, script.tick())
        #expect(script.counters.bodyByteTotalLimit == 1)
        script.engine.finish(first, cause: nil, script.tick())
        script.engine.finish(second, cause: nil, script.tick())
        #expect(script.engine.capturedBytes == 0)
        script.play(
            Request("POST", "/b?delete", [], body.replacing("</Delete>", with: "<Quiet>true</Quiet></Delete>")), answer)
        script.play(Request("POST", "/b?delete", [], body), answer)
        #expect(script.engine.capturedBytes == 0)
    }

    @Test func `XML of too many elements is read up to there`() {
        var limits = DialectLimits()
        limits.xmlElements = 7
        var script = Script(DialectOptions(limits: limits))
        let rows = (0..<10).map { "<Contents><Key>\($0)</Key></Contents>" }.joined()
        script.play(Request("GET", "/b"), Answer(200, [], "<ListBucketResult>\(rows)</ListBucketResult>"))
        #expect(script.sink.listed.first?.entries.count == 3)
        #expect(script.counters.xmlElementLimit == 1)
    }

    @Test func `a chunk header over its limit loses the framing`() {
        var limits = DialectLimits()
        limits.chunkLineBytes = 32
        limits.chunkTrailers = 1
        var script = Script(DialectOptions(limits: limits))
        let fields = [
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), ("x-amz-decoded-content-length", "5"),
        ]
        script.play(
            Request(
                "PUT", "/b/k", fields, "5;chunk-signature=\(String(repeating: "a", count: 64))\r\nhello\r\n0\r\n\r\n"),
            Answer(200))
        #expect(script.counters.chunkLineLimit == 1)
        #expect(script.sink.transfers[TransferID(1)]?.gaps == [Gap(offset: 0, length: 5, cause: .framingLost)])
        script.play(
            Request("PUT", "/b/k", fields, "5\r\nhello\r\n0\r\nx-amz-checksum-a:b\r\nx-amz-checksum-c:d\r\n\r\n"),
            Answer(200))
        #expect(script.counters.chunkTrailerLimit == 1)
        #expect(script.sink.breaches.isEmpty)
    }

    @Test func `hosts and uploads are forgotten at their limits`() {
        var limits = DialectLimits()
        limits.endpoints = 4
        limits.uploads = 4
        var script = Script(DialectOptions(limits: limits))
        for index in 0..<10 {
            script.play(
                Request("PUT", "/b/k?partNumber=2&uploadId=u\(index)", host: "h\(index).lab", [], "x"), Answer(200))
        }
        #expect(script.counters.endpointsForgotten >= 6)
        #expect(script.counters.uploadsForgotten >= 6)
        #expect(script.sink.parts.count == 10)
    }
}

@Suite struct BoundedTableTests {
    @Test func `a recent table forgets the oldest half and keeps what is used`() {
        var table = RecentTable<Int, Int>(limit: 8)
        table.store(0, 0)
        for key in 1..<100 {
            table.store(key, key)
            #expect(table.value(of: 0) == 0)
            #expect(table.count <= 8)
        }
        #expect(table.value(of: 50) == nil)
        #expect(table.value(of: 99) == 99)
        table.remove(99)
        #expect(table.value(of: 99) == nil)
    }

    @Test func `the exchange table agrees with a dictionary`() {
        var random = SeededGenerator(seed: 7)
        var table = ExchangeTable()
        var model: [UInt64: Int] = [:]
        for step in 0..<20_000 {
            // Sequential numbers with long-lived stragglers, and far ones that collide in their low bits.
            let number = UInt64.random(in: 1...400, using: &random) * (Bool.random(using: &random) ? 1 : 64)
            if model[number] == nil, Int.random(in: 0..<5, using: &random) < 3 {
                table.insert(number, slot: step)
                model[number] = step
            } else {
                table.remove(number)
                model[number] = nil
            }
            #expect(table.count == model.count)
            #expect(table.slot(of: number) == model[number])
        }
        for number in 1...25_600 { #expect(table.slot(of: UInt64(number)) == model[UInt64(number)]) }
    }

    @Test func `a part's place never overflows`() {
        var uploads = UploadKnowledge(limit: 4)
        #expect(uploads.offset(ofPart: 10_000, size: .max, upload: "u") == 0)
        #expect(uploads.offset(ofPart: 3, size: nil, upload: "v") == 0)
        #expect(uploads.offset(ofPart: 2, size: 10, upload: "v") == 10)
        uploads.forget("v")
        #expect(uploads.offset(ofPart: 3, size: 4, upload: "v") == 8)
    }
}

@Suite struct SecretTests {
    /// The parser drops secrets before this layer sees them. Should one slip through, nothing here may carry it on:
    /// only listed fields become metadata, and only listed words become reasons.
    @Test func `no credential reaches an event, whatever the exchange`() {
        let canary = "CANARY5e1f"
        let fields = [
            ("authorization", "AWS4-HMAC-SHA256 Credential=\(canary)"), ("cookie", canary),
            ("x-amz-security-token", canary),
            ("x-amz-server-side-encryption-customer-key", canary), ("x-auth-token", canary),
            ("proxy-authorization", canary),
            ("x-amz-copy-source-server-side-encryption-customer-key", canary), ("x-amz-user-agent", canary),
        ]
        let query = "X-Amz-Signature=\(canary)&X-Amz-Security-Token=\(canary)&Signature=\(canary)"
        let error =
            "<Error><Code>Sig \(canary)</Code><AWSAccessKeyId>\(canary)</AWSAccessKeyId><StringToSign>\(canary)</StringToSign></Error>"
        let answers: [Answer?] = [
            Answer(200, [("set-cookie", canary), ("x-amz-security-token", canary)], "hello"),
            Answer(403, fields, error),
            Answer(200, fields, error), nil,
        ]
        let targets = [
            ("PUT", "/b/k"), ("GET", "/b/k"), ("HEAD", "/b/k"), ("DELETE", "/b/k"), ("POST", "/b/k?uploads"),
            ("PUT", "/b/k?partNumber=1&uploadId=u"), ("POST", "/b/k?uploadId=u"), ("POST", "/b?delete"), ("GET", "/b"),
            ("MOVE", "/x"), ("OPTIONS", "/b/k"),
        ]
        var script = Script(DialectOptions(dialects: [.s3, .http]))
        for (method, target) in targets {
            for answer in answers {
                let joined = target + (target.contains("?") ? "&" : "?") + query
                for credentials in [CredentialScheme.awsSignatureV4, nil] {
                    let host = credentials == nil ? "plain.lab" : "s3.lab"
                    script.play(Request(method, joined, host: host, fields, "hello", credentials: credentials), answer)
                }
            }
        }
        #expect(script.sink.events.count > 40)
        #expect(!"\(script.sink.events)".contains(canary))
        #expect(!"\(script.counters.report)".contains(canary))
    }
}
