"""Runs a trained model's graph node after node. Rasa's own runner plans the graph anew, with Dask, three times a turn."""

from __future__ import annotations

from collections.abc import Callable
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

from rasa.engine.graph import ExecutionContext, GraphNode, GraphNodeHook, GraphSchema
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.runner.interface import GraphRunner
from rasa.engine.storage.storage import ModelStorage


class _Step(NamedTuple):
    name: str
    function: Callable[..., Any]
    component: Any
    inputs: tuple[tuple[str, str], ...]
    """Names of arguments, and of the nodes or inputs that they come from."""


class SequentialGraphRunner(GraphRunner):
    """The nodes of a loaded model, in an order that is made once for each set of targets."""

    def __init__(self, loaded: DaskGraphRunner) -> None:
        self._schema: GraphSchema = loaded._graph_schema
        self._nodes: dict[str, GraphNode] = loaded._instantiated_nodes
        self._orders: dict[tuple[str, ...], list[_Step]] = {}

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
        results = dict(inputs or {})
        for step in self._order(wanted):
            results[step.name] = step.function(step.component, **{name: results[source] for name, source in step.inputs})
        return {name: results[name] for name in wanted}

    def _order(self, targets: tuple[str, ...]) -> list[_Step]:
        if targets not in self._orders:
            schema = self._schema.minimal_graph_schema(list(targets)).nodes
            order = TopologicalSorter({name: tuple(node.needs.values()) for name, node in schema.items()}).static_order()
            # A loaded model's components are there already and have no hooks: what is left of a node is its function.
            nodes = [self._nodes[name] for name in order if name in schema]
            self._orders[targets] = [_Step(node._node_name, node._fn, node._component, tuple(node._inputs.items())) for node in nodes]
        return self._orders[targets]
