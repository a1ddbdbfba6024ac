"""Results as Markdown."""


def columns(run):
    share = run.rows / run.rows_offered
    cells = [
        f"{run.values / 1e6:.2f} M",
        f"{run.cpu:.2f}",
        f"{run.values / run.cpu / 1e6:.2f} M",
        f"{run.wall:.2f}",
        f"{run.peak / 2**20:.0f}",
        f"{run.disk / 1e6:.2f}" if run.disk >= 1e6 else f"{run.disk / 1e6:.3f}",
        f"{run.disk / run.values:.3f}",
    ]
    notes = list(run.notes)
    if share < 0.9999:
        notes.insert(0, f"stopped at the limit after {share:.0%} of the rows")
    return cells + ["; ".join(notes)]


def line(name, run):
    titles = ["values", "CPU s", "values/CPU s", "wall s", "peak MiB", "MB", "B/value", ""]
    cells = [f"{title} {cell}".strip() for title, cell in zip(titles, columns(run)) if cell]
    return f"{name:18} " + ", ".join(cells)


def ingest(results):
    lines = [
        "| data | contender | values | CPU s | values per CPU s | wall s | peak MiB | disk MB | B/value | |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for data, name, run in results:
        lines.append(f"| {data} | {name} | " + " | ".join(columns(run)) + " |")
    return "\n".join(lines) + "\n"


def queries(results):
    """A row for each query, a column for each contender; empty where none was asked."""
    asked = [(name, run.queries) for _, name, run in results if run.queries]
    if not asked:
        return ""
    titles = list(dict.fromkeys(title for _, times in asked for title in times))
    lines = [
        "Milliseconds, the best of five, over `cpu-ints`:\n",
        "| query | " + " | ".join(name for name, _ in asked) + " |",
        "| --- |" + " ---: |" * len(asked),
    ]
    for title in titles:
        cells = [f"{times[title]:.2f}" if title in times else "" for _, times in asked]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
