"""Data of a plan that is only looked at: the hub need not answer for it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

from trainables.data.digests import DIGITS
from trainables.data.hub import HUB
from trainables.data.reading import files_of
from trainables.data.source import DataSource, MissingDataError, PassedOn
from trainables.ledger.plan import Plan
from trainables.tasks.revisions import REVISIONS, is_commit
from trainables.tasks.task import Source


class ForeseenData(PassedOn):
    """Another source, but for fingerprints: where the hub cannot be asked for the commit behind a branch, the name of
    the branch stands for it, and `unasked` says why.

    Such a fingerprint, and the id of every run that has it, is preliminary. Nothing may be computed with it.
    """

    def __init__(self, data: DataSource) -> None:
        super().__init__(data)
        self.unasked: dict[str, str] = {}

    def fingerprint(self, sources: Sequence[Source], *, anew: bool = False) -> str:
        branches = {source.repository for source in sources if _is_branch(source)}
        if self.kind != HUB or not branches:
            return self.base.fingerprint(sources, anew=anew)
        if not branches & self.unasked.keys():
            try:
                return self.base.fingerprint(sources, anew=anew)
            except MissingDataError as error:
                self.unasked |= dict.fromkeys(sorted(branches), str(error))
        named = sorted({f"{source.path}@{REVISIONS.get(source.repository, '')}" for source in sources})
        return hashlib.sha256("\n".join(["preliminary", *named]).encode()).hexdigest()[:DIGITS]


def preliminary_runs(
    plan: Plan, data: DataSource, unasked: Collection[str], preferences: Mapping[str, str]
) -> frozenset[str]:
    """Runs whose id will be another one: they read one of these repositories, or start from a run that does."""
    found: set[str] = set()
    for run_id, node in plan.nodes.items() if unasked else ():
        read = {source.repository for source in files_of(node.spec, data, preferences)}
        if read & set(unasked) or found & set(node.parents):
            found.add(run_id)
    return frozenset(found)


def _is_branch(source: Source) -> bool:
    return source.repository in REVISIONS and not is_commit(REVISIONS[source.repository])
