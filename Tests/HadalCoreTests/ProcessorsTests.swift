import HadalCore
import Testing

@Suite struct ProcessorsTests {
    @Test func thereIsAProcessor() {
        #expect(Processors.usable >= 1)
        #expect(!Processors.modelName.isEmpty)
    }
}
