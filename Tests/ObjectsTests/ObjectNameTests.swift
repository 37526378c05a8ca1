import Objects
import Testing

@Suite struct `Names of objects` {
    @Test(arguments: [
        ObjectName(cloud: .s3, endpoint: "s3.example:9000", bucket: "logs", key: ObjectKey("a/b c.txt")),
        ObjectName(cloud: .s3, endpoint: "10.0.0.1", bucket: "logs", key: ObjectKey("../../etc/passwd")),
        ObjectName(cloud: .s3, endpoint: "h", bucket: "b", key: ObjectKey(bytes: [0, 0xff, 0x25, 0x2f])),
        ObjectName(cloud: .s3, endpoint: "h", bucket: "b", key: ObjectKey("")),
        ObjectName(cloud: .http, endpoint: "h:8080", bucket: "h:8080", key: ObjectKey("up/x%20y")),
    ])
    func `comes back from its URL`(_ name: ObjectName) {
        #expect(ObjectName(url: name.url) == name)
    }

    @Test(arguments: ["", "s3", "s3://", "s3:///b/k", "s3://h", "s3://h/b", "ftp://h/b/k", "http://h"])
    func `is not read from what is no name`(_ url: String) {
        #expect(ObjectName(url: url) == nil)
    }

    @Test func `orders by cloud, endpoint, bucket and key bytes`() {
        let names = ["http://a/z", "s3://a/b/a", "s3://a/b/a%00", "s3://a/b/b", "s3://a/c/a", "s3://b/a/a"].compactMap(
            ObjectName.init(url:))
        #expect(names.count == 6)
        #expect(names.sorted() == names)
    }
}

@Suite struct `Percent-encoding` {
    @Test func `decodes once, and leaves what is no escape`() {
        #expect(PercentEncoding.decode("a%2525%zz%4".utf8) == Array("a%25%zz%4".utf8))
        #expect(PercentEncoding.decode("a+b%2B".utf8, plusIsSpace: true) == Array("a b+".utf8))
        #expect(PercentEncoding.decode("a+b".utf8) == Array("a+b".utf8))
    }

    @Test func `every byte survives`() {
        let bytes = [UInt8](0...255)
        let text = PercentEncoding.encode(bytes, keeping: PercentEncoding.isUnreserved)
        #expect(PercentEncoding.decode(text.utf8) == bytes)
    }
}
