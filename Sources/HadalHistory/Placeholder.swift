import GRDB
import HadalCore
