"""A tree's text → a ``CompiledTree``, or the reasons why not. The shell renders ``tree.prompts`` before it goes live."""

from __future__ import annotations

from m3voip.ivr import lint
from m3voip.ivr.finding import TreeError
from m3voip.ivr.interpreter import CompiledTree
from m3voip.ivr.known import Known
from m3voip.ivr.model import Tree, read
from m3voip.ivr.prompts import PromptBook


def compile_text(text: str, *, name: str, version: int, engine: str = "", known: Known = Known()) -> CompiledTree:  # noqa: B008 (frozen)
    """Read, check and compile a tree. Raises TreeError with every finding when one of them is an error.

    ``version`` is the stored revision that calls remember; ``engine`` names the text-to-speech engine and its version
    (``Speech.engine``), because another engine makes other sounds; ``known.files`` makes files' keys follow their content.
    """
    draft = read(text, name)
    findings = lint.check(draft, known)
    if lint.errors(findings):
        raise TreeError(name, findings)
    return compile_tree(draft.tree, version=version, engine=engine, known=known)


def recompile_text(text: str, *, name: str, version: int, engine: str = "", known: Known = Known()) -> CompiledTree:  # noqa: B008
    """Compile the version that a call in progress follows. It passed the rules of its day; today's must not end the call.

    Raises TreeError when it can no longer be read at all.
    """
    draft = read(text, name)
    if draft.findings:
        raise TreeError(name, draft.findings)
    try:
        return compile_tree(draft.tree, version=version, engine=engine, known=known)
    except (ValueError, KeyError) as error:  # a zone, region or outcome that this version of the program does not know
        raise TreeError(name, lint.check(draft, known)) from error


def compile_tree(tree: Tree, *, version: int, engine: str = "", known: Known = Known()) -> CompiledTree:  # noqa: B008
    """Compile a tree that lint has passed."""
    sensitive = lint.sensitive_variables(tree.nodes)
    book = PromptBook(engine=engine, voice=tree.voice, files=known.files or {}, sensitive=sensitive)
    nodes = {node: verb.compile(node, book) for node, verb in tree.nodes.items()}
    return CompiledTree(name=tree.name, version=version, entry=tree.entry, nodes=nodes, prompts=book.sources)
