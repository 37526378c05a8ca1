import Encryption
import Foundation
import Testing

@testable import Catalog

@Suite struct CatalogProtectionTests {
    private let vault = [UInt8](repeating: 3, count: 16)

    @Test func `a row's code fits its table, key and value, and no other`() throws {
        let protection = try #require(try CatalogProtection(VaultKeys.random(vault: vault)))
        var hash = try protection.makeRowHash()
        let (key, value): ([UInt8], [UInt8]) = (Array("name".utf8), Array("value".utf8))
        let row = try hash.protect(value, key: key, .names)
        #expect(try hash.check(row, key: key, .names) == value)
        #expect(try hash.check(row, key: key, .versions) == nil)
        #expect(try hash.check(row, key: key + [0], .names) == nil)
        #expect(try hash.check(row, key: Array("nam".utf8), .names) == nil)
        for place in row.indices {
            var bad = row
            bad[place] ^= 1
            #expect(try hash.check(bad, key: key, .names) == nil)
            #expect(try hash.check(Array(row[..<place]), key: key, .names) == nil)
        }
        var other = try #require(try CatalogProtection(VaultKeys.random(vault: vault))).makeRowHash()
        #expect(try other.check(row, key: key, .names) == nil)
    }

    @Test func `a catalog opens with its key only, and shows nothing in its files`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "oxbow-catalog-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let keys = try VaultKeys.random(vault: vault)
        let canary = Array("canary in a row of the catalog".utf8)
        do {
            let catalog = try RocksCatalog(path: folder, mode: .create, protection: CatalogProtection(keys))
            try catalog.commit(
                [CatalogMutation(table: .names, key: canary, value: canary)], index: [], checkpoint: nil)
            try catalog.synchronize()
        }
        do {
            let catalog = try RocksCatalog(path: folder, mode: .readOnly, protection: CatalogProtection(keys))
            #expect(try catalog.value(of: canary, in: .names) == canary)
            var rows = 0
            try catalog.scan(.names, prefix: [], from: nil) { (key, value) throws(CatalogError) in
                rows += key == canary && value == canary ? 1 : 0
                return .next
            }
            #expect(rows == 1)
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
            #expect(bytes.range(of: Data(canary)) == nil && bytes.range(of: Data("leveldb".utf8)) == nil, "\(name)")
        }
        let strangers = try VaultKeys.random(vault: vault)
        #expect(throws: CatalogError.self) {
            try RocksCatalog(path: folder, mode: .readOnly, protection: CatalogProtection(strangers))
        }
        #expect(throws: CatalogError.self) { try RocksCatalog(path: folder, mode: .readOnly) }
    }
}
