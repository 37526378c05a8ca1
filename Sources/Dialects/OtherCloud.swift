internal import Exchanges
internal import Objects

/// Recognises the clouds that no dialect here speaks yet, so that their traffic is counted under their name and does
/// not pass for plain HTTP: a block of an Azure blob or a chunk of a resumable upload is no object.
enum OtherCloud {
    /// The cloud that a request talks to; nil when nothing says so.
    static func looksLike(_ request: RequestReading, at authority: Authority?) -> Cloud? {
        switch request.credentials {
        case .azureSharedKey: return .azure
        case .swiftToken: return .swift
        case .awsSignatureV4, .awsSignatureV2, .bearer, .other, nil: break
        }
        let families = request.fields.families
        if families.contains(.azure) { return .azure }
        if families.contains(.google) { return .gcs }
        if families.contains(.swift) { return .swift }
        if let host = authority?.host {
            if host.hasSuffix(".blob.core.windows.net") || host.hasSuffix(".dfs.core.windows.net") { return .azure }
            let google = "storage.googleapis.com"
            if host == google || host.hasSuffix("." + google) || host.hasSuffix("-storage.googleapis.com") {
                return .gcs
            }
        }
        let paths: [(prefix: String, cloud: Cloud)] = [
            ("/storage/v1/b", .gcs), ("/upload/storage/v1/b", .gcs), ("/download/storage/v1/b", .gcs),
            ("/v1/AUTH_", .swift),
        ]
        return paths.first { request.rawPath.starts(with: $0.prefix.utf8) }?.cloud
    }
}
