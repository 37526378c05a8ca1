/// Why a head is unreadable. The message cannot be framed, so the half-connection resynchronises.
enum HeadDefect: Error, Equatable {
    /// The start-line is not of the grammar of RFC 9112 §3 or §4, or of another version.
    case startLine
    /// A field line is not of the grammar of RFC 9112 §5.
    case fieldLine
    /// NUL or a bare CR (RFC 9110 §5.5, RFC 9112 §2.2).
    case forbiddenOctet
    /// More field lines than the limit.
    case tooManyFields
    /// Lengths or codings that contradict each other, or that do not say where the body ends (RFC 9112 §6.3).
    case framing
    /// Several `Host` fields (RFC 9112 §3.2).
    case host
}
