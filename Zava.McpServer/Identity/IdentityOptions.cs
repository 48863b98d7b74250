namespace Zava.McpServer.Identity;

/// <summary>Whom the server believes: the section <c>Identity</c> of the configuration.</summary>
public sealed class IdentityOptions
{
    public const string Section = "Identity";

    /// <summary>
    /// The OpenID Connect issuer of the tokens, such as https://login.microsoftonline.com/TENANT/v2.0. In Development it
    /// may be left out: the server then makes tokens for its <see cref="Persona"/>s itself.
    /// </summary>
    public string? Authority { get; set; }

    /// <summary>The audience that tokens must name; required with an authority.</summary>
    public string? Audience { get; set; }

    /// <summary>The address by which clients reach the server, when it is not the one it listens on.</summary>
    public Uri? PublicUrl { get; set; }

    /// <summary>Origins of pages that may call the server from a browser, besides its own.</summary>
    public Uri[] AllowedOrigins { get; set; } = [];

    /// <summary>Where development keys and tokens are kept; by default .zava beside Zava.sln.</summary>
    public string? DevelopmentFolder { get; set; }
}
