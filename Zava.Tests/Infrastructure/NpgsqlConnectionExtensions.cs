using Npgsql;

namespace Zava.Tests.Infrastructure;

static class NpgsqlConnectionExtensions
{
    public static async Task<int> ExecuteAsync(this NpgsqlConnection connection, string sql, params object[] parameters)
    {
        await using var command = Command(connection, sql, parameters);
        return await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    public static async Task<object?> ScalarAsync(this NpgsqlConnection connection, string sql, params object[] parameters)
    {
        await using var command = Command(connection, sql, parameters);
        return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Every value of every row, as text.</summary>
    public static async Task<string> ReadAllAsync(this NpgsqlConnection connection, string sql, params object[] parameters)
    {
        await using var command = Command(connection, sql, parameters);
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        var text = new System.Text.StringBuilder();
        do
        {
            while (await reader.ReadAsync(TestContext.Current.CancellationToken))
                for (var column = 0; column < reader.FieldCount; column++)
                    text.Append(reader.GetValue(column)).Append(' ');
        }
        while (await reader.NextResultAsync(TestContext.Current.CancellationToken));
        return text.ToString();
    }

    static NpgsqlCommand Command(NpgsqlConnection connection, string sql, object[] parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var parameter in parameters)
            command.Parameters.Add(new() { Value = parameter });
        return command;
    }
}
