"""Trees over directed weights: the likeliest one, and how much of all trees' weight each edge carries."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ROOT = -1


def best_arborescence(score: ArrayLike, root: ArrayLike) -> IntArray:
    """Parent of each node in the tree of greatest total score; -1 where it hangs from the root. No circles.

    `score` (nodes, nodes), row = parent, -inf where no edge can be; `root` (nodes,) the score of hanging from the root
    outside, finite, since a node must have somewhere to go. Dense: a thousand nodes take about a second. Raises
    ValueError when shapes do not fit or a root score is not finite.

    Source: Chu & Liu 1965, Scientia Sinica 14:1396; Edmonds 1967, Journal of Research of the NBS 71B:233.

    >>> best_arborescence([[0, 5, 1], [6, 0, 4], [1, 1, 0]], [3, 1, 1]).tolist()
    [-1, 0, 1]
    """
    weights, hang = np.array(score, dtype=np.float64), np.array(root, dtype=np.float64)
    n = len(hang)
    if weights.shape != (n, n):
        msg = f"Scores of shape {weights.shape} do not fit {n} nodes."
        raise ValueError(msg)
    if not np.isfinite(hang).all():
        msg = "Every node needs a finite score at the root, or it may have nowhere to hang."
        raise ValueError(msg)
    if not n:
        return np.zeros(0, dtype=np.int64)
    full = np.full((n + 1, n + 1), -np.inf)
    full[:n, :n] = weights
    full[n, :n] = hang
    np.fill_diagonal(full, -np.inf)
    parent = _contracted(full)
    return np.where(parent[:n] == n, ROOT, parent[:n])


def edge_support(weight: ArrayLike, root: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Share of the weight of all trees that carries each edge (nodes, nodes), and each hanging from the root (nodes,).

    A tree's weight is the product of its edges' weights. The shares of a node's parents and of its root add up to 1.
    Unlike weights normalised case by case, circles are left out. Weights are at least 0, those at the root positive.
    Raises ValueError when they are not or the shapes do not fit.

    Source: Tutte's matrix-tree theorem; marginals as in Koo et al. 2007, EMNLP-CoNLL, 141.

    >>> edges, alone = edge_support([[0, 1], [1, 0]], [1, 1])
    >>> edges.round(3).tolist(), alone.round(3).tolist()
    ([[0.0, 0.333], [0.333, 0.0]], [0.667, 0.667])
    """
    w, hang = np.array(weight, dtype=np.float64), np.array(root, dtype=np.float64)
    n = len(hang)
    if w.shape != (n, n):
        msg = f"Weights of shape {w.shape} do not fit {n} nodes."
        raise ValueError(msg)
    if n and ((w < 0).any() or (hang <= 0).any()):
        msg = "Weights are at least 0, and above 0 at the root."
        raise ValueError(msg)
    np.fill_diagonal(w, 0.0)
    # Every tree has one edge into each node, so a column may be scaled freely.
    column = w.sum(axis=0) + hang
    w, hang = w / column, hang / column
    inverse = np.linalg.inv(np.eye(n) - w) if n else np.zeros((0, 0))
    own = np.diag(inverse)
    return np.clip(w * (own[None, :] - inverse.T), 0.0, 1.0), np.clip(hang * own, 0.0, 1.0)


def _contracted(score: FloatArray) -> IntArray:
    """Best parents of a dense matrix whose last node is the root; circles are contracted until none is left."""
    n = len(score) - 1
    parent = np.full(n + 1, n, dtype=np.int64)
    parent[:n] = np.argmax(score[:, :n], axis=0)
    circle = _circle(parent, n)
    if circle is None:
        return parent
    inside = np.zeros(n + 1, dtype=np.bool_)
    inside[circle] = True
    outside = np.flatnonzero(~inside)  # the root stays last
    lost = score[parent[circle], circle]
    # Into the circle: an edge from outside replaces the one edge of the circle at the node it enters.
    enter = score[np.ix_(outside, circle)] - lost[None, :]
    into = np.argmax(enter, axis=1)
    leave = score[np.ix_(circle, outside)]
    out_of = np.argmax(leave, axis=0)
    k = len(outside)
    smaller = np.full((k + 1, k + 1), -np.inf)
    # The contracted circle goes first, so that the root is still the last node.
    smaller[1:, 1:] = score[np.ix_(outside, outside)]
    smaller[1:, 0] = enter[np.arange(k), into]
    smaller[0, 1:] = leave[out_of, np.arange(k)]
    found = _contracted(smaller)
    entering = int(found[0]) - 1
    opened = int(circle[into[entering]])
    for node, above in enumerate(found[1:-1].tolist()):
        parent[outside[node]] = circle[out_of[node]] if above == 0 else outside[above - 1]
    parent[opened] = outside[entering]
    return parent


def _circle(parent: IntArray, root: int) -> IntArray | None:
    state = np.zeros(len(parent), dtype=np.int8)
    state[root] = 2
    for start in range(root):
        path, node = [], start
        while state[node] == 0:
            state[node] = 1
            path.append(node)
            node = int(parent[node])
        if state[node] == 1:
            return np.array(path[path.index(node) :], dtype=np.int64)
        state[path] = 2
    return None
