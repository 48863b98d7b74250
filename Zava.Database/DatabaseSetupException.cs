namespace Zava.Database;

/// <summary>The database cannot be set up or used as it is; the message is one sentence that says what to do.</summary>
public sealed class DatabaseSetupException(string message, Exception? cause = null) : Exception(message, cause);
