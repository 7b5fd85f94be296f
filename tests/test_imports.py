"""No circle of imports, those that only types need included. The order of the layers is import-linter's to check."""

from collections import Counter
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

from tests.harness import ROOT


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph("toplist", exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imports) > 50
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


def test_a_class_name_stands_for_one_class() -> None:
    found = Counter(
        line.split("class ")[1].split("(")[0].split(":")[0]
        for path in (ROOT / "toplist").rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("class ")
    )
    # Scrapy finds a command by its module's name; each is the class `Command` of a module of its own.
    assert {name for name, times in found.items() if times > 1} <= {"Command"}


def test_every_folder_says_in_one_line_what_it_holds() -> None:
    folders = sorted((ROOT / "toplist").rglob("__init__.py"))
    silent = [str(each.relative_to(ROOT)) for each in folders if not each.read_text("utf-8").startswith('"""')]
    assert (silent, len(folders) > 8) == ([], True)
