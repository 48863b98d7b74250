using System.Net;
using System.Net.Sockets;

namespace Zava.Standalone;

/// <summary>TCP ports of this machine's loopback.</summary>
public static class LoopbackPort
{
    /// <summary>One that nobody listens on; who takes it first has it.</summary>
    public static int Free()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Whether nobody listens on a port.</summary>
    public static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
