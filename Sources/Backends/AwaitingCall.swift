internal import Dispatch
internal import S3
internal import Storage
internal import Synchronization

/// Lets a thread that may block wait for what tasks do.
///
/// The task is detached, so that it takes neither the executor nor the priority of a task that the thread may be serving,
/// and runs on threads of its own: it gets on even where every thread of the cooperative pool waits.
enum AwaitingCall {
    static func result<Value: Sendable>(
        _ operation: String, _ place: String, _ body: @escaping @Sendable () async throws -> Value
    ) throws(StorageError) -> Value {
        let slot = Slot<Value>()
        Task.detached(executorPreference: CallThreads.shared) {
            do {
                let value = try await body()
                slot.value.withLock { $0 = .success(value) }
            } catch {
                let words = Self.error(error, operation, place)
                slot.value.withLock { $0 = .failure(words) }
            }
            slot.done.signal()
        }
        slot.done.wait()
        guard let result = slot.value.withLock({ $0 }) else {
            throw .medium(operation: operation, place: place, reason: "it ended without a word", isPassing: true)
        }
        return try result.get()
    }

    private final class Slot<Value: Sendable>: Sendable {
        let value = Mutex<Result<Value, StorageError>?>(nil)
        let done = DispatchSemaphore(value: 0)
    }

    private static func error(_ error: any Error, _ operation: String, _ place: String) -> StorageError {
        if let known = error as? StorageError { return known }
        guard let failure = error as? TargetFailure else {
            return .medium(operation: operation, place: place, reason: String(describing: error), isPassing: true)
        }
        let isPassing: Bool
        switch failure.kind {
        case .unreachable, .throttled, .serverFailure, .corrupted, .malformedAnswer, .full, .changed: isPassing = true
        default: isPassing = false
        }
        return .medium(operation: operation, place: place, reason: failure.description, isPassing: isPassing)
    }
}
