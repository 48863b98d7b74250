using System.CommandLine;
using Npgsql;
using Spectre.Console;
using Zava.Database;

namespace Zava.Seeder;

/// <summary><c>embeddings …</c>: how far the embeddings are, dead letters, and the change of model.</summary>
public static class EmbeddingsCommand
{
    const int Shown = 50;

    /// <param name="openAsync">A data source whose login may become the owner and count, such as <c>zava_maintenance</c>.</param>
    public static Command Create(Func<CancellationToken, Task<NpgsqlDataSource>> openAsync)
    {
        var model = new Argument<string>("model") { Description = "Name of the embedding model, such as text-embedding-3-large" };
        var dimensions = new Argument<int>("dimensions") { Description = "Numbers in a vector of it, 1 to 4000" };
        var store = new Option<string?>("--store") { Description = "Only this store's" };

        var status = new Command("status", "Progress of each model, and dead letters with their reasons");
        status.SetAction((_, cancellationToken) => RunAsync(models => ShowAsync(models, cancellationToken), cancellationToken));
        var requeue = new Command("requeue", "Tries dead letters again") { store };
        requeue.SetAction((parsed, cancellationToken) => RunAsync(async models =>
            Say($"{await models.RequeueAsync(parsed.GetValue(store), cancellationToken)} dead letters are in the queue again."), cancellationToken));
        var add = new Command("add", "Embeds with another model too, while search uses the active one") { model, dimensions };
        add.SetAction((parsed, cancellationToken) => RunAsync(async models =>
        {
            var added = await models.AddAsync(parsed.GetValue(model)!, parsed.GetValue(dimensions), cancellationToken);
            Say($"{added.Model} is {added.State}. A worker with this model (Embeddings:Next) embeds {added.Products - added.Embedded} products; status shows the progress.");
        }, cancellationToken));
        var switchTo = new Command("switch", "Builds the index of a model that is complete and makes search use it") { model };
        switchTo.SetAction((parsed, cancellationToken) => RunAsync(async models =>
        {
            await models.SwitchAsync(parsed.GetValue(model)!, cancellationToken);
            Say($"{parsed.GetValue(model)} is active. The model before stays current: switch to it to go back, or retire it.");
        }, cancellationToken));
        var retire = new Command("retire", "Stops embedding with a model and removes its vectors") { model };
        retire.SetAction((parsed, cancellationToken) => RunAsync(async models =>
            Say($"{parsed.GetValue(model)} is inactive; {await models.RetireAsync(parsed.GetValue(model)!, cancellationToken)} vectors were removed."), cancellationToken));
        return new Command("embeddings", "Embeddings: progress, dead letters, change of model") { status, requeue, add, switchTo, retire };

        async Task<int> RunAsync(Func<EmbeddingModels, Task> work, CancellationToken cancellationToken)
        {
            try
            {
                await using var source = await openAsync(cancellationToken);
                await work(new EmbeddingModels(source));
                return 0;
            }
            catch (Exception expected) when (expected is DatabaseSetupException or InvalidOperationException or NpgsqlException)
            {
                AnsiConsole.MarkupLineInterpolated($"[red]{expected.Message}[/]");
                return expected is DatabaseSetupException ? 1 : 2;
            }
        }
    }

    static void Say(FormattableString line) => AnsiConsole.MarkupLineInterpolated(line);

    static async Task ShowAsync(EmbeddingModels models, CancellationToken cancellationToken)
    {
        var table = new Table().AddColumns("model", "dimensions", "state", "embedded", "waiting", "oldest wait", "dead", "index");
        foreach (var model in await models.StatusAsync(cancellationToken))
            table.AddRow(Markup.Escape(model.Model), $"{model.Dimensions}", model.State, $"{model.Embedded} of {model.Products}", $"{model.Waiting}",
                model.Waiting == 0 ? "" : $"{model.OldestWait:d\\.hh\\:mm\\:ss}", $"{model.Dead}", model.HasIndex ? "yes" : "no");
        AnsiConsole.Write(table);
        var letters = await models.DeadLettersAsync(Shown + 1, cancellationToken);
        foreach (var letter in letters.Take(Shown))
            Say($"Dead since {letter.Since:u}: product {letter.ProductId} of {letter.StoreId}, {letter.Model}: {letter.Reason}");
        if (letters.Count > Shown)
            Say($"… and more.");
    }
}
