internal import Objects
internal import S3

/// Walks the source once before a migration: which buckets there are, and what is to do.
struct MigrationPlanner: Sendable {
    let source: any ReplicationSource
    let target: any ReplicationTarget
    let mapping: BucketMapping
    let options: MigrationOptions

    /// Buckets that hold something, and their live objects.
    func survey() async throws -> [SourceBucket: MigrationReport.Count] {
        var buckets: [SourceBucket: MigrationReport.Count] = [:]
        try await walk { version in
            // A tombstone's bucket is there too: its object may have to be deleted at the target.
            let bucket = SourceBucket(of: version.name)
            var count = buckets[bucket] ?? MigrationReport.Count()
            if !version.isTombstone { count.add(version.size) }
            buckets[bucket] = count
        }
        return buckets
    }

    /// The plan. Without a journal everything counts as to do.
    func plan(journal: Journal?) async throws -> MigrationPlan {
        let buckets = try await survey()
        let resolved = try mapping.resolve(Array(buckets.keys))
        var plan = MigrationPlan()
        plan.buckets = buckets.sorted { $0.key < $1.key }.map { MigrationPlan.Bucket(url: $0.key.url, live: $0.value) }
        var contents: Set<JournalKey> = []
        try await walk { version in
            guard let location = resolved.location(of: version.name) else { return }
            try add(version, at: location, to: &plan, contents: &contents, journal: journal)
        }
        return plan
    }

    private func walk(_ body: (SourceVersion) throws -> Void) async throws {
        var last: ObjectName?
        while true {
            let page: [SourceVersion]
            do {
                page = try await source.versions(after: last, limit: options.pageVersions)
            } catch let error where !(error is CancellationError) {
                throw ReplicationError.source(reason: "\(error)")
            }
            guard let end = page.last?.name else { return }
            for version in page { try body(version) }
            try Task.checkCancellation()
            last = end
        }
    }

    private func add(
        _ version: SourceVersion, at location: TargetLocation, to plan: inout MigrationPlan,
        contents: inout Set<JournalKey>, journal: Journal?
    ) throws {
        if version.isTombstone {
            plan.tombstones += 1
            return
        }
        let size = version.size ?? 0
        let draft = ObjectDraft(location: location, source: version.name, size: size, metadata: version.metadata)
        if let exception = ObjectException(of: version)
            ?? target.objection(to: draft).map({
                ObjectException(.notRepresentable, $0)
            })
        {
            plan.except(version, exception, at: location, options.listedMax)
            return
        }
        plan.objects.add(size)
        if let record = try journal?.object(at: location), record.revision == SourceRevision.of(version) {
            plan.present.add(size)
            if options.verification != .answer { plan.requests += 1 }
            return
        }
        let layout = PartLayout(size: size, sourceParts: version.partSizes, rules: target.rules, options: options)
        let pieces = layout == .whole ? 1 : UInt64(layout.sizes(of: size).count) + 2
        plan.requests += pieces + (options.verification == .answer ? 0 : 1)
        if size > 0, options.copiesAtTarget, let content = version.content {
            let text = ByteText.hex(content.bytes)
            if try !contents.insert(JournalKey(content: text)).inserted || journal?.object(content: text) != nil {
                plan.toCopy.add(size)
                return
            }
        }
        plan.toSend.add(size)
    }
}
