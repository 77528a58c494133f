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
            let prompt = try session.engine.withKnownAnswers(session.engine.chatPrompt(request), session.cacheUse)
            run = try GenerationRun(session, from: .chat(prompt), options: options)
        } catch {
            conversation.end(question: question, answer: nil)
            throw error
        }
    }

    var session: Session { conversation.session }
    var reply: ChatReply { run.reply }

    func proceed() throws -> GenerationProgress {
        guard !isOver else { return .over }
        do {
            let progress = try run.proceed()
            if case .over = progress { end(with: run.reply.message) }
            return progress
        } catch {
            end(with: nil)
            throw error
        }
    }

    func accept(_ part: StepPart, logits: UnsafePointer<Float>) { run.accept(part, logits: logits) }

    func fail(_ error: any Error) throws {
        do { try run.fail(error) } catch {
            end(with: nil)
            throw error
        }
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
