"""Growing decision trees on bytes and predicting with them, compiled with Numba.

The matrix is stored by column, (features, rows) uint8: a column of the study's 11,187 training
rows is 11 KB and fits into the first-level cache, so loading columns is what costs. All trees of a
batch therefore grow together, level by level: each open node draws its candidate columns, the draws
are sorted by column, and one pass over the matrix, in memory or memory-mapped, serves all nodes of
all trees. Threads take blocks of columns in turn.

Within a column, a node's rows are counted in a histogram of all 256 values, so splits are exact;
the few rows of a small node are sorted instead. A coarser histogram gives an upper bound on the
gain and rules out most columns first. (A sibling's histogram cannot be derived by subtraction:
siblings draw different columns.) The side to which a node's best split sends each row is stored, so
that partitioning the rows does not read the matrix again.

A node's draws depend on the seed, its tree and its number in the tree. Of equal gains, the column
drawn first wins. A tree therefore depends only on the data, the parameters, the seed and its index.
"""

import logging
from collections import namedtuple
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# An entry is a row of a node in 32 bits: its number, its class (of two), how often it was drawn.
ROW_BITS, CLASS_BIT, COUNT_SHIFT = 21, 21, 22
MAX_ROWS = 1 << ROW_BITS
ROW_MASK = np.uint32(MAX_ROWS - 1)
# A bin of two classes is 64 bits: the number of rows, and how often each class was drawn.
FIELD = np.uint64(21)
FIELD_MASK = np.uint64((1 << 21) - 1)
ROWS_SHIFT = np.uint64(42)
ONE_ROW = np.uint64(1 << 42)

# Sizes of nodes, in rows, up to which a method is the fastest, as measured
MAX_SORTED = 20  # sort the rows
MAX_LISTED = 200  # list the non-empty bins
MAX_COARSE = 160  # try coarse bins first, from MIN_COARSE rows on
MIN_COARSE = 9
COARSE_BINS = 32
NO_GAIN = -1.0
CACHE_LINE = 64  # bytes
BLOCK_COLUMNS = 1024  # that a thread takes at a time
MAX_DRAWS = 1 << 24  # per pass; bounds its memory
MAX_STATE = 1 << 26  # bytes for the rows of the trees that grow together

NODE = np.dtype(
    [
        ("key", np.uint64),  # of its random draws
        ("start", np.int64),  # its rows in the bag
        ("stop", np.int64),
        ("out_start", np.int64),  # its out-of-bag rows
        ("out_stop", np.int64),
        ("tree", np.int32),
        ("number", np.int32),
    ],
    align=True,
)
SPLIT = np.dtype(
    [
        ("gain", np.float64),
        ("rank", np.int32),  # position of the column among the node's draws
        ("feature", np.int32),  # -1: none
        ("threshold", np.int32),
        ("thread", np.int16),  # that stored the sides
        ("varies", np.bool_),  # whether any drawn column does
    ],
    align=True,
)


class Data(NamedTuple):
    """The training data.

    `columns` (features, rows) uint8; `codes` (rows,) int32, the class of each row; `weights`
    (rows,) float64, or empty if all are 1; `factors` (classes,) float64, the class weights;
    `units` (rows,) int64: rows of one unit are drawn into the bag together, or not at all.
    """

    columns: np.ndarray
    codes: np.ndarray
    weights: np.ndarray
    factors: np.ndarray
    units: np.ndarray


class TreeParams(NamedTuple):
    """How trees grow; see `PixelForestClassifier`."""

    seed: int
    bootstrap: bool
    max_features: int
    max_depth: int
    min_samples_split: int
    min_samples_leaf: int
    entropy: bool
    random_thresholds: bool


class Trees(NamedTuple):
    """Trees as flat arrays; the nodes of tree t are those from `offsets[t]` to `offsets[t + 1]`.

    A tree's nodes are numbered from its root, level by level. Rows whose `feature` is at most
    `threshold` go to node `left` of the tree, the others to `left + 1`; `left` is 0 in a leaf.
    `weights` (nodes, classes) is the weight of each class in a node. `oob_leaves` (trees, rows)
    int32 is the leaf of each out-of-bag row, and -1 for rows in the bag.
    """

    offsets: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    weights: np.ndarray
    oob_leaves: np.ndarray


class _Bag(NamedTuple):
    """The rows of all open nodes of a batch: in the bag and out of it, and the side of its node's
    best split that each is on, per thread."""

    entries: np.ndarray
    out: np.ndarray
    sides: np.ndarray
    out_sides: np.ndarray


_Scratch = namedtuple("_Scratch", "bins coarse_bins occupied keys values sums gains class_bins")


def _make_scratch(n_classes: int) -> _Scratch:
    """The buffers of one thread."""
    return _Scratch(
        bins=np.zeros(256, np.uint64),
        coarse_bins=np.zeros((4, COARSE_BINS), np.uint64),
        occupied=np.zeros(256, np.uint8),
        keys=np.empty(MAX_SORTED, np.uint64),
        values=np.empty(256, np.uint8),
        sums=np.empty(256, np.uint64),
        gains=np.empty(256),
        class_bins=np.empty((257, n_classes)),
    )


def _compile(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator that compiles, and caches the code on disk if a folder for it is writable."""

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
            _warn_not_cached()
            return njit(**options)(function)

    return decorate


@cache
def _warn_not_cached() -> None:
    logging.warning(
        "Compiled code cannot be cached, because neither the code's folder nor the home folder is "
        "writable: each job compiles it again, which takes up to half a minute. Set "
        "NUMBA_CACHE_DIR to a writable folder to avoid this."
    )


# Counting references to arrays costs a tenth of the time: only functions that allocate need it.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
allocating: Any = _compile(**OPTIONS)
compiled: Any = _compile(**OPTIONS, _nrt=False)


@intrinsic
def _trailing_zeros(_: Any, number: Any = None) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@intrinsic
def _prefetch(_: Any, array: Any = None, index: Any = None) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        address = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(8).as_pointer())
        integer = ir.IntType(32)
        signature_type = ir.FunctionType(ir.VoidType(), [address.type, *[integer] * 3])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [address.type], signature_type)
        builder.call(fetch, [address, *(ir.Constant(integer, v) for v in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


# Random numbers: splitmix64 (Steele, Lea, Flood 2014), as a function of a key and a counter


@compiled
def _mix(key, counter):
    z = np.uint64(key) + (np.uint64(counter) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled
def _random_below(key, counter, bound):
    """A number from 0 to bound - 1, for bounds far below 2**32."""
    return np.int64(((_mix(key, counter) >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32))


@allocating
def _draw_units(key, n_units):
    """How often each unit is drawn in n_units draws with replacement."""
    counts = np.zeros(n_units, np.int64)
    for i in range(n_units):
        counts[_random_below(key, i, n_units)] += 1
    return counts


@compiled
def _swap_draw(key, i, order):
    """Step i of the Fisher-Yates shuffle of `order`; repeated, it undoes itself."""
    j = i + _random_below(key, i, len(order) - i)
    order[i], order[j] = order[j], order[i]


@compiled
def _draw_columns(key, count, order):
    """Bring `count` columns, drawn without replacement, to the front of `order`."""
    for i in range(count):
        _swap_draw(key, i, order)


@compiled
def _undo_draws(key, count, order):
    for i in range(count - 1, -1, -1):
        _swap_draw(key, i, order)


# Histograms: each lists a node's values in ascending order in `scratch.values`, the sum of the bins
# up to each in `scratch.sums`, and returns how many there are.


@compiled
def _bin_of(entry):
    count = np.uint64(entry >> np.uint32(COUNT_SHIFT))
    label = np.uint64((entry >> np.uint32(CLASS_BIT)) & np.uint32(1))
    return ONE_ROW + (count << (FIELD * label))


@compiled
def _sort_rows(column, entries, scratch):
    """For up to MAX_SORTED rows."""
    keys = scratch.keys
    for i in range(len(entries)):
        key = (np.uint64(column[entries[i] & ROW_MASK]) << np.uint64(32)) | np.uint64(entries[i])
        j = i
        while j > 0 and keys[j - 1] > key:
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key
    m = -1
    last = np.uint64(256)
    total = np.uint64(0)
    for i in range(len(entries)):
        value = keys[i] >> np.uint64(32)
        total += _bin_of(np.uint32(keys[i]))
        if value != last:
            m += 1
            scratch.values[m] = value
            last = value
        scratch.sums[m] = total
    return m + 1


@compiled
def _list_bins(column, entries, scratch):
    """For medium nodes: visit only the occupied bins of the histogram."""
    bins, occupied = scratch.bins, scratch.occupied
    for entry in entries:
        value = column[entry & ROW_MASK]
        bins[value] += _bin_of(entry)
        occupied[value] = 1
    words = occupied.view(np.uint64)
    total = np.uint64(0)
    m = 0
    for w in range(32):
        word = words[w]
        words[w] = 0
        while word != 0:
            value = np.uint64(8 * w) + (_trailing_zeros(word) >> np.uint64(3))
            word &= word - np.uint64(1)
            total += bins[value]
            bins[value] = 0
            scratch.values[m] = value
            scratch.sums[m] = total
            m += 1
    return m


@compiled
def _list_all_bins(column, entries, scratch):
    """For large nodes, which occupy most bins: list all 256, or 1 if the column is constant."""
    bins = scratch.bins
    for entry in entries:
        bins[column[entry & ROW_MASK]] += _bin_of(entry)
    total = np.uint64(0)
    first = column[entries[0] & ROW_MASK]
    if bins[first] >> ROWS_SHIFT == np.uint64(len(entries)):
        bins[first] = 0
        return 1
    for value in range(256):
        total += bins[value]
        bins[value] = 0
        scratch.values[value] = value
        scratch.sums[value] = total
    return 256


# Splits of one column in one node


@compiled
def _midpoint(value, next_value):
    """The last byte that is not above the middle of two."""
    return (np.int64(value) + np.int64(next_value)) >> 1


@compiled
def _candidates(key, values, m, random_thresholds):
    """The positions of `values` to split after, from first to last, and the threshold if random."""
    if not random_thresholds:
        return 0, m, np.int64(0)
    low, high = np.int64(values[0]), np.int64(values[m - 1])
    threshold = low + _random_below(key, 0, high - low)
    first = 0
    while values[first + 1] <= threshold:
        first += 1
    return first, first + 1, threshold


@compiled
def _x_log_x(x):
    return x * np.log(x) if x > 0 else 0.0


@compiled
def _neg_entropy(weight0, weight1):
    return _x_log_x(weight0) + _x_log_x(weight1) - _x_log_x(weight0 + weight1)


@compiled
def _class_counts(total):
    return total & FIELD_MASK, (total >> FIELD) & FIELD_MASK


@compiled
def _compute_gains(sums, m, n, all0, all1, factors, params, gains):
    """The gain of a split after each value, or -1 if a child is too small. Only the order of the
    gains matters: for Gini, they are the decrease of impurity up to a factor."""
    min_rows, max_rows = np.uint64(params.min_samples_leaf), np.uint64(n - params.min_samples_leaf)
    factor0, factor1 = factors[0], factors[1]
    parent = 0.0
    if params.entropy:
        parent = _neg_entropy(factor0 * np.float64(all0), factor1 * np.float64(all1))
    for i in range(m):
        rows = sums[i] >> ROWS_SHIFT
        left0, left1 = _class_counts(sums[i])
        right0, right1 = factor0 * np.float64(all0 - left0), factor1 * np.float64(all1 - left1)
        weight0, weight1 = factor0 * np.float64(left0), factor1 * np.float64(left1)
        if params.entropy:
            gain = _neg_entropy(weight0, weight1) + _neg_entropy(right0, right1) - parent
            gain = max(gain, 0.0)
        else:
            difference = weight1 * right0 - weight0 * right1
            gain = difference * difference / ((weight0 + weight1) * (right0 + right1))
        gains[i] = gain if rows >= min_rows and rows <= max_rows else NO_GAIN


@compiled
def _may_reach(column, entries, all0, all1, min_gain, factors, scratch):
    """Whether some split of a column may gain `min_gain`, by a histogram of 32 bins.

    The gain is convex in the weights left of the split. As the split moves through a bin, the gain
    is therefore nowhere higher than at the corners: none, one class or all of the bin's rows left
    of it. This rules out most columns once a node has evaluated a few.
    """
    bins, sums = scratch.coarse_bins, scratch.sums
    for i in range(len(entries)):
        entry = entries[i]
        bins[i & 3, column[entry & ROW_MASK] >> np.uint8(3)] += _bin_of(entry)
    total = np.uint64(0)
    sums[0] = total
    for i in range(COARSE_BINS):
        total += bins[0, i] + bins[1, i] + bins[2, i] + bins[3, i]
        sums[i + 1] = total
    bins[:] = 0
    factor0, factor1 = factors[0], factors[1]
    min_gain *= 1 - 1e-9  # room for rounding
    reached = 0
    for i in range(COARSE_BINS):
        low0 = factor0 * np.float64(sums[i] & FIELD_MASK)
        low1 = factor1 * np.float64((sums[i] >> FIELD) & FIELD_MASK)
        high0 = factor0 * np.float64(sums[i + 1] & FIELD_MASK)
        high1 = factor1 * np.float64((sums[i + 1] >> FIELD) & FIELD_MASK)
        reached += _reaches(low0, high1, all0, all1, min_gain)
        reached += _reaches(high0, low1, all0, all1, min_gain)
        reached += _reaches(high0, high1, all0, all1, min_gain)
    return reached > 0


@compiled
def _reaches(left0, left1, all0, all1, min_gain):
    right0, right1 = all0 - left0, all1 - left1
    difference = left1 * right0 - left0 * right1
    return difference * difference > min_gain * ((left0 + left1) * (right0 + right1))


@compiled
def _argmax(gains, m):
    """The position of the first of the highest gains.

    Floats from 0 on are ordered like their bits, and the bits of -1.0 are negative; integers can be
    compared eight at a time.
    """
    bits = gains.view(np.int64)
    highest = bits[0]
    for i in range(m):
        highest = max(highest, bits[i])
    position = 0
    while bits[position] != highest:
        position += 1
    return position


@compiled
def _split_two_classes(column, entries, key, min_gain, totals, factors, params, scratch):
    """The best split for two classes and rows without weights."""
    n = len(entries)
    exhaustive_gini = not (params.entropy or params.random_thresholds)
    if exhaustive_gini and min_gain > 0 and MIN_COARSE <= n <= MAX_COARSE:
        weight0, weight1 = factors[0] * totals[0], factors[1] * totals[1]
        min_gain = min(min_gain, weight0 * weight1 * (1 - 1e-9))  # what a perfect split gains
        if not _may_reach(column, entries, weight0, weight1, min_gain, factors, scratch):
            return True, NO_GAIN, 0
    if n <= MAX_SORTED:
        m = _sort_rows(column, entries, scratch)
    elif n <= MAX_LISTED or params.random_thresholds:
        m = _list_bins(column, entries, scratch)
    else:
        m = _list_all_bins(column, entries, scratch)
    if m == 1:
        return False, NO_GAIN, 0
    values, sums, gains = scratch.values, scratch.sums, scratch.gains
    all0, all1 = _class_counts(sums[m - 1])
    first, last, threshold = _candidates(key, values, m, params.random_thresholds)
    _compute_gains(sums[first:], last - first, n, all0, all1, factors, params, gains)
    position = _argmax(gains, last - first)
    gain, i = gains[position], first + position
    if gain < 0:
        return True, NO_GAIN, 0
    left0, left1 = _class_counts(sums[i])
    if (left0 == 0 and left1 == all1) or (left1 == 0 and left0 == all0):
        gain = np.inf  # a perfect split: later draws can be skipped
    if not params.random_thresholds:
        above = i + 1
        while sums[above] == sums[i]:
            above += 1
        threshold = _midpoint(values[i], values[above])
    return True, gain, threshold


@compiled
def _class_terms(left, totals, factors, entropy):
    """The children's weights, and their terms of the criterion summed over the classes."""
    left_sum, right_sum, left_term, right_term = 0.0, 0.0, 0.0, 0.0
    for c in range(len(factors)):
        a, b = factors[c] * left[c], factors[c] * (totals[c] - left[c])
        left_sum += a
        right_sum += b
        left_term += _x_log_x(a) if entropy else a * a
        right_term += _x_log_x(b) if entropy else b * b
    return left_sum, right_sum, left_term, right_term


@compiled
def _split_general(column, entries, key, totals, data, params, scratch):
    """The best split for any number of classes and any weights."""
    bins, occupied, class_bins = scratch.bins, scratch.occupied, scratch.class_bins
    for entry in entries:
        row = entry & ROW_MASK
        value = column[row]
        if occupied[value] == 0:
            occupied[value] = 1
            class_bins[value] = 0
        bins[value] += np.uint64(1)
        class_bins[value, data.codes[row]] += data.weights[row] * (entry >> np.uint32(COUNT_SHIFT))
    values, counts = scratch.values, scratch.sums
    m = 0
    for value in range(256):
        if occupied[value]:
            occupied[value] = 0
            values[m] = value
            counts[m] = bins[value]
            bins[value] = 0
            m += 1
    if m == 1:
        return False, NO_GAIN, 0
    first, last, random_threshold = _candidates(key, values, m, params.random_thresholds)
    best_gain, best_threshold = NO_GAIN, np.int64(0)
    left = class_bins[256]
    left[:] = 0
    _, whole, _, parent = _class_terms(left, totals, data.factors, params.entropy)
    parent -= _x_log_x(whole)
    rows = np.int64(0)
    for i in range(last):
        rows += np.int64(counts[i])
        left += class_bins[values[i]]
        if i < first or min(rows, len(entries) - rows) < params.min_samples_leaf:
            continue
        left_sum, right_sum, left_term, right_term = _class_terms(
            left, totals, data.factors, params.entropy
        )
        if params.entropy:
            gain = left_term - _x_log_x(left_sum) + right_term - _x_log_x(right_sum)
            gain = max(gain - parent, 0.0)
        else:
            gain = left_term / left_sum + right_term / right_sum
        if gain > best_gain:
            best_gain, best_threshold = gain, random_threshold
            if not params.random_thresholds:
                best_threshold = _midpoint(values[i], values[i + 1])
    return True, best_gain, best_threshold


# One level of a batch of trees


@compiled
def _is_better(gain, rank, split):
    return gain > split.gain or (gain == split.gain and gain > NO_GAIN and rank < split.rank)


@compiled
def _try_column(data, params, feature, i, rank, nodes, totals, bag, best, thread, scratch):
    """Evaluate a column that node i drew; if it is the best so far, record the split, and the sides
    of the node's rows."""
    node, column = nodes[i], data.columns[feature]
    entries = bag.entries[node.start : node.stop]
    key = _mix(node.key, (1 << 40) + rank)
    if len(data.weights) == 0:
        varies, gain, threshold = _split_two_classes(
            column, entries, key, best[i].gain, totals[i], data.factors, params, scratch
        )
    else:
        varies, gain, threshold = _split_general(
            column, entries, key, totals[i], data, params, scratch
        )
    best.varies[i] |= varies
    if not (varies and _is_better(gain, rank, best[i])):
        return
    best.gain[i] = gain
    best.rank[i] = rank
    best.feature[i] = feature
    best.threshold[i] = threshold
    best.thread[i] = thread
    for p in range(node.start, node.stop):
        bag.sides[thread, p] = column[bag.entries[p] & ROW_MASK] > threshold
    for p in range(node.out_start, node.out_stop):
        bag.out_sides[thread, p] = column[bag.out[p]] > threshold


@allocating
def _draw_candidates(nodes, selected, count, n_columns, order):
    """Draw `count` columns for each selected node.

    `order` counts up from 0, before and after. Returns (columns + 1,), where the draws of each
    column begin, and the draws sorted by column, (draws, 2) int32: node and rank.
    """
    features = np.empty((len(selected), count), np.int32)
    begins = np.zeros(n_columns + 2, np.int64)
    for c in range(len(selected)):
        key = nodes[selected[c]].key
        _draw_columns(key, count, order)
        for rank in range(count):
            features[c, rank] = order[rank]
            begins[order[rank] + 2] += 1
        _undo_draws(key, count, order)
    for column in range(n_columns):
        begins[column + 2] += begins[column + 1]
    draws = np.empty((len(selected) * count, 2), np.int32)
    for c in range(len(selected)):
        for rank in range(count):
            p = begins[features[c, rank] + 1]
            begins[features[c, rank] + 1] += 1
            draws[p, 0] = selected[c]
            draws[p, 1] = rank
    return begins[:-1], draws


@compiled
def _prefetch_draw(draws, p, nodes, totals, entries, best):
    """Prefetch what the draws after the p-th will need."""
    if p + 8 >= len(draws):
        return
    far, near = draws[p + 8, 0], nodes[draws[p + 3, 0]]
    _prefetch(nodes, far)
    _prefetch(best, far)
    _prefetch(totals, far * totals.shape[1])
    for q in range(near.start, min(near.stop, near.start + 128), CACHE_LINE // 4):
        _prefetch(entries, q)


@compiled
def _prefetch_column(columns, feature, last, begins, draws, nodes):
    """Prefetch the next drawn column, if its draws need much of it."""
    while feature < last and begins[feature] == begins[feature + 1]:
        feature += 1
    if feature == last:
        return
    rows = 0
    for p in range(begins[feature], begins[feature + 1]):
        rows += nodes.stop[draws[p, 0]] - nodes.start[draws[p, 0]]
    column = columns[feature]
    if rows > len(column) // CACHE_LINE:
        for i in range(0, len(column), CACHE_LINE):
            _prefetch(column, i)


@compiled
def _search_columns(
    data, params, first, last, begins, draws, nodes, totals, bag, best, thread, scratch
):
    """Evaluate all draws of the columns from `first` to `last`."""
    for feature in range(first, last):
        if begins[feature] < begins[feature + 1]:
            _prefetch_column(data.columns, feature + 1, last, begins, draws, nodes)
        for p in range(begins[feature], begins[feature + 1]):
            _prefetch_draw(draws, p, nodes, totals, bag.entries, best)
            i, rank = draws[p, 0], draws[p, 1]
            if best[i].gain < np.inf or rank < best[i].rank:
                _try_column(
                    data, params, feature, i, rank, nodes, totals, bag, best, thread, scratch
                )


@compiled
def _draw_further(data, params, selected, nodes, totals, bag, best, scratch, order):
    """Let nodes whose draws were all constant draw on until a column varies, as in scikit-learn."""
    for i in selected:
        if best[i].varies:
            continue
        key, rank = nodes[i].key, params.max_features
        _draw_columns(key, rank, order)
        while rank < len(order) and not best[i].varies:
            _swap_draw(key, rank, order)
            _try_column(data, params, order[rank], i, rank, nodes, totals, bag, best, 0, scratch)
            rank += 1
        _undo_draws(key, rank, order)


@compiled
def _merge(best, other):
    """Take the better of two threads' splits of each node."""
    for i in range(len(best)):
        varies = best.varies[i] or other.varies[i]
        if _is_better(other.gain[i], other.rank[i], best[i]):
            best[i] = other[i]
        best.varies[i] = varies


@allocating
def _partition(entries, sides, start, stop):
    """Move the left child's rows before the right one's, both in order; return the border."""
    rows, is_right = entries[start:stop], sides[start:stop]
    left, right = rows[~is_right], rows[is_right]
    border = start + len(left)
    entries[start:border] = left
    entries[border:stop] = right
    return border


@compiled
def _add_weights(entries, start, stop, data, totals):
    for p in range(start, stop):
        row = entries[p] & ROW_MASK
        weight = data.weights[row] if len(data.weights) else 1.0
        totals[data.codes[row]] += weight * (entries[p] >> np.uint32(COUNT_SHIFT))


@allocating
def _split_nodes(nodes, best, bag, data, sizes, keys, oob_leaves):
    """Divide the nodes that have a split; return their `left`, their children, and the children's
    class weights. `sizes`, the trees' numbers of nodes, and `oob_leaves` are updated."""
    left = np.zeros(len(nodes), np.int32)
    n_children = 2 * np.sum(best.feature >= 0)
    children: Any = np.empty(n_children, NODE)
    totals = np.zeros((n_children, len(data.factors)))
    c = 0
    for i in range(len(nodes)):
        node = nodes[i]
        if best[i].feature < 0:
            for p in range(node.out_start, node.out_stop):
                oob_leaves[node.tree, bag.out[p]] = node.number
            continue
        sides, out_sides = bag.sides[best[i].thread], bag.out_sides[best[i].thread]
        border = _partition(bag.entries, sides, node.start, node.stop)
        out_border = _partition(bag.out, out_sides, node.out_start, node.out_stop)
        left[i] = sizes[node.tree]
        sizes[node.tree] += 2
        for side in range(2):
            children.tree[c] = node.tree
            children.number[c] = left[i] + side
            children.key[c] = _mix(keys[node.tree], left[i] + side)
            children.start[c] = border if side else node.start
            children.stop[c] = node.stop if side else border
            children.out_start[c] = out_border if side else node.out_start
            children.out_stop[c] = node.out_stop if side else out_border
            _add_weights(bag.entries, children[c].start, children[c].stop, data, totals[c])
            c += 1
    return left, children, totals


# Growing, in Python


def grow_trees(data: Data, params: TreeParams, n_trees: int, threads: int, oob: bool) -> Trees:
    """Grow the first `n_trees` trees of the forest that `params.seed` determines.

    With `oob`, the out-of-bag rows are followed to their leaves; without, `oob_leaves` has no
    columns.
    """
    n_rows = data.columns.shape[1]
    if not len(data.weights) and len(data.factors) != 2:
        data = data._replace(weights=np.ones(n_rows))
    batch = max(1, MAX_STATE // (n_rows * (4 + threads)))
    with ThreadPoolExecutor(threads) as pool:
        batches = [
            _grow_batch(data, params, range(t, min(t + batch, n_trees)), threads, oob, pool)
            for t in range(0, n_trees, batch)
        ]
    sizes, *arrays = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return Trees(np.concatenate([[0], np.cumsum(sizes)]), *arrays)


def _grow_batch(
    data: Data, params: TreeParams, trees: range, threads: int, oob: bool, pool: ThreadPoolExecutor
) -> tuple[np.ndarray, ...]:
    """The number of nodes of each tree, then the arrays of `Trees` after `offsets`."""
    keys = np.array([_mix(np.uint64(params.seed), t) for t in trees], np.uint64)
    nodes, bag = _draw_bags(data, params, keys, threads, oob)
    totals = np.zeros((len(nodes), len(data.factors)))
    for node, total in zip(nodes, totals, strict=True):
        _add_weights(bag.entries, node["start"], node["stop"], data, total)
    oob_leaves = np.full((len(trees), len(data.codes) if oob else 0), -1, np.int32)
    sizes = np.ones(len(trees), np.int64)
    order = np.arange(len(data.columns), dtype=np.int32)
    scratch = [_make_scratch(len(data.factors)) for _ in range(threads)]
    levels: list[tuple[np.ndarray, ...]] = []
    while len(nodes):
        best = _find_splits(data, params, nodes, totals, len(levels), bag, scratch, order, pool)
        left, children, child_totals = _split_nodes(nodes, best, bag, data, sizes, keys, oob_leaves)
        levels.append((nodes, best, left, totals))
        nodes, totals = children, child_totals
    nodes, best, left, totals = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    by_tree = np.lexsort((nodes["number"], nodes["tree"]))
    best, left, totals = best[by_tree], left[by_tree], totals[by_tree]
    threshold = best["threshold"].astype(np.uint8)
    return sizes, best["feature"], threshold, left, totals * data.factors, oob_leaves


def _draw_bags(
    data: Data, params: TreeParams, keys: np.ndarray, threads: int, oob: bool
) -> tuple[np.ndarray, _Bag]:
    """Draw the bag of each tree; return the root nodes and the rows."""
    n_units = data.units.max() + 1
    has_weight = data.factors[data.codes] > 0
    if len(data.weights):
        has_weight &= data.weights > 0
    entries, out = [], []
    nodes = np.zeros(len(keys), NODE)
    start = out_start = 0
    for tree, key in enumerate(keys):
        counts = np.ones(n_units, np.int64)
        if params.bootstrap:
            counts = _draw_units(np.uint64(_mix(key, 1 << 41)), n_units)
        counts = counts[data.units]
        rows = np.flatnonzero((counts > 0) & has_weight)
        label = (data.codes[rows] & 1) << CLASS_BIT
        entries.append((rows | label | (counts[rows] << COUNT_SHIFT)).astype(np.uint32))
        out.append(np.flatnonzero((counts == 0) & oob).astype(np.uint32))
        stop, out_stop = start + len(rows), out_start + len(out[-1])
        nodes[tree] = (_mix(key, 0), start, stop, out_start, out_stop, tree, 0)
        start, out_start = stop, out_stop
    sides = np.empty((threads, start), np.bool_)
    out_sides = np.empty((threads, out_start), np.bool_)
    return nodes, _Bag(np.concatenate(entries), np.concatenate(out), sides, out_sides)


def _find_splits(
    data: Data,
    params: TreeParams,
    nodes: np.ndarray,
    totals: np.ndarray,
    depth: int,
    bag: _Bag,
    scratch: list[_Scratch],
    order: np.ndarray,
    pool: ThreadPoolExecutor,
) -> np.ndarray:
    """The best split of each node of a level, (nodes,) SPLIT."""
    threads = range(len(scratch))
    best: Any = np.zeros((len(threads), len(nodes)), SPLIT).view(np.recarray)
    best.gain, best.feature = NO_GAIN, -1

    def search(blocks: Iterator[int], begins: np.ndarray, draws: np.ndarray, thread: int) -> None:
        for first in blocks:
            last = min(first + BLOCK_COLUMNS, len(order))
            _search_columns(
                data, params, first, last, begins, draws, nodes, totals, bag, best[thread], thread,
                scratch[thread],
            )  # fmt: skip

    n_rows = nodes["stop"] - nodes["start"]
    large = n_rows >= max(params.min_samples_split, 2 * params.min_samples_leaf)
    impure = np.count_nonzero(totals, axis=1) > 1
    splittable = np.flatnonzero(large & impure & (depth < params.max_depth))
    per_pass = max(1, MAX_DRAWS // params.max_features)
    for start in range(0, len(splittable), per_pass):
        selected = splittable[start : start + per_pass]
        draws = _draw_candidates(nodes, selected, params.max_features, len(order), order)
        blocks = iter(range(0, len(order), BLOCK_COLUMNS))  # shared: threads take turns
        list(pool.map(partial(search, blocks, *draws), threads))
        for other in best[1:]:
            _merge(best[0], other)
        _draw_further(data, params, selected, nodes, totals, bag, best[0], scratch[0], order)
    return best[0].copy()  # a view would keep all threads' results in memory


@allocating
def sum_leaves(matrix, offsets, feature, threshold, left, values, counts):
    """Sum the values of each row's leaves over the first trees, for several numbers of trees.

    `matrix` (rows, features) uint8; `values` (nodes, classes) float64; `counts` (sizes,) int64,
    ascending. Returns (sizes, rows, classes) float64.
    """
    n_rows, n_classes = len(matrix), values.shape[1]
    sums = np.zeros((len(counts), n_rows, n_classes))
    total = np.zeros((n_rows, n_classes))
    stage = 0
    for t in range(counts[-1]):
        root = offsets[t]
        for row in range(n_rows):
            node = root
            while left[node]:
                node = root + left[node] + (matrix[row, feature[node]] > threshold[node])
            for c in range(n_classes):
                total[row, c] += values[node, c]
        if counts[stage] == t + 1:
            sums[stage] = total
            stage += 1
    return sums


@compiled
def transpose_into(columns, positions, block):
    """Set `columns[:, positions]` (features, rows) to the transpose of `block` (m, features)."""
    tile = 64  # columns whose cache lines stay in the cache
    for first in range(0, len(columns), tile):
        for row in range(len(block)):
            for column in range(first, min(first + tile, len(columns))):
                columns[column, positions[row]] = block[row, column]
