import Blocks
import Testing

@Suite struct BlockSizeTests {
    @Test(arguments: (12...23).map { 1 << $0 })
    func `powers of two from 4 KiB to 8 MiB are block sizes`(bytes: Int) throws {
        #expect(try BlockSize(bytes: bytes).bytes == bytes)
    }

    @Test(arguments: [0, -4096, 1, 2048, 4095, 4097, 12288, 65537, 16 << 20, Int.max, Int.min])
    func `other numbers are refused with the number in the message`(bytes: Int) {
        let error = #expect(throws: BlocksError.badBlockSize(bytes: bytes)) { try BlockSize(bytes: bytes) }
        #expect("\(error as Any)".contains("\(bytes)"))
    }

    @Test func `the default is 64 KiB`() {
        #expect(BlockSize.standard.bytes == 65536)
        #expect("\(BlockSize.standard)" == "64 KiB")
    }

    @Test func `the next boundary is one to a whole block away`() throws {
        let size = try BlockSize(bytes: 4096)
        #expect(size.bytesToNextBoundary(from: 0) == 4096)
        #expect(size.bytesToNextBoundary(from: 1) == 4095)
        #expect(size.bytesToNextBoundary(from: 4095) == 1)
        #expect(size.bytesToNextBoundary(from: 4096) == 4096)
        #expect(size.bytesToNextBoundary(from: .max) == 1)
    }
}
