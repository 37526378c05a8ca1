import Flows

/// What the captures do not show: who says what, in turns.
let talks: [[(HalfConnection, String)]] = [
    [
        (.fromInitiator, "PUT /b/k HTTP/1.1\r\nTransfer-Encoding: chunked\r\nAuthorization: AWS x:y\r\n\r\n"),
        (.fromInitiator, "5;a=\"b\"\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32: DUoRhQ==\r\n\r\n"),
        (.fromResponder, "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nx-amz-request-id: 1\r\nContent-Length: 0\r\n\r\n"),
        (.fromInitiator, "GET /b/k HTTP/1.1\r\nHost: h\r\nRange: bytes=3-7\r\n\r\nGET /b/l HTTP/1.1\r\n\r\n"),
        (.fromResponder, "HTTP/1.1 206 Partial\r\nContent-Range: bytes 3-7/11\r\nContent-Length: 5\r\n\r\nlo wo"),
        (.fromResponder, "HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ],
    [
        (.fromInitiator, "PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"),
        (.fromResponder, "HTTP/1.1 100 Continue\r\n\r\n"), (.fromInitiator, "hello"),
        (.fromResponder, "HTTP/1.1 503 Slow Down\r\nContent-Length: 2\r\n\r\nno"),
        (.fromInitiator, "HEAD /b/k HTTP/1.0\r\n\r\n"),
        (.fromResponder, "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n"),
        (.fromInitiator, "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"),
        (.fromResponder, "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"),
    ],
    [
        (.fromInitiator, "GET /b/k HTTP/1.1\r\nHost: h\r\nRange: bytes=0-4,9-9\r\nAuthorization: AWS4 x\r\n\r\n"),
        (
            .fromResponder,
            "HTTP/1.1 206 P\r\nContent-Type: multipart/byteranges; boundary=s\r\nContent-Length: 85\r\n\r\n"
                + "--s\r\nContent-Range: bytes 0-4/50\r\n\r\nhello\r\n--s\r\nContent-Range: bytes 9-9/50\r\n\r\nx\r\n--s--"
        ),
    ],
    [
        (.fromInitiator, "POST /b/k?uploads HTTP/1.1\r\nHost: s3.amazonaws.com\r\nContent-Length: 0\r\n\r\n"),
        (
            .fromResponder,
            "HTTP/1.1 200 OK\r\nContent-Length: 86\r\n\r\n<InitiateMultipartUploadResult><UploadId>u</UploadId>"
                + "</InitiateMultipartUploadResult>"
        ),
        (
            .fromInitiator,
            "PUT /b/k?partNumber=2&uploadId=u HTTP/1.1\r\nHost: s3.amazonaws.com\r\nContent-Length: 5\r\n\r\nhello"
        ),
        (.fromResponder, "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 0\r\n\r\n"),
        (
            .fromInitiator,
            "POST /b/k?uploadId=u HTTP/1.1\r\nHost: s3.amazonaws.com\r\nTransfer-Encoding: chunked\r\n\r\n6e\r\n"
                + "<CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>\"e\"</ETag></Part>"
                + "</CompleteMultipartUpload>\r\n0\r\n\r\n"
        ),
        (.fromResponder, "HTTP/1.1 200 OK\r\n\r\n<CompleteMultipartUploadResult><ETag>\"e-1\"</ETag>"),
    ],
    [
        (.fromInitiator, "POST /b?delete HTTP/1.1\r\nHost: s3.amazonaws.com\r\nContent-Length: 61\r\n\r\n"),
        (.fromInitiator, "<Delete><Object><Key>k&amp;&#x41;</Key></Object></Delete>    "),
        (.fromResponder, "HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n<DeleteResult><Deleted><Key>k</Key></Deleted>"),
        (.fromResponder, "</DeleteResult>   "), (.fromInitiator, "GET /b?list-type=2 HTTP/1.1\r\nHost: h\r\n\r\n"),
        (.fromResponder, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ],
    [
        (.fromInitiator, "POST /b/k?uploads HTTP/1.1\r\nHost: s3.amazonaws.com\r\nContent-Length: 0\r\n\r\n"),
        (
            .fromResponder,
            "HTTP/1.1 200 OK\r\n\r\n \n<?xml version=\"1.0\" encoding=\"UTF-8\"?><!-- c --><?p i?>"
                + "<a:R xmlns:a=\"u\" a:b='&lt;'><Key>\u{e9}&#xe9;&amp;<![CDATA[<x>]]></Key><a:E/></a:R>"
        ),
    ],
    [
        (.fromInitiator, "MOVE http://h/k%20 HTTP/1.1\r\nDestination: http://h/l\r\nContent-Length: 0\r\n\r\n"),
        (.fromResponder, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
        (.fromInitiator, "PUT /k HTTP/1.1\r\nContent-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\nContent-Length: 1\r\n\r\nx"),
        (.fromResponder, "HTTP/1.1 204 No Content\r\nETag: W/\"x\"\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"),
        (.fromInitiator, "GET /b/k?X-Amz-Signature=a&versionId=v HTTP/1.1\r\nHost: h\r\nFold: a\r\n b\r\n\r\n"),
        (.fromResponder, "HTTP/1.1 200 OK\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nuntil close"),
    ],
]

/// aws-chunked bodies as clients write them, and as they should not.
let chunkedBodies = [
    "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n",
    "6;chunk-signature=0\r\nhello \r\n5;chunk-signature=1\r\nworld\r\n0;chunk-signature=2\r\n\r\n",
    "6\nhello \n5\nworld\n0", "ffffffffffffffff\r\nhello", "b \r\nhello worldX", "0\r\na:b\r\n:c\r\n\r\nmore",
]
