"""Makes LocalStack 4.14 run on Python 3.11 and 3.12, which it claims to support.

A dozen of its files use features of Python 3.12 (type parameters: `class Store[T](dict)`) and 3.13
(`warnings.deprecated`). The older LocalStack 4.9 is not an alternative: it does not support CloudWatch over CBOR, the
only protocol that the Rust SDK uses for it.
"""

from __future__ import annotations

import re
from pathlib import Path


def rewrite(venv: Path) -> None:
    """Rewrites the installed LocalStack of a virtual environment."""
    for file in venv.glob("lib/python3.*/site-packages/localstack/**/*.py"):
        source = file.read_text(encoding="utf-8")
        if "from warnings import deprecated\n" in source:
            source = source.replace("from warnings import deprecated\n", "from typing_extensions import deprecated\n")
            file.write_text(source, encoding="utf-8")
        plain = re.sub(r"^(\s*(?:class|def) \w+)\[[^\]]*\]", r"\1", source, flags=re.MULTILINE)
        plain = re.sub(r"^type (\w+) = ", r"\1 = ", plain, flags=re.MULTILINE)
        if plain != source:
            plain = re.sub(r"^class .*\):$", lambda line: line[0].replace("[T]", ""), plain, flags=re.MULTILINE)
            file.write_text("from __future__ import annotations\n" + plain, encoding="utf-8")
