/// The embedding API: import this module and nothing else.
@_exported import HadalArchitecture
@_exported import HadalBackend
@_exported import HadalConformance
@_exported import HadalCore
@_exported import HadalEngine
@_exported import HadalFormats
@_exported import HadalGraph
@_exported import HadalHub
@_exported import HadalKernelTools
@_exported import HadalQuantization
@_exported import HadalSynthesis
@_exported import HadalTemplate
@_exported import HadalText
