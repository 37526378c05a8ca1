internal import Blocks
internal import Cleartext
internal import Dialects
internal import Exchanges
internal import Flows

/// The limits of a front end, or of one of several workers: what bounds all flows together is divided by their number,
/// what bounds one flow is not. Together they hold what one alone would.
struct FrontLimits {
    var flows = FlowLimits()
    var cleartext: CleartextLimits
    var exchanges = ExchangeLimits()
    var dialects: DialectOptions
    var splitter: SplitterLimits

    init(_ parts: FrontEnd.Parts, workers: Int) {
        dialects = parts.dialects
        // What waits for keys was divided where it was set.
        cleartext = parts.keys.limits
        splitter = SplitterLimits(poolCapacity: parts.pool.capacity, splitters: workers)
        guard workers > 1 else { return }
        flows.flowsMax /= workers
        flows.closedFlowsMax /= workers
        flows.bufferedBytesMax /= workers
        flows.flowBufferedBytesMax = min(flows.flowBufferedBytesMax, flows.bufferedBytesMax)
        cleartext.gatherBytes /= workers
        exchanges.openExchangesTotal /= workers
        exchanges.partialBytesTotal /= workers
        exchanges.headerTableBytesTotal /= workers
        exchanges.flows /= workers
        dialects.limits.openExchanges /= workers
        dialects.limits.bodyBytesTotal /= workers
        dialects.limits.bodyBytes = min(dialects.limits.bodyBytes, dialects.limits.bodyBytesTotal)
        splitter.transfersMax /= workers
    }
}
