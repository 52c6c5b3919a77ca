"""What the installers ask the interpreter: where the ledger lies, on which port, which version is older.

Run by ``install.sh`` and ``install.ps1`` with the machine's own 64-bit Python 3.11 to 3.13; needs nothing but
the standard library, and pip for the order of versions.

``settle``: print what holds from now on, as JSON in ASCII: what was given, else what was chosen when it was
installed, else the usual. ``show NAME``: one value of such a JSON text on standard input. ``unit``: print the
systemd unit for it. ``older NEW OLD``: exit 0 when NEW comes before OLD, 1 when not.

Exit codes otherwise: 0 done; 2 refused, with a line in Chinese and one in English.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

PORT_USUAL = 8710
PORT_MIN, PORT_MAX = 1024, 65535
"""Below 1024 only the administrator may listen, and the program never runs as one."""
REFUSED = 2
Chosen = Mapping[str, object]


class RefusedError(Exception):
    """What was asked for cannot be; holds the words in Chinese and in English."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one of the four and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and not stream.isatty():
            reconfigure(encoding="utf-8" if os.name != "nt" else None, errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        if options.what == "older":
            return 0 if is_older(options.new, options.old) else 1
        if options.what == "settle":
            given = {name: getattr(options, name) for name in ("data", "port", "service")}
            chosen = settle(
                given,
                kept=read_kept(options.kept, was=os.environ.get("BANJIAN_WAS", "")),
                usual_data=options.usual_data,
                program=options.kept.parent,
            )
            print(json.dumps(chosen))
            return 0
        chosen = json.loads(sys.stdin.read())
        if options.what == "show":
            print(chosen[options.name])
        else:
            print(unit_text(options, chosen), end="")
    except RefusedError as error:
        print(*(f"✗ {line}" for line in error.args), sep="\n", file=sys.stderr)
        return REFUSED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    commands = parser.add_subparsers(dest="what", required=True)
    one = commands.add_parser("settle")
    one.add_argument("--kept", type=Path, required=True)
    one.add_argument("--usual-data", required=True)
    for name in ("--data", "--port", "--service"):
        one.add_argument(name)
    one = commands.add_parser("show")
    one.add_argument("name", choices=("data", "port", "service", "app"))
    one = commands.add_parser("unit")
    one.add_argument("--template", type=Path, required=True)
    for name in ("--program", "--user", "--wanted"):
        one.add_argument(name, required=True)
    one = commands.add_parser("older")
    one.add_argument("new")
    one.add_argument("old")
    return parser


def read_kept(path: Path, *, was: str) -> Chosen:
    """Return what was chosen before; nothing on a new machine.

    Args:
        path: the file beside the program that holds it.
        was: how the service was started by an installer that kept no such file; may be empty.

    Raises:
        RefusedError: the file is there and cannot be read: guessing would open another, empty ledger.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        found = re.search(r' serve "?(.+?)"? --port (\d+)', was)
        return {"data": found[1], "port": int(found[2])} if found is not None else {}
    except (OSError, ValueError) as error:
        kept = error
    if not isinstance(kept, dict) or not isinstance(kept.get("data"), str):
        raise RefusedError(
            f"记着台账位置的文件读不出：{path}。台账没有动。请删去这个文件，带上台账的文件夹和端口再运行一次。",
            f"The file that says where the ledger lies cannot be read: {path}. The ledger was not touched. "
            "Delete this file and run this again with the ledger's folder and the port.",
        )
    return kept


def settle(given: Mapping[str, str | None], *, kept: Chosen, usual_data: str, program: Path) -> Chosen:
    """Return folder, port and whether it starts by itself: as given, else as kept, else as usual.

    Args:
        given: what was asked for this time; None for what was not named.
        kept: what was chosen before.
        usual_data: the folder of the ledger when nobody chose one.
        program: where the program is installed; the ledger may not lie there.

    Raises:
        RefusedError: a folder or port that cannot be.
    """
    data, port, service = (given.get(name) for name in ("data", "port", "service"))
    return {
        "data": data_folder(str(kept.get("data", usual_data)) if data is None else data, program=program),
        "port": port_number(str(kept.get("port", PORT_USUAL)) if port is None else port),
        "service": str(kept.get("service", "yes")) if service is None else service,
    }


def data_folder(text: str, *, program: Path) -> str:
    """Return a folder for the ledger as a full path.

    Raises:
        RefusedError: it is empty, holds characters that no service file can hold, or lies in the program.
    """
    if not text.strip() or any(ord(char) < 32 or "\ud800" <= char <= "\udfff" for char in text):
        raise RefusedError(
            f"台账的文件夹不能用：{text!a}。请给一个普通的文件夹名。没有安装任何东西。",
            f"This cannot be the ledger's folder: {text!a}. Name an ordinary one. Nothing was installed.",
        )
    path = Path(os.path.abspath(text))
    if path.resolve().is_relative_to(program.resolve()):
        raise RefusedError(
            f"台账不能放在程序的文件夹里：{path}。请另选一个文件夹。没有安装任何东西。",
            f"The ledger cannot lie in the program's own folder: {path}. Choose another one. "
            "Nothing was installed.",
        )
    return str(path)


def port_number(text: str) -> int:
    """Return a port.

    Raises:
        RefusedError: no number, or none that an ordinary program may listen on.
    """
    if not re.fullmatch(r"[0-9]{1,5}", text) or not PORT_MIN <= int(text) <= PORT_MAX:
        raise RefusedError(
            f"端口应为 {PORT_MIN} 到 {PORT_MAX} 的数字：{text[:20]}。没有安装任何东西。",
            f"The port must be a number from {PORT_MIN} to {PORT_MAX}: {text[:20]}. Nothing was installed.",
        )
    return int(text)


def is_older(new: str, old: str) -> bool:
    """Tell whether one version comes before another, also of development, candidates and later corrections.

    Raises:
        RefusedError: one of them is no version.
    """
    # pip is in every environment that the installers make, and orders versions as its own upgrades do.
    from pip._vendor.packaging.version import InvalidVersion, Version

    try:
        return Version(new) < Version(old)
    except InvalidVersion as error:
        raise RefusedError(
            f"看不懂版本号：{new!a}、{old!a}。没有安装任何东西。",
            f"These are no versions: {new!a}, {old!a}. Nothing was installed.",
        ) from error


def unit_text(options: argparse.Namespace, chosen: Chosen) -> str:
    """Return the systemd unit, with paths as it reads them."""
    values = {
        # Variables are never replaced in the program's own path, so a dollar stands there as it is.
        "PROGRAM": _quoted(options.program),
        "DATA": _quoted(str(chosen["data"])).replace("$", "$$"),
        "PORT": str(chosen["port"]),
        "USER": options.user,
        "WANTED": options.wanted,
    }
    text = options.template.read_text(encoding="utf-8")
    return re.sub(r"@([A-Z]+)@", lambda found: values[found[1]], text)


def _quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


if __name__ == "__main__":
    sys.exit(main())
