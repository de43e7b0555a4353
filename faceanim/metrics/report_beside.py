"""This run's figures beside those of other runs and of papers."""

import html
from collections.abc import Mapping
from typing import Any

from faceanim.metrics.catalogue import METRICS
from faceanim.metrics.published import PUBLISHED_FIGURES
from faceanim.metrics.report_cells import cell, number


def beside_others(content: dict[str, Any], others: Mapping[str, dict[str, Any]]) -> str:
    """The generated figures of other runs, by name, and whether they compare."""
    head, notes = "", []
    for name, other in others.items():
        differs = differences(content, other)
        head += (
            f"<th class=n>{html.escape(name)}<small>{'not comparable' if differs else 'comparable'}</small>"
        )
        if differs:
            notes.append(f"<li>{html.escape(name)} differs in {html.escape(', '.join(differs))}")
    rows = []
    for name, info in METRICS.items():
        runs = [content, *others.values()]
        scores = [run["metrics"].get(name, {}).get("generated") for run in runs]
        if all(score is None or score["value"] is None for score in scores):
            continue
        cells = "".join("<td class=n>–" if score is None else cell(score, False) for score in scores)
        rows.append(f"<tr><td>{info.title}{cells}")
    return (
        f"<h2>Beside other runs</h2><div class=wide><table><tr><th>metric<th class=n>this run{head}{''.join(rows)}"
        f"</table></div>{'<ul>' * bool(notes)}{''.join(notes)}{'</ul>' * bool(notes)}"
    )


def differences(content: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Why the figures of two runs do not compare: nothing where they do."""
    fields = sorted(set(content["protocol"]) | set(other.get("protocol", {})))
    ours, theirs = content["protocol"], other.get("protocol", {})
    found = [f"protocol.{name}" for name in fields if ours.get(name) != theirs.get(name)]
    if not found and content["protocol_hash"] != other["protocol_hash"]:
        found = ["protocol"]
    return found + (["the clips measured"] if content["data_hash"] != other["data_hash"] else [])


def beside_published(content: dict[str, Any]) -> str:
    """What papers say, marked as not comparable."""
    names = list(dict.fromkeys(name for row in PUBLISHED_FIGURES for name in row.figures))
    ours = "".join(cell(content["metrics"][name]["generated"], False) for name in names)
    head = "".join(f"<th class=n>{METRICS[name].title}" for name in names)
    rows = "".join(
        f"<tr class=none><td>{row.method}<td>{html.escape(row.source)}<small>{html.escape(row.protocol)}</small>"
        + "".join(f"<td class=n>{number(row.figures[n]) if n in row.figures else '–'}" for n in names)
        for row in PUBLISHED_FIGURES
    )
    return (
        "<h2>Published figures</h2><div class=warn>Not comparable with the figures above: other clips, crops and "
        "frames, and driven by speech. They stand here to show their order of magnitude, and how far two papers are "
        "apart on the same method and data set. Taken from summaries of the papers: look them up before you cite "
        "them.</div><div class=wide><table><tr><th>method<th>measured by"
        f"{head}<tr><td>this run<td>protocol <code>{content['protocol_hash'][:12]}</code>{ours}{rows}</table></div>"
    )
