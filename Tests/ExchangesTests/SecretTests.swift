import Exchanges
import Flows
import HTTPTypes
import Objects
import Testing

/// A canary stands in every place a secret may stand in; it must come out nowhere.
@Suite struct `Secrets` {
    private static let canary = "CaNaRy"

    /// Everything the layer gives out of a flow of these messages, as text.
    private func everything(request: String, response: String) -> (text: String, exchange: RecordedExchange?) {
        let exchange = Conversation.turns(request, response).play().exchanges.first
        return ("\(String(describing: exchange))", exchange)
    }

    @Test(arguments: [
        "Authorization: AWS4-HMAC-SHA256 Credential=", "Proxy-Authorization: Basic ", "Cookie: session=", "Cookie2: ",
        "X-Amz-Security-Token: ", "x-auth-token: ", "X-Storage-Token: ", "X-Subject-Token: ", "X-Service-Token: ",
        "X-Amz-Server-Side-Encryption-Customer-Key: ", "x-amz-server-side-encryption-customer-key-MD5: ",
        "x-amz-copy-source-server-side-encryption-customer-key: ", "x-goog-encryption-key: ",
        "x-goog-encryption-key-sha256: ", "x-goog-copy-source-encryption-key: ", "x-ms-encryption-key: ",
        "x-ms-encryption-key-sha256: ", "x-ms-copy-source-authorization: Bearer ", "X-Account-Meta-Temp-URL-Key-2: ",
        "X-Auth-Key: ", "X-Storage-Pass: ", "AUTHORIZATION:", "Set-Cookie: id=", "authorization:\r\n ",
        "Referer: https://h/p?a=1&X-Amz-Signature=", "Location: https://user:", "Destination: http://h/x?sig=",
        "x-amz-copy-source: /b/k?versionId=1&X-Amz-Security-Token=", "X-Ms-Copy-Source: https://h/c/b?sv=1&sig=",
        "Link: <https://h/a?token=", "Link: <https://h/a>; rel=next, <https://h/b?x=1&%73ig=",
        "Content-Location: https://h/#access_token=", "Referer: https://h/?Signature=",
    ])
    func `field values that carry secrets are dropped`(field: String) {
        let tail = field.hasPrefix("Location: https://user:") ? "@host/path" : ""
        let line = "\(field)\(Self.canary)\(tail)\r\n"
        let (text, exchange) = everything(
            request: "PUT /a HTTP/1.1\r\nHost: h\r\n\(line)Transfer-Encoding: chunked\r\n\r\n0\r\n\(line)\r\n",
            response: "HTTP/1.1 200 OK\r\n\(line)Transfer-Encoding: chunked\r\n\r\n0\r\n\(line)\r\n")
        #expect(exchange?.isWhole == true)
        #expect(!text.contains(Self.canary), "\(text)")
        #expect(exchange?.head.fields[.init("Host")!] == "h")
    }

    @Test(arguments: [
        "X-Amz-Signature", "x-amz-credential", "X-Amz-Security-Token", "AWSAccessKeyId", "Signature",
        "X-Goog-Signature", "X-Goog-Credential", "GoogleAccessId", "sig", "temp_url_sig", "temp_url_expires", "token",
        "access_token", "X%2DAmz%2DSignature", "SIG",
    ])
    func `query items that carry secrets are dropped`(name: String) {
        let (text, exchange) = everything(
            request: "GET /a?versionId=7&\(name)=\(Self.canary)&part=1 HTTP/1.1\r\n\r\n",
            response: "HTTP/1.1 200 OK\r\nLocation: /b?x=1&\(name)=\(Self.canary)\r\nContent-Length: 0\r\n\r\n")
        #expect(!text.contains(Self.canary), "\(text)")
        #expect(exchange?.head.query.map(\.name) == ["versionId", "part"])
        #expect(exchange?.responseHead?.fields[.location] == "/b?x=1")
    }

    @Test func `a shared access signature goes with all its items`() {
        let sas = "sv=2024&ss=b&srt=sco&sp=rwd&se=2027&st=2026&spr=https&skoid=k&sig=\(Self.canary)"
        let (_, exchange) = everything(
            request: "GET /c/b?comp=block&blockid=AA%3D%3D&\(sas) HTTP/1.1\r\n\r\n", response: "HTTP/1.1 200 OK\r\n\r\n"
        )
        #expect(exchange?.head.query.map(\.name) == ["comp", "blockid"])
        #expect(exchange?.head.credentials == .azureSharedKey)
        let (_, plain) = everything(request: "GET /c/b?se=1&sp=2 HTTP/1.1\r\n\r\n", response: "HTTP/1.1 200 OK\r\n\r\n")
        #expect(plain?.head.query.map(\.name) == ["se", "sp"])
    }

    @Test func `user information in targets is dropped`() {
        for target in ["http://user:\(Self.canary)@h/a", "http://\(Self.canary)@h"] {
            let (text, exchange) = everything(
                request: "GET \(target) HTTP/1.1\r\nHost: \(Self.canary)@h\r\n\r\n", response: "HTTP/1.1 200 OK\r\n\r\n"
            )
            #expect(!text.contains(Self.canary) && !text.contains(Self.canary.lowercased()), "\(text)")
            #expect(exchange?.head.authority == "h")
        }
    }

    @Test func `a presigned URL leaves nothing of its signature`() {
        let signed =
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=\(Self.canary)&X-Amz-Date=20261121T000000Z&X-Amz-Expires=60"
            + "&X-Amz-SignedHeaders=host&X-Amz-Signature=\(Self.canary)"
        let (text, exchange) = everything(
            request: "GET /b/k?\(signed)&response-content-type=x HTTP/1.1\r\nHost: h\r\n\r\n",
            response: "HTTP/1.1 200 OK\r\n\r\n")
        #expect(exchange?.head.query == [QueryItem(name: "response-content-type", value: "x")])
        #expect(exchange?.head.credentials == .awsSignatureV4 && !text.contains(Self.canary))
    }

    @Test(arguments: [
        ("Authorization: AWS4-HMAC-SHA256 x", CredentialScheme.awsSignatureV4),
        ("Authorization: AWS4-ECDSA-P256-SHA256 x", .awsSignatureV4), ("Authorization: AWS a:b", .awsSignatureV2),
        ("Authorization: SharedKey a:b", .azureSharedKey), ("Authorization: SharedKeyLite a:b", .azureSharedKey),
        ("Authorization: bearer x", .bearer), ("Authorization: Basic x", .other), ("Cookie: a=b", .other),
        ("Cookie: a=b\r\nX-Auth-Token: t", .swiftToken), ("X-Auth-Token: t\r\nCookie: a=b", .swiftToken),
        ("Cookie: a\r\nAuthorization: Bearer x\r\nX-Auth-Token: t", .bearer),
    ])
    func `the scheme is kept`(field: String, scheme: CredentialScheme) {
        let found = Conversation.read(request: "GET /a HTTP/1.1\r\nHost: h\r\n\(field)\r\n\r\n")
        #expect(found?.head.credentials == scheme)
        #expect(found?.head.fields.count == 1)
    }

    @Test(arguments: [
        ("AWSAccessKeyId=a&Expires=1&Signature=s", CredentialScheme.awsSignatureV2), ("access_token=t", .bearer),
        ("GoogleAccessId=a&Expires=1&Signature=s", .other), ("temp_url_sig=a&temp_url_expires=1", .other),
    ])
    func `the scheme of a signed query is kept`(query: String, scheme: CredentialScheme) {
        let found = Conversation.read(request: "GET /a?\(query)&uploads HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(found?.head.credentials == scheme)
        #expect(found?.head.query.map(\.name) == ["uploads"])
    }

    @Test func `a customer key is remembered but not kept`() {
        let found = Conversation.read(
            request: "PUT /a HTTP/1.1\r\nX-Amz-Server-Side-Encryption-Customer-Algorithm: AES256\r\n"
                + "X-Amz-Server-Side-Encryption: aws:kms\r\n\r\n")
        #expect(found?.head.hasCustomerKey == true)
        #expect(found?.head.fields.map(\.name.canonicalName) == ["x-amz-server-side-encryption"])
    }

    @Test(arguments: [
        ("Referer: https://h/p?a=1&b=2", "https://h/p?a=1&b=2"),
        ("x-amz-copy-source: /b/a%2Fb?versionId=7", "/b/a%2Fb?versionId=7"),
        ("x-amz-copy-source: b/k#1", "b/k#1"), ("x-amz-copy-source: b/http://u@h", "b/http://u@h"),
        ("Location: https://u:p@h:8/x?sig=1&se=2#frag", "https://h:8/x"),
        ("Link: <https://h/a?token=1&x=2>; rel=\"next\"", "<https://h/a?x=2>; rel=\"next\""),
    ])
    func `URLs keep what is no secret`(field: String, value: String) {
        let found = Conversation.read(request: "PUT /a HTTP/1.1\r\n\(field)\r\n\r\n")
        #expect(found?.head.fields.first?.value == value)
    }
}
