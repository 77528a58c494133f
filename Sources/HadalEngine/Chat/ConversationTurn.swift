/// One turn of a conversation: a question, unless the messages are answered as they are, and the reply to it.
final class ConversationTurn: SteppedGeneration {
    private let conversation: Conversation
    private let question: String?
    private let run: GenerationRun
    private var isOver = false

    /// - Throws: as `Engine.chatPrompt` and `Session.reply`, and `invalidArgument` while another turn is going on.
    init(_ conversation: Conversation, question: String?, options: GenerationOptions) throws {
        self.conversation = conversation
        self.question = question
        let session = conversation.session
        let request = try conversation.begin(question)
        do {
            run = try GenerationRun(session, from: .chat(try session.engine.chatPrompt(request)), options: options)
        } catch {
            conversation.end(question: question, answer: nil)
            throw error
        }
    }

    var session: Session { conversation.session }
    var reply: ChatReply { run.reply }

    func advance() throws -> [GenerationEvent]? {
        guard !isOver else { return nil }
        do {
            if let events = try run.advance() { return events }
        } catch {
            end(with: nil)
            throw error
        }
        end(with: run.reply.message)
        return nil
    }

    func stop() { run.stop() }

    func abandon() {
        run.abandon()
        end(with: nil)
    }

    func leave() { end(with: run.hasBegun ? run.cutShort() : nil) }

    private func end(with answer: ChatMessage?) {
        guard !isOver else { return }
        isOver = true
        conversation.end(question: question, answer: answer)
    }
}
