using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Zava.McpServer.Identity;

namespace Zava.McpServer.Operations;

/// <summary>Exchanges the code of <see cref="SignInLink"/> for a cookie, in Development.</summary>
static class SignInPage
{
    public const string Scheme = "operations";

    public static readonly TimeSpan CookieLifetime = TimeSpan.FromHours(1);

    // Who the page shows the whole chain to, and no more than the page needs.
    static readonly Claim[] Operator =
    [
        new("sub", "operator@zava.example"), new(Caller.StoresClaim, "*"), new("scope", $"{Scopes.OpsRead} {Scopes.CatalogRead}"),
    ];

    public static IResult Show(SignInLink link)
    {
        link.Announce();
        return Layout.Page("Sign in", Form(problem: null), "sign-in.js");
    }

    public static async Task<IResult> SignInAsync(HttpContext context, SignInLink link)
    {
        if (await context.ReadFormAsync() is not { } form || !link.Redeem(form["code"].ToString()))
        {
            link.Announce();
            return Layout.Page("Sign in", Form("This link was used, or is too old. Take the newest that the server has printed."), script: null, StatusCodes.Status403Forbidden);
        }
        await context.SignInAsync(Scheme, new ClaimsPrincipal(new ClaimsIdentity(Operator, Scheme, "sub", null)));
        return Results.Redirect("/");
    }

    static Html Form(string? problem) => Html.Of($"""
        <header><h1>Zava operations</h1></header>
        <main>
        <p>{problem ?? "The server prints a link where it runs (in the terminal of ./zava up, or the console log of mcp-server). Open it, or paste its code:"}</p>
        <form method="post" action="{SignInLink.Path}">
        <label>Code of the link<input type="password" name="code" autocomplete="off" maxlength="100" required></label>
        <button>Sign in</button>
        </form>
        </main>
        """);
}
