namespace Zava.Seeder.SampleData;

/// <summary>Picks items in proportion to their weights, in logarithmic time.</summary>
sealed class WeightedList<T>
{
    readonly T[] _items;
    readonly double[] _upTo;

    public WeightedList(IReadOnlyList<T> items, Func<T, double> weight)
    {
        (_items, _upTo) = ([.. items], new double[items.Count]);
        var sum = 0.0;
        for (var index = 0; index < _items.Length; index++)
            _upTo[index] = sum += weight(_items[index]);
    }

    public T Pick(SampleRandom random) => PickAmongFirst(random, _items.Length);

    public T PickAmongFirst(SampleRandom random, int count)
    {
        var at = Array.BinarySearch(_upTo, 0, count, random.Source.NextDouble() * _upTo[count - 1]);
        return _items[Math.Min(at >= 0 ? at : ~at, count - 1)];
    }
}
