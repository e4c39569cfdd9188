"""An import-linter contract of our own: modules that may import the standard library only."""

from __future__ import annotations

import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class StdlibOnly(Contract):
    """`modules` import nothing but the standard library and what `allowed` names."""

    # `Any`: import-linter replaces the fields by their values, which its types don't say.
    modules: Any = fields.ListField(subfield=fields.StringField())
    allowed: Any = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Collect the imports that break the rule."""
        if verbose:
            output.print(f"Looking at {', '.join(map(str, self.modules))}")
        names = [str(module) for module in self.modules]
        strangers = {name: self.strangers(graph, name) for name in names}
        return ContractCheck(kept=not any(strangers.values()), metadata={"strangers": strangers})

    def strangers(self, graph: ImportGraph, module: str) -> list[str]:
        """List what `module` imports though it may not."""
        welcome = {str(name) for name in self.allowed}
        imported = graph.find_modules_directly_imported_by(module)
        return sorted(
            name
            for name in imported - welcome
            if name.partition(".")[0] not in sys.stdlib_module_names
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Name each import that must go."""
        for module, names in check.metadata["strangers"].items():
            for name in names:
                output.print_error(f"{module} imports {name}", bold=False)
