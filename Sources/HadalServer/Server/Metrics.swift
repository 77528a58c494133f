import Hadal
import HadalCore
import HadalServing

/// What `/metrics` says, in the text form of Prometheus.
enum Metrics {
    /// Blocks the thread while models run a step.
    static func text(_ activity: Activity, _ pool: ModelPool) -> String {
        var out = ""
        func family(_ name: String, _ type: String, _ help: String, _ samples: [(labels: String, value: String)]) {
            out += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
            for sample in samples { out += "\(name)\(sample.labels.isEmpty ? "" : "{\(sample.labels)}") \(sample.value)\n" }
        }
        func one(_ name: String, _ type: String, _ help: String, _ value: some CustomStringConvertible) {
            family(name, type, help, [("", "\(value)")])
        }
        let counts = activity.counts
        family(
            "hadal_http_responses_total", "counter", "Responses by status.",
            counts.responses.sorted { $0.key < $1.key }.map { ("status=\"\($0.key)\"", "\($0.value)") })
        one("hadal_answers_total", "counter", "Answers that were given to their end.", counts.answers)
        one("hadal_answers_active", "gauge", "Answers that are worked on.", activity.active)
        one("hadal_disconnects_total", "counter", "Answers whose client went before their end.", counts.disconnects)
        one("hadal_prompt_tokens_total", "counter", "Tokens of prompts.", counts.promptTokens)
        one("hadal_prompt_tokens_cached_total", "counter", "Tokens of prompts that were found in the cache.", counts.cachedTokens)
        one("hadal_generated_tokens_total", "counter", "Tokens of answers.", counts.generatedTokens)
        out += "# HELP hadal_prefill_seconds Time in which prompts were computed.\n# TYPE hadal_prefill_seconds summary\n"
        out += "hadal_prefill_seconds_sum \(counts.firstTokenSeconds)\nhadal_prefill_seconds_count \(counts.firstTokens)\n"
        out += "# HELP hadal_answer_seconds Time of answers, from the request to the end.\n# TYPE hadal_answer_seconds summary\n"
        out += "hadal_answer_seconds_sum \(counts.answerSeconds)\nhadal_answer_seconds_count \(counts.answers)\n"
        one("process_resident_memory_bytes", "gauge", "Resident memory.", ProcessMemory.residentBytes)

        let loaded = pool.names.compactMap { name -> (label: String, model: LoadedModel)? in
            guard case .ready(let model) = pool.state(of: name) else { return nil }
            return ("model=\"\(escaped(name))\"", model)
        }
        func each(_ name: String, _ type: String, _ help: String, _ value: (Scheduler.Status) -> Int) {
            family(name, type, help, loaded.map { ($0.label, "\(value($0.model.scheduler.status))") })
        }
        each("hadal_requests_waiting", "gauge", "Requests that wait to be admitted.", \.waiting)
        each("hadal_requests_running", "gauge", "Requests that are worked on.", \.running)
        each("hadal_steps_total", "counter", "Steps of the model.", \.steps)
        each("hadal_suspensions_total", "counter", "Times that an answer gave its pages to others.", \.suspensions)
        family(
            "hadal_cache_pages", "gauge", "Pages of the cache.",
            loaded.map { ($0.label, "\($0.model.engine.pageCount)") })
        family(
            "hadal_cache_pages_held", "gauge", "Pages of the cache that requests hold.",
            loaded.map { ($0.label, "\($0.model.engine.heldPages)") })
        family(
            "hadal_model_bytes", "gauge", "Bytes that a loaded model takes when its cache is full.",
            loaded.map { ($0.label, "\($0.model.bytes)") })
        return out
    }

    private static func escaped(_ text: String) -> String {
        text.map { $0 == "\\" ? "\\\\" : $0 == "\"" ? "\\\"" : $0 == "\n" ? "\\n" : String($0) }.joined()
    }
}
