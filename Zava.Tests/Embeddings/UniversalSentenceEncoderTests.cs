using System.Numerics.Tensors;
using Microsoft.Extensions.AI;
using Zava.Embeddings;
using static Zava.Tests.Embeddings.LocalModel;

namespace Zava.Tests.Embeddings;

public sealed class UniversalSentenceEncoderTests(LocalModel model) : IClassFixture<LocalModel>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_golden_text_gets_the_vector_of_the_original_implementation()
    {
        var vectors = await model.Embed(GoldenVector.All.Select(golden => golden.Text));

        Assert.All(GoldenVector.All.Zip(vectors), pair =>
            Assert.InRange(Cosine(pair.First.Vector, pair.Second), .9999f, 1.0001f));
    }

    [Fact]
    public async Task Every_vector_has_512_dimensions_and_length_one()
    {
        var vectors = await model.Embed(GoldenVector.All.Select(golden => golden.Text));

        Assert.All(vectors, vector =>
        {
            Assert.Equal(UniversalSentenceEncoder.Dimensions, vector.Length);
            Assert.Equal(1, TensorPrimitives.Norm(vector), 1e-5f);
        });
    }

    [Fact]
    public async Task A_batch_answers_like_its_texts_one_by_one_and_in_their_order()
    {
        string[] texts = [.. GoldenVector.All.Select(golden => golden.Text).Reverse()];
        var together = await model.Embed(texts);

        for (var index = 0; index < texts.Length; index++)
        {
            var alone = await model.Embed(texts[index]);
            Assert.InRange(Cosine(alone[0], together[index]), .99999f, 1.00001f);
        }
    }

    [Fact]
    public async Task Concurrent_callers_get_their_own_answers()
    {
        var expected = await model.Embed(GoldenVector.All.Select(golden => golden.Text));

        await Parallel.ForAsync(0, GoldenVector.All.Count, Cancellation, async (index, _) =>
        {
            var vectors = await model.Embed(GoldenVector.All[index].Text);
            Assert.InRange(Cosine(expected[index], vectors[0]), .99999f, 1.00001f);
        });
    }

    [Fact]
    public async Task A_text_is_cut_at_128_pieces()
    {
        var text = string.Join(' ', Enumerable.Repeat("word", 128));
        var vectors = await model.Embed(text, text + " and a garden hose", text[..^5]);

        Assert.InRange(Cosine(vectors[0], vectors[1]), .999999f, 1.000001f);
        Assert.True(Cosine(vectors[0], vectors[2]) < .999999f, "The 128th piece should still count.");
    }

    [Fact]
    public async Task A_query_is_nearer_to_the_product_it_describes_without_sharing_a_word()
    {
        var vectors = await model.Embed(
            "something to keep my coffee hot on the train", "insulated travel mug", "garden hose");

        Assert.True(Cosine(vectors[0], vectors[1]) > Cosine(vectors[0], vectors[2]) + .1f);
    }

    [Fact]
    public async Task Case_width_and_white_space_do_not_matter()
    {
        var vectors = await model.Embed(
            "insulated travel mug", "  INSULATED\r\n\tTravel  Mug ", "ｉｎｓｕｌａｔｅｄ　ｔｒａｖｅｌ　ｍｕｇ");

        Assert.All(vectors, vector => Assert.InRange(Cosine(vectors[0], vector), .999999f, 1.000001f));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("\t\r\n\u00a0\u3000")]
    public async Task A_text_with_nothing_to_read_gets_one_constant_unit_vector(string text)
    {
        var vectors = await model.Embed(text, "");

        Assert.Equal(1, TensorPrimitives.Norm(vectors[0]), 1e-5f);
        Assert.Equal(vectors[1], vectors[0]);
    }

    [Fact]
    public async Task Half_of_a_surrogate_pair_is_an_unknown_character_and_not_an_error()
    {
        var vectors = await model.Embed("gift \ud83c for mum", "gift \ufffd for mum");

        Assert.InRange(Cosine(vectors[0], vectors[1]), .999999f, 1.000001f);
    }

    [Fact]
    public async Task No_texts_give_no_embeddings() => Assert.Empty(await model.Embed());

    [Fact]
    public async Task Usage_counts_the_pieces_that_were_read()
    {
        var embeddings = await model.Encoder.GenerateAsync(
            GoldenVector.All.Select(golden => golden.Text), cancellationToken: Cancellation);

        Assert.Equal(GoldenVector.All.Sum(golden => Math.Min(golden.Pieces, 128)), embeddings.Usage?.InputTokenCount);
    }

    [Fact]
    public async Task A_cancelled_call_stops_between_batches()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var text = string.Join(' ', Enumerable.Repeat("word", 128));
        // Less than a second goes by until the last text is in pieces, and many pass before the last batch.
        var manyBatches = model.Encoder.GenerateAsync(Enumerable.Repeat(text, 2_000), cancellationToken: stop.Token);

        stop.CancelAfter(TimeSpan.FromSeconds(1));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => manyBatches);
    }

    [Fact]
    public async Task A_null_text_is_refused_and_named()
    {
        var problem = await Assert.ThrowsAsync<ArgumentException>(
            () => model.Encoder.GenerateAsync(["a", null!], cancellationToken: Cancellation));

        Assert.Contains("Text 1 is null", problem.Message);
        await Assert.ThrowsAsync<ArgumentNullException>(
            () => model.Encoder.GenerateAsync(null!, cancellationToken: Cancellation));
    }

    [Fact]
    public async Task Other_dimensions_or_another_model_are_refused()
    {
        EmbeddingGenerationOptions[] others =
            [new() { Dimensions = 256 }, new() { ModelId = "text-embedding-3-small" }];

        foreach (var other in others)
        {
            await Assert.ThrowsAsync<ArgumentException>(
                () => model.Encoder.GenerateAsync(["a"], other, Cancellation));
        }
    }

    [Fact]
    public void A_missing_model_file_is_named()
    {
        var nowhere = Path.Combine(Path.GetTempPath(), "no-model-here");
        var problem = Assert.Throws<FileNotFoundException>(
            () => new UniversalSentenceEncoder(new() { ModelDirectory = nowhere }));

        Assert.Contains(nowhere, problem.Message);
    }

    [Fact]
    public void Metadata_names_provider_model_and_dimensions()
    {
        var metadata = model.Encoder.GetService<EmbeddingGeneratorMetadata>();

        Assert.NotNull(metadata);
        Assert.Equal("local", metadata.ProviderName);
        Assert.Null(metadata.ProviderUri);
        Assert.Equal("universal-sentence-encoder-lite", metadata.DefaultModelId);
        Assert.Equal(512, metadata.DefaultModelDimensions);
    }

    [Fact]
    public async Task A_disposed_encoder_says_so()
    {
        var encoder = new UniversalSentenceEncoder();
        encoder.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(
            () => encoder.GenerateAsync(["a"], cancellationToken: Cancellation));
    }

    [Fact]
    public async Task Disposing_during_a_call_ends_the_call_and_not_the_process()
    {
        var encoder = new UniversalSentenceEncoder();
        var calls = Enumerable.Range(0, 4).Select(_ => encoder.GenerateAsync(
            Enumerable.Repeat("an insulated mug for the train", 20_000), cancellationToken: TestContext.Current.CancellationToken)).ToList();
        await Task.Delay(100, TestContext.Current.CancellationToken);
        encoder.Dispose();
        foreach (var call in calls)
            await Assert.ThrowsAsync<ObjectDisposedException>(() => call);
    }
}
