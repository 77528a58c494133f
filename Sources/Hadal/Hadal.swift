@_exported import HadalCore
