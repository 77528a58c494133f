// What `import HadalServing` offers, beside `import Hadal`: many requests on one engine.

@_exported public import struct HadalEngine.GenerationRequest
@_exported public import struct HadalEngine.ScheduledGeneration
@_exported public import class HadalEngine.Scheduler
