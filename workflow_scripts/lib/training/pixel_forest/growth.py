"""Growing and asking decision trees on bytes, compiled with numba.

The matrix lies column by column, (features, rows) uint8: a column of the study's 11,187 training
rows is 11 KB and fits in the first-level cache. What costs is to bring it there. So all trees of a
batch grow together, a level at a time: each open node draws its candidate columns, the draws are
sorted by column, and one pass over the matrix serves them all. A column is loaded once per level,
in order, for every node of every tree that wants it, whether it comes from memory or from a
memory-mapped file. Threads take turns at blocks of columns.

Within a column, a node's rows are counted in a histogram of all 256 values, so that splits are
exact; the few rows of a small node are sorted instead. A coarser histogram bounds what a column
can gain, and dismisses most before that. (A sibling's histogram can't be had by subtraction:
siblings draw other columns.) When a node's best split is found, the side to which it sends each of
the node's rows is kept, so that nothing needs a second look at the matrix.

What a node draws depends on the seed, its tree and its number in the tree. Equal gains are decided
by which column was drawn first. So a tree depends on nothing but the data, the seed and its number.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

__all__ = [
    "MAX_ROWS",
    "Data",
    "Rules",
    "Trees",
    "grow_trees",
    "transpose_into",
    "walk",
]

# A row of a node is a 32-bit entry: its number, its class (of two), how often it was drawn.
ROW_BITS, CLASS_BIT, TIMES_SHIFT = 21, 21, 22
MAX_ROWS = 1 << ROW_BITS
ROW_MASK = np.uint32(MAX_ROWS - 1)
# A bin of two classes is 64 bits: how many rows, and how often each class was drawn.
FIELD = np.uint64(21)
FIELD_MASK = np.uint64((1 << 21) - 1)
ROWS_SHIFT = np.uint64(42)
ONE_ROW = np.uint64(1 << 42)

SORTED = 20  # nodes of up to so many rows are sorted; measured
LISTED = 200  # of nodes of up to so many rows the taken bins are listed; measured
FEW, MANY = 8, 160  # nodes of more rows and up to so many are first judged by coarse bins
COARSE_BINS = 32
NO_GAIN = -1.0
LINE = 64  # bytes that come into the cache together
COLUMNS_AT_ONCE = 1024
DRAWS_AT_ONCE = 1 << 24  # bounds the memory of a pass
STATE_AT_ONCE = 1 << 26  # bounds the memory of the trees that grow together, bytes

NODE = np.dtype(
    [
        ("key", np.uint64),  # of its random draws
        ("start", np.int64),  # its rows in the bag
        ("stop", np.int64),
        ("out_start", np.int64),  # its rows out of the bag
        ("out_stop", np.int64),
        ("tree", np.int32),
        ("number", np.int32),
    ],
    align=True,
)
BEST = np.dtype(
    [
        ("gain", np.float64),
        ("rank", np.int32),  # when its column was drawn
        ("feature", np.int32),  # -1: none
        ("threshold", np.int32),
        ("thread", np.int16),  # who knows the sides
        ("varies", np.bool_),  # some drawn column does
    ],
    align=True,
)


@dataclass(frozen=True)
class Data:
    """What trees learn from.

    `columns` (features, rows) uint8; `codes` (rows,) int32, the class of each row; `weights`
    (rows,) float64, or None when all are one; `factors` (classes,) float64, the classes' weights;
    `units` (rows,) int64: rows of one unit are drawn into the bag together, or not at all.
    """

    columns: np.ndarray
    codes: np.ndarray
    weights: np.ndarray | None
    factors: np.ndarray
    units: np.ndarray


class Rules(NamedTuple):
    """How trees grow; see `PixelForestClassifier`."""

    seed: int
    bootstrap: bool
    max_features: int
    max_depth: int
    min_samples_split: int
    min_samples_leaf: int
    entropy: bool
    random_cuts: bool


@dataclass(frozen=True)
class Trees:
    """Trees as flat arrays; tree t's nodes are those from `offsets[t]` to `offsets[t + 1]`.

    A tree's nodes are numbered from its root, level by level. Rows whose `feature` is at most
    `threshold` go to node `left` of the tree, the others to `left + 1`; `left` is 0 in a leaf.
    `weights` (nodes, classes) is what each node saw of each class. `oob_leaves` (trees, rows) is
    the leaf that each row out of the bag falls into, and -1 for rows in the bag.
    """

    offsets: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    weights: np.ndarray
    oob_leaves: np.ndarray


class _Work(NamedTuple):
    """Scratch space of one thread."""

    bins: np.ndarray
    coarse_bins: np.ndarray
    taken: np.ndarray
    keys: np.ndarray
    values: np.ndarray
    sums: np.ndarray
    gains: np.ndarray
    class_bins: np.ndarray


class _Bag(NamedTuple):
    """The rows of all open nodes of a batch."""

    entries: np.ndarray
    out: np.ndarray
    sides: np.ndarray
    out_sides: np.ndarray


def _compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator that compiles, and keeps the code on disk where there is a place for it."""

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
            _tell_that_nothing_is_kept()
            return njit(**options)(function)

    return decorate


@cache
def _tell_that_nothing_is_kept() -> None:
    logging.warning(
        "Neither the code's folder nor the home folder can be written, so compiled code is not "
        "kept: each job compiles it again, which takes up to half a minute."
    )


# Counting the references to arrays costs a tenth, so what makes no arrays goes without.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
allocating: Any = _compiled(**OPTIONS)
compiled: Any = _compiled(**OPTIONS, _nrt=False)


@intrinsic
def _trailing_zeros(_: Any, number: Any = None) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@intrinsic
def _prefetch(_: Any, array: Any = None, index: Any = None) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        place = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(fetch, [place, *(ir.Constant(number, v) for v in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


# Random numbers: splitmix64 (Steele, Lea, Flood 2014), as a function of a key and a counter.


@compiled
def _mix(key, counter):
    z = np.uint64(key) + (np.uint64(counter) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled
def _below(key, counter, bound):
    """A number from 0 to bound - 1, for bounds far below 2**32."""
    return np.int64(((_mix(key, counter) >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32))


@allocating
def _draw_units(key, n_units):
    """How often each unit is drawn in n_units draws with replacement."""
    times = np.zeros(n_units, np.int64)
    for i in range(n_units):
        times[_below(key, i, n_units)] += 1
    return times


@compiled
def _draw_columns(key, count, order):
    """Bring `count` columns, drawn without replacement, to the front of `order`."""
    for i in range(count):
        j = i + _below(key, i, len(order) - i)
        order[i], order[j] = order[j], order[i]


@compiled
def _undo_draws(key, count, order):
    for i in range(count - 1, -1, -1):
        j = i + _below(key, i, len(order) - i)
        order[i], order[j] = order[j], order[i]


# One column for one node: (varies, gain, threshold)


@compiled
def _middle(value, above):
    """The last byte that is not above the middle of two."""
    return (np.int64(value) + np.int64(above)) >> 1


@compiled
def _random_cut(key, lowest, highest):
    return np.int64(lowest) + _below(key, 0, np.int64(highest) - np.int64(lowest))


@compiled
def _x_log_x(x):
    return x * np.log(x) if x > 0 else 0.0


@compiled
def _packed(entry):
    times = np.uint64(entry >> np.uint32(TIMES_SHIFT))
    label = np.uint64((entry >> np.uint32(CLASS_BIT)) & np.uint32(1))
    return ONE_ROW + (times << (FIELD * label))


@compiled
def _sort(column, entries, start, stop, work):
    """List a small node's values in order, and the sum of the rows up to each; return how many."""
    keys, n = work.keys, stop - start
    for i in range(n):
        entry = entries[start + i]
        key = (np.uint64(column[entry & ROW_MASK]) << np.uint64(32)) | np.uint64(entry)
        j = i
        while j > 0 and keys[j - 1] > key:
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key
    m = -1
    last = np.uint64(256)
    total = np.uint64(0)
    for i in range(n):
        value = keys[i] >> np.uint64(32)
        total += _packed(np.uint32(keys[i]))
        if value != last:
            m += 1
            work.values[m] = value
            last = value
        work.sums[m] = total
    return m + 1


@compiled
def _list_bins(column, entries, start, stop, work):
    """The same for a larger node, with a histogram of which only the taken bins are looked at."""
    bins, taken = work.bins, work.taken
    for i in range(start, stop):
        entry = entries[i]
        value = column[entry & ROW_MASK]
        bins[value] += _packed(entry)
        taken[value] = 1
    words = taken.view(np.uint64)
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
            work.values[m] = value
            work.sums[m] = total
            m += 1
    return m


@compiled
def _all_bins(column, entries, start, stop, work):
    """The same for a node so large that it takes most bins: all 256 are listed,
    or 1 when it takes but one."""
    bins = work.bins
    for i in range(start, stop):
        entry = entries[i]
        bins[column[entry & ROW_MASK]] += _packed(entry)
    total = np.uint64(0)
    first = column[entries[start] & ROW_MASK]
    if bins[first] >> ROWS_SHIFT == np.uint64(stop - start):
        bins[first] = 0
        return 1
    for value in range(256):
        total += bins[value]
        bins[value] = 0
        work.values[value] = value
        work.sums[value] = total
    return 256


@compiled
def _rate(sums, m, n, all0, all1, factors, rules, gains):
    """How much purer than their parent the children would be, cut after each value; -1 if too
    small. Only the order of the gains counts."""
    least, most = np.uint64(rules.min_samples_leaf), np.uint64(n - rules.min_samples_leaf)
    factor0, factor1 = factors[0], factors[1]
    for i in range(m):
        total = sums[i]
        rows = total >> ROWS_SHIFT
        left0, left1 = total & FIELD_MASK, (total >> FIELD) & FIELD_MASK
        right0, right1 = factor0 * np.float64(all0 - left0), factor1 * np.float64(all1 - left1)
        left0, left1 = factor0 * np.float64(left0), factor1 * np.float64(left1)
        difference = left1 * right0 - left0 * right1
        gain = difference * difference / ((left0 + left1) * (right0 + right1))
        gains[i] = gain if rows >= least and rows <= most else -1.0


@compiled
def _may_reach(column, entries, start, stop, all0, all1, enough, factors, work):
    """Tell whether some cut of a column could gain `enough`, from a histogram of 32 bins.

    The gain is convex in what lies left of the cut. So it is nowhere higher, as the cut goes
    through a bin, than at the corners: none, one class or all of the bin's rows left of it. Most
    columns are dismissed by that, once a node has seen a few.
    """
    bins, sums = work.coarse_bins, work.sums
    for i in range(start, stop):
        entry = entries[i]
        bins[i & 3, column[entry & ROW_MASK] >> np.uint8(3)] += _packed(entry)
    total = np.uint64(0)
    sums[0] = total
    for i in range(COARSE_BINS):
        total += bins[0, i] + bins[1, i] + bins[2, i] + bins[3, i]
        sums[i + 1] = total
    bins[:] = 0
    factor0, factor1 = factors[0], factors[1]
    enough *= 1 - 1e-9  # room for rounding
    reached = 0
    for i in range(COARSE_BINS):
        low0 = factor0 * np.float64(sums[i] & FIELD_MASK)
        low1 = factor1 * np.float64((sums[i] >> FIELD) & FIELD_MASK)
        high0 = factor0 * np.float64(sums[i + 1] & FIELD_MASK)
        high1 = factor1 * np.float64((sums[i + 1] >> FIELD) & FIELD_MASK)
        reached += _reaches(low0, high1, all0, all1, enough)
        reached += _reaches(high0, low1, all0, all1, enough)
        reached += _reaches(high0, high1, all0, all1, enough)
    return reached > 0


@compiled
def _reaches(left0, left1, all0, all1, enough):
    right0, right1 = all0 - left0, all1 - left1
    difference = left1 * right0 - left0 * right1
    return difference * difference > enough * ((left0 + left1) * (right0 + right1))


@compiled
def _rate_entropy(sums, m, n, all0, all1, factors, rules, gains):
    """The same by entropy."""
    least, most = np.uint64(rules.min_samples_leaf), np.uint64(n - rules.min_samples_leaf)
    parent = _information(factors[0] * np.float64(all0), factors[1] * np.float64(all1))
    for i in range(m):
        total = sums[i]
        rows = total >> ROWS_SHIFT
        gains[i] = -1.0
        if rows >= least and rows <= most:
            left0, left1 = total & FIELD_MASK, (total >> FIELD) & FIELD_MASK
            left = _information(factors[0] * np.float64(left0), factors[1] * np.float64(left1))
            right = _information(
                factors[0] * np.float64(all0 - left0), factors[1] * np.float64(all1 - left1)
            )
            gains[i] = max(left + right - parent, 0.0)


@compiled
def _information(weight0, weight1):
    both = weight0 + weight1
    return _x_log_x(weight0) + _x_log_x(weight1) - _x_log_x(both)


@compiled
def _highest(gains, m):
    """The place of the first of the highest gains.

    Floats from 0 on have the order of their bits, and those of -1.0 are negative; integers can be
    compared eight at a time.
    """
    bits = gains.view(np.int64)
    highest = bits[0]
    for i in range(m):
        highest = max(highest, bits[i])
    place = 0
    while bits[place] != highest:
        place += 1
    return place


@compiled
def _judge_two(column, entries, node, key, enough, totals, factors, rules, work):
    """Best cut for two classes and rows that were drawn whole times."""
    start, stop = node.start, node.stop
    n = stop - start
    if not (rules.entropy or rules.random_cuts) and enough > 0 and FEW < n <= MANY:
        all0, all1 = factors[0] * totals[0], factors[1] * totals[1]
        enough = min(enough, all0 * all1 * (1 - 1e-9))  # what the best possible cut gains
        if not _may_reach(column, entries, start, stop, all0, all1, enough, factors, work):
            return True, NO_GAIN, 0
    if n <= SORTED:
        m = _sort(column, entries, start, stop, work)
    elif n <= LISTED or rules.random_cuts:
        m = _list_bins(column, entries, start, stop, work)
    else:
        m = _all_bins(column, entries, start, stop, work)
    values, sums, gains = work.values, work.sums, work.gains
    whole = sums[m - 1]
    if m == 1:
        return False, NO_GAIN, 0
    first, last, cut = 0, m, 0
    if rules.random_cuts:
        cut = _random_cut(key, values[0], values[m - 1])
        while values[first + 1] <= cut:
            first += 1
        last = first + 1
    all0, all1 = whole & FIELD_MASK, (whole >> FIELD) & FIELD_MASK
    if rules.entropy:
        _rate_entropy(sums[first:], last - first, n, all0, all1, factors, rules, gains)
    else:
        _rate(sums[first:], last - first, n, all0, all1, factors, rules, gains)
    place = _highest(gains, last - first)
    gain, i = gains[place], first + place
    if gain < 0:
        return True, NO_GAIN, 0
    left0, left1 = sums[i] & FIELD_MASK, (sums[i] >> FIELD) & FIELD_MASK
    if (left0 == 0 and left1 == all1) or (left1 == 0 and left0 == all0):
        gain = np.inf  # nothing beats it: later draws need not be looked at
    if not rules.random_cuts:
        above = i + 1
        while sums[above] == sums[i]:
            above += 1
        cut = _middle(values[i], values[above])
    return True, gain, cut


@compiled
def _judge_many(column, entries, node, key, codes, weights, totals, factors, rules, work):
    """Best cut for any number of classes and any weights."""
    start, stop = node.start, node.stop
    bins, taken, class_bins = work.bins, work.taken, work.class_bins
    n_classes = len(factors)
    for i in range(start, stop):
        row = entries[i] & ROW_MASK
        value = column[row]
        if taken[value] == 0:
            taken[value] = 1
            class_bins[value] = 0
        bins[value] += ONE_ROW
        class_bins[value, codes[row]] += weights[row] * (entries[i] >> np.uint32(TIMES_SHIFT))
    values, sums = work.values, work.sums
    m = 0
    for value in range(256):
        if taken[value]:
            taken[value] = 0
            values[m] = value
            sums[m] = bins[value]
            bins[value] = 0
            m += 1
    if m < 2:
        return False, NO_GAIN, 0
    cut = np.int64(255)
    if rules.random_cuts:
        cut = _random_cut(key, values[0], values[m - 1])
    best_gain, best_cut = NO_GAIN, np.int64(0)
    parent, whole = 0.0, 0.0
    for c in range(n_classes):
        whole += factors[c] * totals[c]
        parent += _x_log_x(factors[c] * totals[c])
    parent -= _x_log_x(whole)
    left = class_bins[256]
    left[:] = 0
    rows = np.int64(0)
    for i in range(m - 1):
        rows += int(sums[i] >> ROWS_SHIFT)
        left += class_bins[values[i]]
        if rules.random_cuts and values[i + 1] <= cut:
            continue
        if rows >= rules.min_samples_leaf and stop - start - rows >= rules.min_samples_leaf:
            left_sum, right_sum, left_term, right_term = 0.0, 0.0, 0.0, 0.0
            for c in range(n_classes):
                a, b = factors[c] * left[c], factors[c] * (totals[c] - left[c])
                left_sum += a
                right_sum += b
                left_term += _x_log_x(a) if rules.entropy else a * a
                right_term += _x_log_x(b) if rules.entropy else b * b
            if rules.entropy:
                gain = left_term - _x_log_x(left_sum) + right_term - _x_log_x(right_sum)
                gain = max(gain - parent, 0.0)
            else:
                gain = left_term / left_sum + right_term / right_sum
            if gain > best_gain:
                best_gain = gain
                best_cut = cut if rules.random_cuts else _middle(values[i], values[i + 1])
        if rules.random_cuts:
            break
    return True, best_gain, best_cut


@compiled
def _judge(column, entries, node, rank, enough, codes, weights, totals, factors, rules, work):
    """Tell whether a column varies in a node, the best cut's gain, and it.

    Cuts that gain less than `enough` may be passed over.
    """
    key = _mix(node.key, (1 << 40) + rank)
    if len(weights) == 0:
        return _judge_two(column, entries, node, key, enough, totals, factors, rules, work)
    return _judge_many(column, entries, node, key, codes, weights, totals, factors, rules, work)


@compiled
def _keep(best, i, column, rank, feature, gain, threshold, node, bag, thread):
    """Make a split the best of node i, and keep where it sends the node's rows."""
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
def _draw(nodes, chosen, count, n_columns, order):
    """Draw columns for the chosen nodes; return where each column's draws begin, and the draws.

    A draw is the node's place in `nodes`, and its rank in the node's order. `order` counts up
    from 0, and does again at the end.
    """
    features = np.empty((len(chosen), count), np.int32)
    begins = np.zeros(n_columns + 2, np.int64)
    for c in range(len(chosen)):
        key = nodes[chosen[c]].key
        _draw_columns(key, count, order)
        for rank in range(count):
            features[c, rank] = order[rank]
            begins[order[rank] + 2] += 1
        _undo_draws(key, count, order)
    for column in range(n_columns):
        begins[column + 2] += begins[column + 1]
    draws = np.empty((len(chosen) * count, 2), np.int32)
    for c in range(len(chosen)):
        for rank in range(count):
            p = begins[features[c, rank] + 1]
            begins[features[c, rank] + 1] += 1
            draws[p, 0] = chosen[c]
            draws[p, 1] = rank
    return begins[:-1], draws


@compiled
def _warm(draws, p, nodes, totals, entries, best):
    """Ask for what the draws after the p-th will need."""
    if p + 8 >= len(draws):
        return
    far, near = draws[p + 8, 0], nodes[draws[p + 3, 0]]
    _prefetch(nodes, far)
    _prefetch(best, far)
    _prefetch(totals, far * totals.shape[1])
    for q in range(near.start, min(near.stop, near.start + 128), LINE // 4):
        _prefetch(entries, q)


@compiled
def _ahead(columns, feature, last, begins, draws, nodes):
    """Ask for the next wanted column, if much of it is, while another is judged."""
    while feature < last and begins[feature] == begins[feature + 1]:
        feature += 1
    if feature == last:
        return
    rows = 0
    for p in range(begins[feature], begins[feature + 1]):
        rows += nodes.stop[draws[p, 0]] - nodes.start[draws[p, 0]]
    column = columns[feature]
    if rows > len(column) // LINE:
        for i in range(0, len(column), LINE):
            _prefetch(column, i)


@compiled
def _search(
    columns, first, last, begins, draws, nodes, totals, codes, weights, factors, rules, bag, best,
    thread, work,
):  # fmt: skip
    """Judge all draws of the columns from `first` to `last`."""
    for feature in range(first, last):
        column = columns[feature]
        if begins[feature] < begins[feature + 1]:
            _ahead(columns, feature + 1, last, begins, draws, nodes)
        for p in range(begins[feature], begins[feature + 1]):
            _warm(draws, p, nodes, totals, bag.entries, best)
            i, rank = draws[p, 0], draws[p, 1]
            if best[i].gain == np.inf and rank > best[i].rank:
                continue
            node = nodes[i]
            varies, gain, threshold = _judge(
                column, bag.entries, node, rank, best[i].gain, codes, weights, totals[i], factors,
                rules, work,
            )  # fmt: skip
            if not varies:
                continue
            best.varies[i] = True
            if gain > best[i].gain or (
                gain == best[i].gain and gain > NO_GAIN and rank < best[i].rank
            ):
                _keep(best, i, column, rank, feature, gain, threshold, node, bag, thread)


@compiled
def _search_on(
    columns, nodes, chosen, count, totals, codes, weights, factors, rules, bag, best, work, order
):  # fmt: skip
    """Nodes whose draws were all constant take the next draw that is not, as scikit-learn's."""
    for i in chosen:
        if best[i].varies:
            continue
        node = nodes[i]
        drawn = count
        _draw_columns(node.key, count, order)
        while drawn < len(order):
            j = drawn + _below(node.key, drawn, len(order) - drawn)
            order[drawn], order[j] = order[j], order[drawn]
            feature = order[drawn]
            column = columns[feature]
            varies, gain, threshold = _judge(
                column, bag.entries, node, drawn, 0.0, codes, weights, totals[i], factors,
                rules, work,
            )  # fmt: skip
            drawn += 1
            if varies:
                if gain > NO_GAIN:
                    _keep(best, i, column, drawn - 1, feature, gain, threshold, node, bag, 0)
                break
        _undo_draws(node.key, drawn, order)


@compiled
def _merge(best, other):
    """Take what another thread found for each node, where it is better."""
    for i in range(len(best)):
        best.varies[i] |= other[i].varies
        if other[i].gain > best[i].gain or (
            other[i].gain == best[i].gain
            and other[i].gain > NO_GAIN
            and other[i].rank < best[i].rank
        ):
            varies = best[i].varies
            best[i] = other[i]
            best.varies[i] = varies


@compiled
def _part(entries, sides, start, stop, kept):
    """Bring the left child's rows before the right one's, both in order; return the border."""
    border, n_right = start, 0
    for p in range(start, stop):
        if sides[p]:
            kept[n_right] = entries[p]
            n_right += 1
        else:
            entries[border] = entries[p]
            border += 1
    for r in range(n_right):
        entries[border + r] = kept[r]
    return border


@compiled
def _add_up(entries, start, stop, codes, weights, totals):
    for p in range(start, stop):
        row = entries[p] & ROW_MASK
        weight = weights[row] if len(weights) else 1.0
        totals[codes[row]] += weight * (entries[p] >> np.uint32(TIMES_SHIFT))


@allocating
def _split(nodes, best, bag, codes, weights, sizes, keys, left, oob_leaves, n_classes):
    """Divide the nodes that have a split; return their children, and the children's totals."""
    n_children = 2 * np.sum(best.feature >= 0)
    children: Any = np.empty(n_children, NODE)
    totals = np.zeros((n_children, n_classes))
    kept = np.empty(max(len(codes), 1), np.uint32)
    c = 0
    for i in range(len(nodes)):
        node = nodes[i]
        if best[i].feature < 0:
            left[i] = 0
            for p in range(node.out_start, node.out_stop):
                oob_leaves[node.tree, bag.out[p]] = node.number
            continue
        thread = best[i].thread
        border = _part(bag.entries, bag.sides[thread], node.start, node.stop, kept)
        out_border = _part(bag.out, bag.out_sides[thread], node.out_start, node.out_stop, kept)
        number = sizes[node.tree]
        sizes[node.tree] += 2
        left[i] = number
        for side in range(2):
            children.tree[c] = node.tree
            children.number[c] = number + side
            children.key[c] = _mix(keys[node.tree], number + side)
            children.start[c] = border if side else node.start
            children.stop[c] = node.stop if side else border
            children.out_start[c] = out_border if side else node.out_start
            children.out_stop[c] = node.out_stop if side else out_border
            _add_up(bag.entries, children[c].start, children[c].stop, codes, weights, totals[c])
            c += 1
    return children, totals


def grow_trees(data: Data, rules: Rules, n_trees: int, threads: int, oob: bool) -> Trees:
    """Grow the first `n_trees` trees of the forest that `rules.seed` stands for.

    With `oob` the rows out of each bag are followed to their leaves; without, `oob_leaves` has no
    rows.
    """
    n_rows = data.columns.shape[1]
    at_once = max(1, STATE_AT_ONCE // (n_rows * (4 + threads)))
    with ThreadPoolExecutor(threads) as pool:
        parts = [
            _grow_together(
                data, rules, range(first, min(first + at_once, n_trees)), threads, oob, pool
            )
            for first in range(0, n_trees, at_once)
        ]
    return _join_trees(parts)


def _join_trees(parts: list[Trees]) -> Trees:
    """Put trees behind one another."""
    sizes = np.concatenate([np.diff(part.offsets) for part in parts])
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("feature", "threshold", "left", "weights", "oob_leaves")
    }
    return Trees(np.concatenate([[0], np.cumsum(sizes)]), **arrays)


def _grow_together(
    data: Data, rules: Rules, trees: range, threads: int, oob: bool, pool: ThreadPoolExecutor
) -> Trees:
    n_columns, n_rows = data.columns.shape
    n_classes = len(data.factors)
    two = n_classes == 2 and data.weights is None
    weights = np.empty(0) if two else _ones(data.weights, n_rows)
    keys = np.array([_mix(np.uint64(rules.seed), t) for t in trees], np.uint64)
    nodes, bag = _plant(data, rules, keys, threads, oob)
    totals = np.zeros((len(nodes), n_classes))
    for node, total in zip(nodes, totals, strict=True):
        _add_up(bag.entries, node["start"], node["stop"], data.codes, weights, total)
    oob_leaves = np.full((len(trees), n_rows if oob else 0), -1, np.int32)
    sizes = np.ones(len(trees), np.int64)
    order = np.arange(n_columns, dtype=np.int32)
    work = [_make_work(n_classes) for _ in range(threads)]

    levels: list[Any] = []
    while len(nodes):
        bests = [_no_best(len(nodes)) for _ in range(threads)]
        best = bests[0]
        for chosen in _passes(_may_split(nodes, totals, rules, len(levels)), rules):
            begins, draws = _draw(nodes, chosen, rules.max_features, n_columns, order)
            blocks = iter(range(0, n_columns, COLUMNS_AT_ONCE))  # threads take turns

            def search(
                thread: int,
                blocks: Iterator[int] = blocks,
                begins: np.ndarray = begins,
                draws: np.ndarray = draws,
                nodes: np.ndarray = nodes,
                totals: np.ndarray = totals,
                bests: list[np.ndarray] = bests,
            ) -> None:
                for first in blocks:
                    last = min(first + COLUMNS_AT_ONCE, n_columns)
                    _search(
                        data.columns, first, last, begins, draws, nodes, totals, data.codes,
                        weights, data.factors, rules, bag, bests[thread], thread, work[thread],
                    )  # fmt: skip

            list(pool.map(search, range(threads)))
            for other in bests[1:]:
                _merge(best, other)
            _search_on(
                data.columns, nodes, chosen, rules.max_features, totals, data.codes, weights,
                data.factors, rules, bag, best, work[0], order,
            )  # fmt: skip
        left = np.zeros(len(nodes), np.int32)
        children, child_totals = _split(
            nodes, best, bag, data.codes, weights, sizes, keys, left, oob_leaves, n_classes
        )
        levels.append((nodes, best, left, totals))
        nodes, totals = children, child_totals
    return _in_order(levels, sizes, data.factors, oob_leaves)


def _ones(weights: np.ndarray | None, n_rows: int) -> np.ndarray:
    return np.ones(n_rows) if weights is None else weights


def _plant(
    data: Data, rules: Rules, keys: np.ndarray, threads: int, oob: bool
) -> tuple[np.ndarray, _Bag]:
    """Draw each tree's bag; return the roots, and the rows."""
    n_units = data.units.max() + 1
    weighty = data.factors[data.codes] > 0
    if data.weights is not None:
        weighty &= data.weights > 0
    entries, out = [], []
    nodes = np.zeros(len(keys), NODE)
    at = out_at = 0
    for tree, key in enumerate(keys):
        times = np.ones(n_units, np.int64)
        if rules.bootstrap:
            times = _draw_units(np.uint64(_mix(key, 1 << 41)), n_units)
        times = times[data.units]
        rows = np.flatnonzero((times > 0) & weighty)
        outside = np.flatnonzero(times == 0) if oob else np.empty(0, np.int64)
        label = (data.codes[rows] & 1) << CLASS_BIT
        entries.append((rows | label | (times[rows] << TIMES_SHIFT)).astype(np.uint32))
        out.append(outside.astype(np.uint32))
        ends = at + len(rows), out_at + len(outside)
        nodes[tree] = (_mix(key, 0), at, ends[0], out_at, ends[1], tree, 0)
        at, out_at = ends
    sides = np.empty((threads, at), np.bool_)
    out_sides = np.empty((threads, out_at), np.bool_)
    return nodes, _Bag(np.concatenate(entries), np.concatenate(out), sides, out_sides)


def _make_work(n_classes: int) -> _Work:
    return _Work(
        bins=np.zeros(256, np.uint64),
        coarse_bins=np.zeros((4, COARSE_BINS), np.uint64),
        taken=np.zeros(256, np.uint8),
        keys=np.empty(SORTED, np.uint64),
        values=np.empty(256, np.uint8),
        sums=np.empty(256, np.uint64),
        gains=np.empty(256),
        class_bins=np.empty((257, n_classes)),
    )


def _no_best(n: int) -> np.ndarray:
    best = np.zeros(n, BEST).view(np.recarray)
    best["gain"], best["feature"] = NO_GAIN, -1
    return best


def _may_split(nodes: np.ndarray, totals: np.ndarray, rules: Rules, depth: int) -> np.ndarray:
    rows = nodes["stop"] - nodes["start"]
    enough = rows >= max(rules.min_samples_split, 2 * rules.min_samples_leaf)
    impure = np.count_nonzero(totals, axis=1) > 1
    return np.flatnonzero(enough & impure & (depth < rules.max_depth))


def _passes(chosen: np.ndarray, rules: Rules) -> list[np.ndarray]:
    """Divide nodes so that their draws fit in memory."""
    at_once = max(1, DRAWS_AT_ONCE // rules.max_features)
    return [chosen[first : first + at_once] for first in range(0, len(chosen), at_once)]


def _in_order(
    levels: list[Any], sizes: np.ndarray, factors: np.ndarray, oob_leaves: np.ndarray
) -> Trees:
    """Bring the levels' nodes of all trees into the order of `Trees`."""
    nodes, best, left, totals = (
        np.concatenate([level[part] for level in levels]) for part in range(4)
    )
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    order = np.argsort(offsets[nodes["tree"]] + nodes["number"])
    return Trees(
        offsets,
        best["feature"][order],
        best["threshold"][order].astype(np.uint8),
        left[order],
        totals[order] * factors,
        oob_leaves,
    )


@allocating
def walk(matrix, offsets, feature, threshold, left, values, counts):
    """Add up what the first trees say of each row, for several numbers of trees.

    `matrix` (rows, features) uint8; `values` (nodes, classes) float64; `counts` (sizes,) int64,
    ascending. Returns (sizes, rows, classes) float64.
    """
    n_rows, n_classes = len(matrix), values.shape[1]
    sums = np.zeros((len(counts), n_rows, n_classes))
    total = np.zeros((n_rows, n_classes))
    at = 0
    for t in range(counts[-1]):
        root = offsets[t]
        for row in range(n_rows):
            node = root
            while left[node]:
                node = root + left[node] + (matrix[row, feature[node]] > threshold[node])
            for c in range(n_classes):
                total[row, c] += values[node, c]
        if counts[at] == t + 1:
            sums[at] = total
            at += 1
    return sums


@compiled
def transpose_into(columns, positions, block):
    """Set `columns[:, positions]` (features, rows) to the transpose of `block` (m, features)."""
    tile = 64  # columns whose lines stay in the cache
    for first in range(0, len(columns), tile):
        for row in range(len(block)):
            for column in range(first, min(first + tile, len(columns))):
                columns[column, positions[row]] = block[row, column]
