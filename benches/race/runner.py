"""What both races need: our programs, the machine in words, and a table's place in a paper."""

import json
import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parent.parent.parent


def build(wanted):
    """The paths of our programs, built as a release: (package, --bench or --example, name) each."""
    found = {}
    for package, kind, name in wanted:
        command = ["cargo", "build", "--release", "--message-format=json", "-p", package, kind, name]
        if kind == "--bench":
            command = ["cargo", "bench", "--no-run", "--message-format=json", "-p", package, kind, name]
        built = subprocess.run(command, cwd=WORKSPACE, stdout=subprocess.PIPE, text=True)
        if built.returncode != 0:
            sys.exit(f"race: {' '.join(command)} failed")
        for line in built.stdout.splitlines():
            message = json.loads(line)
            if message.get("executable") and message["target"]["name"] == name:
                found[name] = message["executable"]
    return found


def machine():
    model = "an unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=WORKSPACE, stdout=subprocess.PIPE, text=True)
    today = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    return f"{today}, commit {commit.stdout.strip() or 'unknown'}; {os.cpu_count()} x {model}, Linux {platform.release()}"


def put(file, name, text):
    """Replaces what is between `<!-- NAME -->` and `<!-- /NAME -->` in a file."""
    paper = file.read_text()
    before, begun, rest = paper.partition(f"<!-- {name} -->\n")
    _, ended, after = rest.partition(f"<!-- /{name} -->")
    if not begun or not ended:
        sys.exit(f"race: {file}: expected <!-- {name} --> and <!-- /{name} -->")
    file.write_text(f"{before}{begun}\n{text}\n{ended}{after}")
