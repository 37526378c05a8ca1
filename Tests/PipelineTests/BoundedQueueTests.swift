import Testing

@testable import Pipeline

@Suite struct `A bounded queue` {
    @Test func `hands over in order between threads and waits when it is full`() {
        let queue = BoundedQueue<Int>(capacity: 3)
        let thread = WorkerThread(name: "producer") {
            for number in 0..<10_000 { queue.push(number) }
            queue.close()
        }
        var received: [Int] = []
        while let number = queue.pop() { received.append(number) }
        thread.join()
        #expect(received == Array(0..<10_000))
    }

    @Test func `refuses when it is full or closed`() {
        let queue = BoundedQueue<Int>(capacity: 2)
        #expect(queue.offer(1))
        #expect(queue.offer(2))
        #expect(!queue.offer(3))
        queue.close()
        #expect(!queue.push(4))
        #expect(queue.pop() == 1)
        #expect(queue.tryPop() == 2)
        #expect(queue.pop() == nil)
    }
}
