/**
 * Run by the service's own interpreter in the service's folder; prints JSON, see `Interpreter`. `missing` are the
 * requirements of requirements.txt (or of pyproject.toml) that it does not meet. What it cannot judge (a URL, a local path, an
 * option) counts as missing: then a virtual environment is made. Versions are compared by the `packaging` library, which comes
 * with pip; without any pip only names with `==` or no version are judged.
 */
export const requirementsCheck = String.raw`
import json, os, re, sys, sysconfig
try:
    from importlib import metadata
except ImportError:
    sys.exit(1)
try:
    from pip._vendor.packaging.requirements import Requirement
except Exception:
    try:
        from packaging.requirements import Requirement
    except Exception:
        Requirement = None

def is_met_plainly(text):
    match = re.match(r"^([A-Za-z0-9._-]+)\s*(?:==\s*([A-Za-z0-9.+!_-]+))?$", text)
    if not match:
        return False
    try:
        version = metadata.version(match.group(1))
    except metadata.PackageNotFoundError:
        return False
    return match.group(2) is None or match.group(2) == version

def is_met(text, seen=()):
    if Requirement is None:
        return is_met_plainly(text)
    try:
        requirement = Requirement(text)
    except Exception:
        return False
    if requirement.url:
        return False
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return True
    try:
        found = metadata.distribution(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    if not requirement.specifier.contains(found.version, prereleases=True):
        return False
    for extra in requirement.extras:
        if (requirement.name, extra) in seen:
            continue
        for line in found.requires or []:
            inner = Requirement(line)
            if inner.marker is None or not inner.marker.evaluate({"extra": extra}):
                continue
            if inner.marker.evaluate({"extra": ""}):
                continue
            inner.marker = None
            if not is_met(str(inner), seen + ((requirement.name, extra),)):
                return False
    return True

def from_file(path, seen):
    path = os.path.abspath(path)
    if path in seen:
        return
    seen.add(path)
    with open(path, encoding="utf-8-sig") as file:
        text = re.sub(r"\\\r?\n", " ", file.read())
    for line in text.splitlines():
        line = re.sub(r"(^|\s+)#.*$", "", line).strip()
        line = re.sub(r"\s+--hash[=\s]\S+", "", line)
        if not line:
            continue
        nested = re.match(r"^(?:-r|--requirement)[\s=]+(\S+)$", line)
        if nested:
            yield from from_file(os.path.join(os.path.dirname(path), nested.group(1)), seen)
        elif re.match(r"^(?:-i|--index-url|--extra-index-url|-f|--find-links|--prefer-binary|--pre|--no-index|--trusted-host|--only-binary|--no-binary)\b", line):
            continue
        else:
            yield line

def from_project():
    try:
        import tomllib
    except ImportError:
        return ["pyproject.toml"]
    with open("pyproject.toml", "rb") as file:
        project = tomllib.load(file).get("project")
    if project is None:
        return ["pyproject.toml"]
    lines = list(project.get("dependencies", []))
    if "dependencies" in project.get("dynamic", []):
        lines.append("pyproject.toml")
    if os.path.isdir("src") or project.get("scripts"):
        lines.append(project.get("name", "pyproject.toml"))
    return lines

missing = []
try:
    if os.path.exists("requirements.txt"):
        lines = list(from_file("requirements.txt", set()))
    elif os.path.exists("pyproject.toml"):
        lines = from_project()
    else:
        lines = []
    missing = [line for line in lines if not is_met(line)]
except Exception as error:
    missing = ["requirements that cannot be read: %s" % error]

try:
    installs_elsewhere = tuple(int(part) for part in metadata.version("pip").split(".")[:2]) >= (22, 3)
except Exception:
    installs_elsewhere = False

scripts = [os.path.dirname(sys.executable), sysconfig.get_path("scripts")]
if sys.prefix == sys.base_prefix and "posix_user" in sysconfig.get_scheme_names():
    scripts.append(sysconfig.get_path("scripts", "posix_user"))
unique = [path for i, path in enumerate(scripts) if path and path not in scripts[:i] and os.path.isdir(path)]
print(json.dumps({"executable": sys.executable, "version": "%d.%d.%d" % sys.version_info[:3], "scripts": unique, "missing": missing, "installsElsewhere": installs_elsewhere}))
`
