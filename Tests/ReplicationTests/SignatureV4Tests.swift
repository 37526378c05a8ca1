@testable import S3
import Testing

@testable import Replication

/// Examples of "Signature Calculations for the Authorization Header" and "Authenticating Requests", Amazon S3 API
/// Reference, and of "Signature Version 4 test suite".
@Suite struct SignatureV4Tests {
    let credentials = S3Credentials(
        accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    /// 24 May 2013, 00:00:00 UTC.
    let time = UTCTime(seconds: 1_369_353_600)

    private func signature(
        _ method: String, _ path: String, query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [], payload: String? = nil
    ) -> String? {
        let hash = payload ?? empty
        let request = SignatureV4.Request(
            method: method, path: path, query: query,
            headers: [("Host", "examplebucket.s3.amazonaws.com"), ("x-amz-date", "20130524T000000Z")]
                + [("x-amz-content-sha256", hash)] + headers, payloadHash: hash)
        return SignatureV4(credentials: credentials, region: "us-east-1").authorization(for: request, at: time)
            .split(separator: "=").last.map(String.init)
    }

    @Test func `a ranged GET is signed as in the documentation`() {
        #expect(
            signature("GET", "/test.txt", headers: [("Range", "bytes=0-9")])
                == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    }

    @Test func `a PUT is signed as in the documentation`() {
        #expect(
            signature(
                "PUT", "/test%24file.text",
                headers: [
                    ("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ], payload: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")
                == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
    }

    @Test func `a query without a value is signed as in the documentation`() {
        #expect(
            signature("GET", "/", query: [("lifecycle", "")])
                == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
    }

    @Test func `a query out of order is signed as in the documentation`() {
        #expect(
            signature("GET", "/", query: [("prefix", "J"), ("max-keys", "2")])
                == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    }

    @Test func `other services' example vector holds`() {
        // get-vanilla-query-order-key-case of the test suite.
        let suite = S3Credentials(
            accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        let request = SignatureV4.Request(
            method: "GET", path: "/", query: [("Param2", "value2"), ("Param1", "value1")],
            headers: [("Host", "example.amazonaws.com"), ("X-Amz-Date", "20150830T123600Z")], payloadHash: empty)
        let authorization = SignatureV4(credentials: suite, region: "us-east-1", service: "service").authorization(
            for: request, at: UTCTime(seconds: 1_440_938_160))
        #expect(
            authorization == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                + "SignedHeaders=host;x-amz-date, "
                + "Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500")
    }

    @Test func `header values are trimmed and folded, names sorted, repeated names joined`() {
        let canonical = SignatureV4.canonicalRequest(
            SignatureV4.Request(
                method: "GET", path: "/", query: [],
                headers: [("X-B", "  a   b  "), ("x-a", "2"), ("X-A", "1")], payloadHash: "H"))
        #expect(canonical.text == "GET\n/\n\nx-a:2,1\nx-b:a b\n\nx-a;x-b\nH")
    }

    @Test(arguments: [0, 951_782_399, 951_782_400, 1_709_164_800, 4_107_542_399, -86_400, 253_402_300_799])
    func `calendar times go there and back`(seconds: Int64) throws {
        let time = UTCTime(seconds: seconds)
        #expect(time.seconds == seconds)
        #expect(UTCTime(iso8601: time.iso8601)?.seconds == (time.year >= 1 ? seconds : nil))
    }

    @Test func `dates of headers are read`() {
        #expect(UTCTime(httpDate: "Sun, 06 Nov 1994 08:49:37 GMT")?.seconds == 784_111_777)
        #expect(UTCTime(httpDate: "Sunday, 06-Nov-94 08:49:37 GMT") == nil)
        #expect(UTCTime(httpDate: "soon") == nil)
        #expect(UTCTime(iso8601: "2026-13-01T00:00:00Z") == nil)
    }

    @Test func `credentials print nothing`() {
        var dumped = ""
        dump(credentials, to: &dumped)
        for text in ["\(credentials)", String(reflecting: credentials), dumped, "\([credentials])"] {
            #expect(!text.contains("AKIAIOSFODNN7EXAMPLE") && !text.contains("wJalr"))
        }
    }
}
