"""Bills of made plans."""

from __future__ import annotations

from search_spaces.presets import demo
from search_spaces.search_fields import SearchFields
from sweep.planning.bill import Bill, bill_of
from sweep.planning.clusters import Cluster
from sweep.planning.outlook import look_at
from trainables.ledger.plan import Plan
from trainables.ledger.store import Store


def bill(plan: Plan, store: Store, search: SearchFields | None = None, *clusters: Cluster) -> Bill:
    """What is left of a plan, with the settings of the demo."""
    config = demo().model_copy(update={"search": search or SearchFields()})
    return bill_of(look_at(plan, store), store, config, clusters)
