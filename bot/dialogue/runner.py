"""Runs a trained model's graph node after node. Rasa's own runner plans the graph anew, with Dask, three times a turn."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphNodeHook, GraphSchema
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.runner.interface import GraphRunner
from rasa.engine.storage.storage import ModelStorage


class SequentialGraphRunner(GraphRunner):
    """The nodes of a loaded model, in an order that is made once for each set of targets."""

    def __init__(self, loaded: DaskGraphRunner) -> None:
        self._schema: GraphSchema = loaded._graph_schema
        self._nodes = loaded._instantiated_nodes
        self._orders: dict[tuple[str, ...], list[tuple[str, tuple[str, ...]]]] = {}

    @classmethod
    def create(
        cls,
        graph_schema: GraphSchema,
        model_storage: ModelStorage,
        execution_context: ExecutionContext,
        hooks: list[GraphNodeHook] | None = None,
    ) -> SequentialGraphRunner:
        """Load the nodes, as Rasa does."""
        return cls(DaskGraphRunner.create(graph_schema, model_storage, execution_context, hooks))

    def run(self, inputs: dict[str, Any] | None = None, targets: list[str] | None = None) -> dict[str, Any]:
        """The outputs of the targets, by name."""
        wanted = tuple(targets or self._schema.target_names)
        results: dict[str, tuple[str, Any]] = {name: (name, value) for name, value in (inputs or {}).items()}
        for name, needs in self._order(wanted):
            results[name] = self._nodes[name](*(results[need] for need in needs))
        return dict(results[name] for name in wanted)

    def _order(self, targets: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
        if targets not in self._orders:
            nodes = self._schema.minimal_graph_schema(list(targets)).nodes
            needs = {name: tuple(node.needs.values()) for name, node in nodes.items()}
            self._orders[targets] = [(name, needs[name]) for name in TopologicalSorter(needs).static_order() if name in needs]
        return self._orders[targets]
