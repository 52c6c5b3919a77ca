"""``banjian county rescue``: a county without disk and without backup begins in an empty folder."""

from __future__ import annotations

from pathlib import Path

from ledger.facade import Home
from ledger.facade.base.home import GENESIS_NAME
from ledger.facade.opened.rescuing import rescue_county
from ledger.types import StationId
from stations.cli.call import Call
from stations.cli.keys import read_ledger_id
from stations.config import write_config
from stations.kept.restoring import check_ca_key
from stations.unreadable import read_named
from sync.certs.credentials import (
    CA_KEY_NAME,
    CA_NAME,
    ensure_county_certificate,
    read_ca,
    read_ca_certificate,
)
from sync.certs.pki import to_pem


def rescue(call: Call, *, dir_: str, station_dir: str, ca_key: str, ledger_id: str) -> int:
    """Make the county's folder anew from what a station keeps in the open; the stations fill it.

    Raises:
        StoreError: ``home.unreadable`` for a folder without the ledger's genesis, or a key that is not there.
        DataError: ``sync.other_ledger``; ``tls.other_ledger``, ``tls.certificate``.
        InputError: ``restore.ca_key`` for another key than that of the CA's certificate.
        ConfigError: ``home.exists``; ``tls.not_joined`` for a station without certificate.
    """
    expected, source = read_ledger_id(ledger_id), Home(Path(station_dir))
    genesis, key = read_named(source.path / GENESIS_NAME), read_named(Path(ca_key))

    def finish(folder: Path, station: StationId) -> None:
        certificate = read_ca_certificate(source, expected)
        check_ca_key(source.path, key)
        made = Home(folder)
        made.write_certificate(CA_NAME, to_pem(certificate))
        made.write_secret(CA_KEY_NAME, key)
        ensure_county_certificate(
            made, read_ca(made, expected), station=station, ledger_id=expected,
            now_ms=call.app.clock.now_ms(), randomness=call.app.randomness,
        )  # fmt: skip
        write_config(folder, station=station)

    home = Home(Path(dir_).absolute())
    station = rescue_county(home, genesis, expected=expected, randomness=call.app.randomness, finish=finish)
    call.line(call.say("county.rescued", station=station, dir=home.path))
    call.emit({"station": station, "dir": str(home.path), "ledger_id": expected.hex()})
    call.hint("county.rescue_next", dir=home.path)
    return 0
