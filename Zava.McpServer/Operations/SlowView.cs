namespace Zava.McpServer.Operations;

/// <summary>What takes longer to read, or changes seldom: sizes of the stores, audit entries, monitoring views.</summary>
sealed class SlowView(OperationsReader reader, MonitoringView monitoring, TimeProvider time)
{
    public async Task<Html> DrawAsync(Caller caller, CancellationToken cancellationToken)
    {
        var sizes = await reader.ReadSizesAsync(caller, cancellationToken);
        var audit = await reader.ReadAuditAsync(caller, cancellationToken);
        return Html.Of($"""
            <h2>Stores <small class="note">{time.GetUtcNow():HH:mm:ss} UTC, again every 30 s</small></h2>
            {Layout.Table("Stores", ["Store", "Name", "#Products", "#Customers", "#Receipts", "#Embeddings"], sizes.Select(store => (Html[])
            [
                Html.Of($"{store.StoreId}"), Html.Of($"{store.Name}"), Html.Of($"{store.Products:N0}"), Html.Of($"{store.Customers:N0}"),
                Html.Of($"{store.Sales:N0}"), Html.Of($"{store.Embeddings:N0}"),
            ]))}
            <h2>Newest audit entries</h2>
            {Layout.Table("Newest audit entries", ["When (UTC)", "Store", "Table", "Action", "By", "Tool"], audit.Select(entry => (Html[])
            [
                Html.Of($"{entry.At.ToUniversalTime():yyyy-MM-dd HH:mm:ss}"), Html.Of($"{entry.StoreId ?? "–"}"), Html.Of($"{entry.Table}"), Html.Of($"{entry.Action}"),
                Html.Of($"{entry.By}"), Html.Of($"{entry.Tool ?? "–"}"),
            ]))}
            <h2>Monitoring views</h2>
            {await monitoring.DrawAsync(caller, cancellationToken)}
            """);
    }
}
