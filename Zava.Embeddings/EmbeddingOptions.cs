using System.ComponentModel.DataAnnotations;

namespace Zava.Embeddings;

/// <summary>Which embedding model the application uses: the section <c>Embeddings</c> of the configuration.</summary>
public sealed class EmbeddingOptions : IValidatableObject
{
    public const string Section = "Embeddings";

    /// <summary><c>local</c>, a model that is part of the program, or <c>openai</c>, any service with the OpenAI protocol.</summary>
    [Required, AllowedValues("local", "openai", ErrorMessage = "Embeddings:Provider must be local or openai.")]
    public string Provider { get; set; } = "local";

    public OpenAIOptions OpenAI { get; set; } = new();

    /// <summary>The model that these settings name.</summary>
    internal EmbeddingModel Model => Provider == "openai"
        ? new(OpenAI.Model, OpenAI.Dimensions)
        : new(UniversalSentenceEncoder.ModelId, UniversalSentenceEncoder.Dimensions);

    /// <summary>A model to change to, configured like this one; both are embedded with, and search uses the active one.</summary>
    public EmbeddingOptions? Next { get; set; }

    public sealed class OpenAIOptions
    {
        public string? ApiKey { get; set; }

        /// <summary>Where the service is when it is not OpenAI's own, such as https://NAME.openai.azure.com/openai/v1/.</summary>
        public Uri? Endpoint { get; set; }

        public string Model { get; set; } = "text-embedding-3-small";

        /// <summary>Numbers in a vector of the model.</summary>
        public int Dimensions { get; set; } = 1536;
    }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Next is not null)
        {
            var wrong = new List<ValidationResult>();
            Validator.TryValidateObject(Next, new(Next), wrong, validateAllProperties: true);
            foreach (var result in wrong)
                yield return new($"Embeddings:Next: {result.ErrorMessage}");
            if (Next.Next is not null)
                yield return new("Embeddings:Next:Next is one too many: a model is changed to one other.");
            if (Next.Model == Model)
                yield return new($"Embeddings:Next names the model '{Model.Name}', which is the one that it should follow.");
        }
        if (Provider != "openai")
            yield break;
        if (string.IsNullOrWhiteSpace(OpenAI.ApiKey))
            yield return new("Embeddings:OpenAI:ApiKey is not set, and Embeddings:Provider is openai.");
        if (OpenAI.Endpoint is { IsAbsoluteUri: false } or { Scheme: not ("http" or "https") })
            yield return new("Embeddings:OpenAI:Endpoint must be an absolute http or https address.");
        if (string.IsNullOrWhiteSpace(OpenAI.Model) || OpenAI.Model.Length > 100)
            yield return new("Embeddings:OpenAI:Model must have 1 to 100 characters.");
        if (OpenAI.Dimensions is < 1 or > 4000)
            yield return new("Embeddings:OpenAI:Dimensions must be from 1 to 4000.");
    }
}
