"""Every crate that ships has a licence that deny.toml allows, and none is banned there."""
import pathlib
import re
import sys
import tomllib

root = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root / "cross"))
from notices import linked, metadata

rules = tomllib.loads((root / "deny.toml").read_text())
allowed = set(rules["licenses"]["allow"])
banned = {ban["crate"]: ban["reason"] for ban in rules["bans"]["deny"]}
data = metadata("x86_64-unknown-linux-gnu")


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


bad, shipped = [], linked(data, kinds=(None, "build"))
for package in shipped:
    name, licence = package["name"], package["license"] or ""
    if name in banned:
        bad.append(f"{name}: banned: {banned[name]}")
    if not licence or not permits(licence):
        bad.append(f"{name} {package['version']}: the licence {licence!r} is not allowed")
    if package["source"] and not package["source"].startswith("registry+"):
        bad.append(f"{name}: comes from {package['source']}")
print(f"{len(shipped)} crates, {len(bad)} that may not ship")
sys.exit("\n".join(sorted(bad)) or 0)
