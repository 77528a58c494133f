// The embedding API: what `import Hadal` offers, type by type. docs/public-api.md says what that promises.

// Errors, and what loading and planning are told and report.
@_exported public import enum HadalCore.DType
@_exported public import struct HadalCore.HadalError
@_exported public import struct HadalCore.LogSink
@_exported public import enum HadalCore.HadalVersion
@_exported public import struct HadalCore.SourcePlace

// Devices and placement.
@_exported public import struct HadalBackend.DeviceInfo
@_exported public import struct HadalBackend.ExecutableInfo
@_exported public import struct HadalBackend.ExecutionPlan
@_exported public import struct HadalBackend.ExpertStatistics
@_exported public import enum HadalBackend.FallbackPolicy
@_exported public import struct HadalBackend.PlacementRules

// Text.
@_exported public import struct HadalTemplate.TemplateError
@_exported public import struct HadalText.EncoderInput
@_exported public import struct HadalText.IncrementalDetokenizer
@_exported public import enum HadalText.ThinkingMode
@_exported public import class HadalText.Tokenizer
@_exported public import struct HadalText.ToolCall

// Models and plans.
@_exported public import struct HadalEngine.DeviceMemory
@_exported public import struct HadalEngine.EngineOptions
@_exported public import struct HadalEngine.ExpertCosts
@_exported public import struct HadalEngine.LoadPlan
@_exported public import struct HadalEngine.LoadProgress
@_exported public import struct HadalEngine.ModelDescription
@_exported public import struct HadalEngine.SearchPaths
@_exported public import struct HadalEngine.SpeculationOptions

// Engines, sessions, conversations.
@_exported public import struct HadalEngine.ChatMessage
@_exported public import struct HadalEngine.ChatPrompt
@_exported public import struct HadalEngine.ChatReply
@_exported public import struct HadalEngine.ChatRequest
@_exported public import class HadalEngine.Conversation
@_exported public import class HadalEngine.Engine
@_exported public import enum HadalEngine.GenerationEvent
@_exported public import struct HadalEngine.GenerationOptions
@_exported public import struct HadalEngine.GenerationRecommendation
@_exported public import struct HadalEngine.GenerationStream
@_exported public import struct HadalEngine.GenerationSummary
@_exported public import struct HadalEngine.NamedTensor
@_exported public import enum HadalEngine.Reaction
@_exported public import struct HadalEngine.SamplingOptions
@_exported public import class HadalEngine.Session
@_exported public import struct HadalEngine.SpeculationSummary
@_exported public import struct HadalEngine.SuppressedTokens
@_exported public import struct HadalEngine.TextEmbedding
@_exported public import struct HadalEngine.TokenLogProbability
@_exported public import struct HadalEngine.TokenSummary
@_exported public import struct HadalEngine.Tool

// The model store.
@_exported public import struct HadalHub.CatalogueEntry
@_exported public import struct HadalHub.InstalledModel
@_exported public import struct HadalHub.ModelListing
@_exported public import struct HadalHub.ModelStore
@_exported public import struct HadalHub.PullOptions
@_exported public import struct HadalHub.PullProgress
@_exported public import struct HadalHub.RecommendedSampling
