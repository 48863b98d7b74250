using System.Diagnostics;
using System.Globalization;

namespace Zava.Benchmarks.Calls;

/// <summary>A process that is measured from outside, through /proc.</summary>
sealed class MeasuredProcess : IDisposable
{
    // USER_HZ of Linux, in which /proc counts.
    const double TicksPerSecond = 100;

    readonly Process _process;

    public MeasuredProcess(string program, IEnumerable<string> arguments, string? folder = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? "",
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        Started = Stopwatch.GetTimestamp();
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) => Said = line.Data ?? Said;
        _process.BeginErrorReadLine();
    }

    /// <summary>This program again, with one of its hidden commands.</summary>
    public static MeasuredProcess OfThis(params string[] arguments) => new("dotnet", ["exec", typeof(MeasuredProcess).Assembly.Location, .. arguments]);

    public long Started { get; }

    /// <summary>The last line that it wrote to standard error.</summary>
    public string Said { get; private set; } = "";

    public bool HasExited => _process.HasExited;

    public StreamWriter Input => _process.StandardInput;

    public StreamReader Output => _process.StandardOutput;

    /// <summary>Throws away what it writes to standard output, so that it never waits for a reader.</summary>
    public MeasuredProcess Quiet()
    {
        _process.BeginOutputReadLine();
        return this;
    }

    /// <summary>Seconds of processor time, user and system.</summary>
    public double CpuSeconds => CpuSecondsOf(_process.Id);

    /// <summary>Resident memory, in MB.</summary>
    public double ResidentMegabytes => long.Parse(
        File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).AsSpan(6).Trim().TrimEnd(" kB"), CultureInfo.InvariantCulture) / 1e3;

    /// <summary>Processor time of a process and of all that it has started, ended ones included.</summary>
    public static double CpuSecondsOfFamily(int parent) => CpuSecondsOf(parent, ended: true) + Directory.EnumerateDirectories("/proc")
        .Select(folder => int.TryParse(Path.GetFileName(folder), out var id) ? id : 0)
        .Where(id => id > 0 && Fields(id) is { Length: > 1 } fields && fields[1] == parent.ToString(CultureInfo.InvariantCulture))
        .Sum(id => CpuSecondsOf(id));

    // utime, stime and, of children that have ended, cutime and cstime.
    static double CpuSecondsOf(int id, bool ended = false) => Fields(id) is { Length: > 14 } fields
        ? fields[11..(ended ? 15 : 13)].Sum(ticks => double.Parse(ticks, CultureInfo.InvariantCulture)) / TicksPerSecond
        : 0;

    // From the third field on, state: the second, the name, may contain anything.
    static string[] Fields(int id)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{id}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
    }
}
