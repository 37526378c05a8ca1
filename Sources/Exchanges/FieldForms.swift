import HTTPTypes

/// Makes `HTTPFields` of field lines.
///
/// `HTTPFields` cannot be appended to without an unspecialised generic call that costs more than reading a line, but its
/// elements can be replaced cheaply. So the lines are collected first, in storage that is used again, and then replace
/// the elements of a copy of a form of their number.
struct FieldForms {
    /// A field to keep.
    struct Line {
        /// The name.
        let entry: FieldNameCache.Entry
        /// Where the value stands: in the head's bytes, or in its own.
        var value: Range<Int>
        /// True when the value is visible ASCII and spaces.
        var isPlain: Bool
        private(set) var ownBytes: [UInt8]?

        /// A line whose value stands in the head.
        init(_ entry: FieldNameCache.Entry, value: Range<Int>, isPlain: Bool) {
            self.entry = entry
            self.value = value
            self.isPlain = isPlain
        }

        /// Gives the line a value of its own.
        mutating func own(_ bytes: [UInt8]) {
            ownBytes = bytes
            value = 0..<bytes.count
        }
    }

    private var lines: [Line] = []
    /// Sections of every length so far, filled with a placeholder.
    private var forms: [HTTPFields] = [HTTPFields()]

    /// Forgets the lines.
    mutating func removeLines() { lines.removeAll(keepingCapacity: true) }

    /// Adds a line.
    mutating func append(_ line: Line) { lines.append(line) }

    /// The lines as fields; `bytes` holds the values that lines do not own.
    mutating func fields(_ bytes: RawSpan) -> HTTPFields {
        var fields = form(lines.count)
        for (index, line) in lines.enumerated() {
            if let own = line.ownBytes {
                fields[index] = Self.field(line, unsafe own.span.bytes)
            } else {
                fields[index] = Self.field(line, bytes)
            }
        }
        return fields
    }

    /// Values are bytes: what is no UTF-8 survives in `HTTPField.withUnsafeBytesOfValue`.
    private static func field(_ line: Line, _ bytes: RawSpan) -> HTTPField {
        // For plain values both ways give the same field, the first at a fraction of the cost.
        if line.isPlain { return HTTPField(name: line.entry.name, value: bytes.text(line.value)) }
        return unsafe bytes.extracting(line.value).withUnsafeBytes { buffer in
            unsafe HTTPField(name: line.entry.name, lenientValue: buffer)
        }
    }

    private mutating func form(_ count: Int) -> HTTPFields {
        while forms.count <= count {
            var longer = forms[forms.count - 1]
            longer.append(HTTPField(name: .accept, value: ""))
            forms.append(longer)
        }
        return forms[count]
    }
}
