internal import Blocks
internal import Objects

// Reads: bytes that join a version, or show one whose upload was not seen.

extension Ledger {
    /// Tap and cloud have clocks of their own; Last-Modified further than this behind an upload's answer is another upload.
    private static var clockSkewNanoseconds: UInt64 { 5_000_000_000 }

    /// A read that brings nothing new moves the time of the last sighting only by this: busy objects would else be the
    /// greater part of the log.
    private static var sightingNanoseconds: UInt64 { 60_000_000_000 }

    mutating func apply(_ event: ReadEvent) throws(CatalogError) {
        var context = try begin(event.name)
        let contribution = take(event.transfer, at: event.offset, length: nil)
        let known = try target(of: event, contribution, in: context)
        var version = if let known { known } else { try observed(by: event, in: context) }
        let before = version
        version.learn(
            etag: event.etag, versionID: event.versionID, metadata: event.metadata, digests: event.digests,
            seen: event.seen)
        var joined: UInt64 = 0
        if learn(event.objectSize, in: &version) {
            try place(&version)
            joined = try join(contribution, to: &version, at: event.seen.time)
        }
        checkOnArrival(&version, contribution, joined: joined)
        try settle(&version)
        var sighted = before
        sighted.lastSeen = version.lastSeen
        if known == nil || version != sighted || version.lastSeen - before.lastSeen >= Self.sightingNanoseconds {
            try write(version, in: &context)
        }

        var entry = HistoryRecord(.read, event.seen)
        entry.etag = event.etag
        entry.versionID = event.versionID
        entry.offset = event.offset
        entry.byteCount = contribution.byteCount
        entry.gaps = contribution.gapsForHistory
        try note(entry, in: &context)
        try touch(event.name, event.seen, read: joined)
        try finish(context)
    }

    /// Where a version that was only read stands among the others: at the end of the second that Last-Modified names, but
    /// not behind the read. So it is above an upload that was seen in the same second and is not what was served, and
    /// beneath a delete that followed the read.
    private func observedTime(_ event: ReadEvent) -> UInt64 {
        guard let seconds = event.metadata.lastModified.flatMap({ UInt64(exactly: $0) }) else { return event.seen.time }
        let (start, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (end, endOverflows) = start.addingReportingOverflow(999_999_999)
        return overflows || endOverflows ? event.seen.time : min(event.seen.time, end)
    }

    /// The known version that was read, or nil.
    private mutating func target(
        of event: ReadEvent, _ contribution: Contribution, in context: NameContext
    ) throws(CatalogError) -> VersionRecord? {
        if let versionID = event.versionID, let known = try version(context, versionID: versionID),
            known.kind == .object
        {
            return known
        }
        let isVersioned = if case .versionID = VersionTag(versionID: event.versionID, etag: nil) { true } else { false }
        let observedTime = observedTime(event)
        var match: VersionRecord?
        var later: VersionRecord?
        var top: VersionRecord?
        try visitVersions(context) { version in
            let isSame = version.isSame(as: event)
            guard version.time <= event.seen.time else {
                if isSame { later = version }
                return .next
            }
            if isSame {
                match = version
                return .stop
            }
            if top == nil, version.isPresent { top = version }
            return .next
        }
        if let match {
            // The same ETag came back after something else had been there: a version of its own, unless Last-Modified
            // says that an old version was read.
            if let top, !isVersioned, event.metadata.lastModified != nil, observedTime > top.time { return nil }
            return match
        }
        if let top, !isVersioned, try accepts(event, contribution, top) { return top }
        return later
    }

    /// True when a version that was stored or read without an ETag is the one that was read: nothing came in between, size
    /// and Last-Modified agree, and where both have a block at the same place it is the same.
    private func accepts(
        _ event: ReadEvent, _ contribution: Contribution, _ top: VersionRecord
    ) throws(CatalogError) -> Bool {
        guard top.kind == .object, top.etag == nil || event.etag == nil, let size = top.size, size == event.objectSize
        else { return false }
        if let modified = event.metadata.lastModified {
            if let known = top.metadata.lastModified {
                guard known == modified else { return false }
            } else if let seconds = UInt64(exactly: modified) {
                let limit = top.time.addingReportingOverflow(Self.clockSkewNanoseconds)
                guard limit.overflow || seconds <= limit.partialValue / 1_000_000_000 else { return false }
            }
        }
        guard let first = contribution.extents.first, let last = contribution.extents.last else { return true }
        var blocks: [UInt64: Extent] = [:]
        for extent in contribution.extents { blocks[extent.offset] = extent }
        var isSame = true
        try visitExtents(of: top, from: first.offset) { held in
            guard held.offset < last.end else { return .stop }
            if let read = blocks[held.offset], read.length == held.length, read.fingerprint != held.fingerprint {
                isSame = false
            }
            return isSame ? .next : .stop
        }
        return isSame
    }

    /// A version that shows itself by being read.
    private func observed(by event: ReadEvent, in context: NameContext) throws(CatalogError) -> VersionRecord {
        let tag = VersionTag(versionID: event.versionID, etag: event.etag)
        var time = observedTime(event)
        // Two contents of the same second without a name of their own are told apart by the next free nanosecond.
        for _ in 0..<16 {
            guard let taken = try version(context, time, tag) else { break }
            if taken.kind == .object, taken.agrees(withSize: event.objectSize), tag != .none { return taken }
            time += 1
        }
        let id = VersionID(name: event.name, time: time, tag: tag)
        return VersionRecord(id: id, kind: .object, origin: .read, seen: event.seen)
    }
}

extension VersionRecord {
    fileprivate func agrees(withSize size: UInt64?) -> Bool { self.size == nil || size == nil || self.size == size }

    /// True when the cloud's words name this version: the same ETag, and neither version id nor size against it.
    fileprivate func isSame(as event: ReadEvent) -> Bool {
        guard kind == .object, let etag = event.etag, etag == self.etag, agrees(withSize: event.objectSize) else {
            return false
        }
        return versionID == nil || event.versionID == nil || versionID == event.versionID
    }
}
