"""The one configuration file of an installation: ``banjian.toml`` becomes one frozen value.

An unknown key is an error: a misspelt key that is silently ignored is a setting that does not hold. Secrets
are never written here.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from ledger import platform
from ledger.errors import ConfigError

CONFIG_NAME = "banjian.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    """Settings of one installation, documented in ``docs/config.md``.

    Attributes:
        station: station that commands act for when neither ``--station`` nor the key settles it.
        backup_dir: folder for ``banjian backup`` when the command names none; "" for none.
        backup_warn_days: days after which ``banjian doctor`` calls the last backup old.
        disk_warn_mb: free disk below which ``banjian doctor`` warns, in MiB.
        slip_width: columns of the printed receipt slip.
        listen: ``host:port`` on which stations below this one are listened for; "" for none.
        sync_interval_s: seconds after which ``banjian serve`` syncs although nothing happened here.
        upstream: addresses of the station above, ``https://host:port``, in the order in which they are tried.
        web: ``host:port`` on which ``banjian serve`` shows its pages; "" for none.
        web_names: names besides addresses and ``localhost`` under which browsers in the office reach them.
        lock_after_s: seconds without a key pressed after which a browser is locked.
        stick_dirs: folders besides the usual places in which sticks appear.
    """

    station: str = ""
    backup_dir: str = ""
    backup_warn_days: int = 7
    disk_warn_mb: int = 512
    slip_width: int = 48
    upstream: tuple[str, ...] = ()
    listen: str = ""
    sync_interval_s: int = 60
    web: str = "127.0.0.1:8710"
    web_names: tuple[str, ...] = ()
    lock_after_s: int = 600
    stick_dirs: tuple[str, ...] = ()


def load_config(folder: Path) -> StationConfig:
    """Return the configuration of an installation; defaults where the file is missing.

    Raises:
        ConfigError: ``config.syntax``, ``config.unknown_key``, ``config.value``.
    """
    path = folder / CONFIG_NAME
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return StationConfig()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("config.unreadable", path=str(path)) from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("config.syntax", path=str(path), detail=str(error)) from error
    return parse_config(table, path)


def parse_config(table: dict[str, object], path: Path) -> StationConfig:
    """Return the configuration held by a decoded TOML table.

    Raises:
        ConfigError: ``config.unknown_key``, ``config.value``.
    """
    known = {field.name: field.default for field in fields(StationConfig)}
    texts: dict[str, str] = {}
    numbers: dict[str, int] = {}
    lists: dict[str, tuple[str, ...]] = {}
    for key, value in table.items():
        if key not in known:
            raise ConfigError("config.unknown_key", key=key, path=str(path))
        default = known[key]
        if isinstance(default, str) and isinstance(value, str):
            texts[key] = value
        elif (
            isinstance(default, int) and isinstance(value, int) and not isinstance(value, bool) and value > 0
        ):
            numbers[key] = value
        elif isinstance(default, tuple) and isinstance(value, list) and _fits_list(key, value):
            lists[key] = tuple(str(item) for item in value)
        else:
            raise ConfigError("config.value", key=key, value=str(value), path=str(path))
    return _build(texts, numbers, lists)


def _fits_list(key: str, values: list[object]) -> bool:
    begins = "https://" if key == "upstream" else ""
    return all(isinstance(item, str) and item.startswith(begins) and item for item in values)


def _build(
    texts: dict[str, str], numbers: dict[str, int], lists: dict[str, tuple[str, ...]]
) -> StationConfig:
    base = StationConfig()
    return StationConfig(
        station=texts.get("station", base.station),
        backup_dir=texts.get("backup_dir", base.backup_dir),
        backup_warn_days=numbers.get("backup_warn_days", base.backup_warn_days),
        disk_warn_mb=numbers.get("disk_warn_mb", base.disk_warn_mb),
        slip_width=numbers.get("slip_width", base.slip_width),
        listen=texts.get("listen", base.listen),
        sync_interval_s=numbers.get("sync_interval_s", base.sync_interval_s),
        upstream=lists.get("upstream", base.upstream),
        web=texts.get("web", base.web),
        web_names=lists.get("web_names", base.web_names),
        lock_after_s=numbers.get("lock_after_s", base.lock_after_s),
        stick_dirs=lists.get("stick_dirs", base.stick_dirs),
    )


def write_config(folder: Path, *, station: str, upstream: Sequence[str] = ()) -> Path:
    """Write the first configuration of a new installation and return its path; an existing file is kept."""
    path = folder / CONFIG_NAME
    if not path.exists():
        text = (
            "# 本机办件台账的设置，说明见 docs/config.md。\n"
            "# Settings of this installation; see docs/config.md.\n"
            f'station = "{station}"\n'
        )
        if upstream:
            text += f"upstream = {json.dumps(list(upstream))}\n"
        platform.write_durably(path, text.encode("utf-8"))
    return path


def add_upstream(folder: Path, addresses: Sequence[str]) -> None:
    """Write where the station above listens into a configuration that names no address yet.

    Raises:
        ConfigError: as ``load_config``.
        StoreError: the disk's own reasons.
    """
    if not addresses or load_config(folder).upstream:
        return
    path = folder / CONFIG_NAME
    before = path.read_text(encoding="utf-8-sig").rstrip("\n") if path.exists() else ""
    text = f"{before}\nupstream = {json.dumps(list(addresses))}\n".lstrip("\n")
    platform.write_durably(path, text.encode("utf-8"))
