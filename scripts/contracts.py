"""A rule for imports that import-linter does not have; `pyproject.toml` names it."""

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, output


class OwnPackage(Contract):
    """No module imports the package that it is in: the package's `__init__` imports its modules, so that were a circle."""

    type_name = "own_package"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 - the call of every contract
        found = [
            (module, package)
            for module in sorted(graph.modules)
            for package in sorted(graph.find_modules_directly_imported_by(module))
            if module.startswith(f"{package}.")
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for module, package in check.metadata["found"]:
            output.print_error(f"{module} imports {package}, which it is in: import the module that defines what it needs.")
