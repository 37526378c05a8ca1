/// What a frame may ask of the decoder.
public struct DecodeLimits: Hashable, Sendable, BitwiseCopyable {
    /// IPv6 extension headers before TCP. A frame with more is a ``FrameFault/tooManyExtensionHeaders``. Real chains have
    /// one or two.
    public var extensionHeadersMax: Int = 8

    /// The default limits.
    public init() {}
}
