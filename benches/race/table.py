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


def bars(results):
    """What is to be reached beside others, as rows like those of the bench `bars`; only where both took part."""
    runs = {(data, name): run for data, name, run in results}
    lines = []

    def row(what, measured, bar, unit):
        reached = "reached" if measured <= bar else f"**not reached**: {measured / bar:.2f} of it"
        lines.append(f"| {what} | {measured:.3g} {unit} | ≤ {bar:.3g} {unit} | {reached} |")

    for data, most in [("cpu-ints", 0.6), ("host", 0.12)]:
        if run := runs.get((data, "stripchart-http")):
            row(f"CPU seconds over HTTP, {data}", run.cpu, most, "s")
    shares = [("devops", 2 / 3), ("devops-jitter", 2 / 3), ("single-field", 1), ("pods", 1)]
    for data, share in shares:
        ours, theirs = runs.get((data, "stripchart")), runs.get((data, "victoria-metrics"))
        if ours and theirs:
            part = "two thirds of " if share < 1 else ""
            row(f"all files, {data}, against {part}VictoriaMetrics'", ours.disk / 1e6, share * theirs.disk / 1e6, "MB")
    if not lines:
        return ""
    return "\n".join(["| what | measured | to reach | |", "| --- | ---: | ---: | --- |", *lines]) + "\n"
