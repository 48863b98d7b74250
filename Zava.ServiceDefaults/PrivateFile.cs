namespace Zava.ServiceDefaults;

/// <summary>Files that hold secrets of a developer's machine.</summary>
public static class PrivateFile
{
    /// <summary>Writes a file that only its owner may read, from its first byte on; replaces one that is there.</summary>
    public static void Write(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var draft = $"{path}.{Path.GetRandomFileName()}";
        using (var writer = new StreamWriter(draft, options))
            writer.Write(text);
        File.Move(draft, path, overwrite: true);
    }
}
