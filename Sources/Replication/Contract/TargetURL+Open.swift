public import S3

/// Settings of the kinds of target, for ``TargetURL/open(credentials:settings:)``.
public struct TargetSettings: Sendable {
    /// For S3 services.
    public var s3 = S3Settings()

    /// The defaults.
    public init() {}
}

extension TargetURL {
    /// Opens the target. Makes no request yet: a bad endpoint shows when the run probes it.
    ///
    /// The endpoint is the URL's, else the environment's (`AWS_ENDPOINT_URL_S3`), else Amazon's of the region; the
    /// region the URL's, else the environment's or the profile's, else us-east-1. Endpoints other than Amazon's are
    /// addressed path-style unless the URL says otherwise.
    public func open(
        credentials chain: CredentialChain, settings: TargetSettings = TargetSettings()
    ) throws(ReplicationError) -> any ReplicationTarget {
        switch kind {
        case .file(let path): return try FileTarget(path: path)
        case .s3(let named, let region, let usesPathStyle):
            let found: CredentialChain.Found
            do throws(CredentialError) {
                found = try chain.find()
            } catch {
                throw .credentials(reason: error.reason, remedy: error.remedy)
            }
            guard let credentials = found.credentials else {
                throw .credentials(
                    reason: "there are none in the environment or in a profile",
                    remedy: "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, "
                        + "or name variables that hold them")
            }
            let name = region ?? found.region ?? "us-east-1"
            var place = named
            if place == nil, let configured = found.endpoint {
                place = Endpoint(configured)
                if place == nil {
                    throw .badTarget(
                        url: "s3://\(bucketTemplate)", reason: "the configured endpoint cannot be read",
                        remedy: "Set AWS_ENDPOINT_URL_S3 to http://HOST[:PORT] or https://HOST[:PORT]")
                }
            }
            return S3Target(
                url: self, endpoint: Self.endpoint(place, region: name, usesPathStyle: usesPathStyle),
                credentials: credentials, settings: settings.s3)
        }
    }

    private static func endpoint(_ place: Endpoint?, region: String, usesPathStyle: Bool?) -> S3Endpoint {
        guard let place else {
            return .amazon(region: region, addressing: usesPathStyle == true ? .path : .virtualHosted)
        }
        return S3Endpoint(
            isSecure: place.isSecure, host: place.host, port: place.port, region: region,
            addressing: usesPathStyle == false ? .virtualHosted : .path)
    }
}
