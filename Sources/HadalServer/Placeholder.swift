import Hummingbird
import HadalCore
