"""Random graphs and their personalised PageRank by networkx, for tests/suite/rank.rs.

    python3 rank.py > rank.json      (networkx 3.6.1; made once, with the seeds below)

A connection is an edge of weight 1 in both directions, a vouch one of its own weight in one; several add up.
"""

import json
import random

import networkx
from networkx.algorithms.link_analysis.pagerank_alg import _pagerank_python

graphs = []
for seed in range(16):
    random.seed(seed)
    people = random.randint(3, 60)
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(people))
    ties = []

    def add(one, other, weight):
        old = graph.get_edge_data(one, other, {"weight": 0.0})["weight"]
        graph.add_edge(one, other, weight=old + weight)

    taken = set()
    for _ in range(random.randint(people, people * 5)):
        one, other = random.sample(range(people), 2)
        if random.random() < 0.5:
            if ("c", *sorted((one, other))) in taken:
                continue
            taken.add(("c", *sorted((one, other))))
            ties.append([one, other, 0])
            add(one, other, 1.0)
            add(other, one, 1.0)
        else:
            if ("v", one, other) in taken:
                continue
            taken.add(("v", one, other))
            millionths = random.randint(1, 1_000_000)
            ties.append([one, other, millionths])
            add(one, other, millionths / 1e6)
    ranks = _pagerank_python(graph, alpha=0.85, personalization={0: 1.0}, max_iter=10_000, tol=1e-14)
    graphs.append({"people": people, "ties": ties, "ranks": [ranks[person] for person in range(people)]})

print(json.dumps(graphs, separators=(",", ":")))
