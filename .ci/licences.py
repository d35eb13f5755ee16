"""Every crate that ships has a licence that deny.toml allows, and none is banned there."""
import json
import pathlib
import re
import subprocess
import sys
import tomllib

root = pathlib.Path(__file__).resolve().parent.parent
rules = tomllib.loads((root / "deny.toml").read_text())
allowed = set(rules["licenses"]["allow"])
banned = {ban["crate"]: ban["reason"] for ban in rules["bans"]["deny"]}
command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"]
data = json.loads(subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout)
packages = {package["id"]: package for package in data["packages"]}
nodes = {node["id"]: node for node in data["resolve"]["nodes"]}


def permits(expression):
    """Whether an SPDX expression can be met with the allowed licences."""
    words = re.findall(r"\(|\)|[^\s()/]+(?: WITH [^\s()/]+)?|/", expression)
    python = []
    for word in words:
        if word in ("(", ")"):
            python.append(word)
        elif word in ("AND", "OR", "/"):
            python.append("or" if word in ("OR", "/") else "and")
        else:
            python.append(str(word in allowed))
    return eval(" ".join(python))


seen, queue, bad = set(), [data["resolve"]["root"]], []
while queue:
    current = queue.pop()
    if current in seen:
        continue
    seen.add(current)
    for dependency in nodes[current]["deps"]:
        if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
            queue.append(dependency["pkg"])
for package in (packages[one] for one in seen):
    name, licence = package["name"], package["license"] or ""
    if name in banned:
        bad.append(f"{name}: banned: {banned[name]}")
    if not licence or not permits(licence):
        bad.append(f"{name} {package['version']}: the licence {licence!r} is not allowed")
    if package["source"] and not package["source"].startswith("registry+"):
        bad.append(f"{name}: comes from {package['source']}")
print(f"{len(seen)} crates, {len(bad)} that may not ship")
sys.exit("\n".join(sorted(bad)) or 0)
