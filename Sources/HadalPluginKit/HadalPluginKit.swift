// What a backend written in Swift is made of. An application that brings its own backend imports this beside `Hadal`.

// The structs of the plugin ABI, which steps and the exported function are made of.
@_exported public import CHadalPlugin

@_exported public import enum HadalCore.DType
@_exported public import struct HadalCore.HadalError
@_exported public import struct HadalCore.LogSink
@_exported public import struct HadalCore.OptionSpec
@_exported public import enum HadalCore.OptionValue
@_exported public import struct HadalCore.SourcePlace

@_exported public import enum HadalGraph.Attribute
@_exported public import enum HadalGraph.Dim
@_exported public import struct HadalGraph.Graph

@_exported public import protocol HadalBackend.Backend
@_exported public import struct HadalBackend.BackendCapabilities
@_exported public import protocol HadalBackend.Buffer
@_exported public import struct HadalBackend.CheckedStep
@_exported public import protocol HadalBackend.Device
@_exported public import struct HadalBackend.DeviceInfo
@_exported public import struct HadalBackend.DeviceRates
@_exported public import protocol HadalBackend.Executable
@_exported public import struct HadalBackend.ExecutableInfo
@_exported public import struct HadalBackend.Execution
@_exported public import struct HadalBackend.ExpertStatistics
@_exported public import class HadalBackend.HostBuffer
@_exported public import struct HadalBackend.Segment
@_exported public import class HadalBackend.StepValidator
@_exported public import enum HadalBackend.WellKnownOption

@_exported public import enum HadalFormats.BlockCodec
