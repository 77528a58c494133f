import HadalCore
