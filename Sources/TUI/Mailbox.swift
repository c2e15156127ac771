// Mailbox: what other threads have to say to the main loop, in order.

import Synchronization

/// A queue of messages. Posting wakes the main loop.
final class Mailbox: Sendable {
    private let messages = Mutex<[Message]>([])

    /// Adds a message; events of one session join those that still wait, so that a busy engine fills one message.
    func post(_ message: Message) {
        messages.withLock { waiting in
            if case .feed(let opening, .events(let new)) = message, case .feed(opening, .events(var old)) = waiting.last
            {
                // Out of the queue first, so that the events are appended in place.
                waiting.removeLast()
                old += new
                waiting.append(.feed(opening: opening, .events(old)))
            } else {
                waiting.append(message)
            }
        }
        Terminal.wake()
    }

    /// Takes all that waits.
    func takeAll() -> [Message] {
        messages.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
    }
}
