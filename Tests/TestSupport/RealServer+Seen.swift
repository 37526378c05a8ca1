import Foundation

extension RealServer {
    /// An object as boto3, an S3 client that is not ours, sees it.
    package struct SeenObject: Decodable, Sendable {
        package var sha256: String
        package var etag: String
        package var size: UInt64
        package var type: String
        package var encoding: String
        package var disposition: String
        package var cache: String
        package var metadata: [String: String]
        package var tags: [String: String]
    }

    /// Every object of a bucket by key, read by boto3. Uploads that were begun and neither ended nor given up are an error
    /// unless they are allowed.
    package func objects(in bucket: String, allowsUnfinished: Bool = false) throws -> [String: SeenObject] {
        let script = """
            import boto3, hashlib, json, sys
            from botocore.config import Config
            s3 = boto3.client("s3", endpoint_url=sys.argv[1], config=Config(s3={"addressing_style": "path"}))
            bucket, out = sys.argv[2], {}
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for row in page.get("Contents", []):
                    answer = s3.get_object(Bucket=bucket, Key=row["Key"])
                    digest = hashlib.sha256()
                    for chunk in answer["Body"].iter_chunks(1 << 20):
                        digest.update(chunk)
                    tags = s3.get_object_tagging(Bucket=bucket, Key=row["Key"])["TagSet"]
                    out[row["Key"]] = {"sha256": digest.hexdigest(), "etag": answer["ETag"].strip('"'),
                                       "size": answer["ContentLength"], "type": answer.get("ContentType", ""),
                                       "encoding": answer.get("ContentEncoding", ""), "metadata": answer["Metadata"],
                                       "disposition": answer.get("ContentDisposition", ""),
                                       "cache": answer.get("CacheControl", ""),
                                       "tags": {tag["Key"]: tag["Value"] for tag in tags}}
            uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
            if uploads and sys.argv[3] != "true": sys.exit("unfinished uploads: %s" % uploads)
            print(json.dumps(out))
            """
        let text = try Shell.run(
            ["python3", "-c", script, endpoint, bucket, String(allowsUnfinished)],
            environment: environment.merging(["AWS_DEFAULT_REGION": "us-east-1"]) { $1 })
        return try JSONDecoder().decode([String: SeenObject].self, from: Data(text.utf8))
    }
}
