"""``pprl agreement``: draft, read, sign and verify what the parties of a run agree on."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pprl_cli import ui
from pprl_cli.agreement_shown import scheme_of, show_agreement
from pprl_cli.party import (
    AsJson,
    Force,
    HomeOption,
    PassphraseFd,
    PassphraseFile,
    at_work,
    find_run,
    home_folder,
)

if TYPE_CHECKING:
    from pprl_protocols.agreement import Agreement
    from pprl_protocols.disclosure import Mode
    from pprl_protocols.draft import Answers, Template

agreement = typer.Typer(no_args_is_help=True, help="What the parties of a run agree on.")

Source = Annotated[
    str,
    typer.Argument(metavar="AGREEMENT", help="A file (TOML), a run's id, or an exchange folder."),
]


@agreement.command("new")
def new(
    files: Annotated[
        list[Path],
        typer.Argument(readable=False, help="NAME.party.toml and NAME.card.json of all parties."),
    ],
    template: Annotated[str, typer.Option(help="What kind of run.")] = "krs-desil",
    out: Annotated[Path, typer.Option(readable=False, help="The draft.")] = Path("agreement.toml"),
    purpose: Annotated[str, typer.Option(help="What the result may be used for.")] = "",
    legal_basis: Annotated[str, typer.Option(help="What allows it.")] = "",
    dpia: Annotated[str, typer.Option(help="Reference of the impact assessment.")] = "",
    valid_until: Annotated[str, typer.Option(metavar="DATE", help="Last day, YYYY-MM-DD.")] = "",
    population: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]TEXT", help="Whom the agencies' registers cover."),
    ] = None,
    max_records: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]N", help="How many records an agency may enter."),
    ] = None,
    release: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FROM:TO:NAME,NAME", help="Attributes handed over for matched families."
        ),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(metavar="link|count", help="Whether owners learn their matches, or nobody."),
    ] = "",
    stratum: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:AGENCIES:VALUES",
            help="What tables are counted by: desil:kemensos:1-10, or a file with a value a line.",
        ),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME,NAME", help="Strata that a published table crosses; default: all."
        ),
    ] = None,
    noise: Annotated[
        int, typer.Option(min=0, help="Published counts are off by about so much.")
    ] = 0,
    coordinator_register: Annotated[
        str,
        typer.Option(
            metavar="none|may-hold",
            help="Whether the coordinator holds a population register, or may; decides the schema.",
        ),
    ] = "",
    schema: Annotated[
        str, typer.Option(help="A built-in schema or a file, instead of the proposed one.")
    ] = "",
    force: Force = False,
) -> None:
    """Draft an agreement from a template; asks for what isn't given, at most six questions.

    The draft is a text file: read it, edit it, let the others read it. The first party that signs
    publishes it.
    """
    from dataclasses import replace  # noqa: PLC0415 - commands import what they use

    from pprl.io.atomic import publish  # noqa: PLC0415
    from pprl_protocols.draft import Template, draft, read_parties, releases  # noqa: PLC0415
    from pprl_protocols.draft_tables import with_tables  # noqa: PLC0415
    from pprl_protocols.identity import pretty  # noqa: PLC0415

    kind = Template.load(template)
    parties = read_parties(files)
    agencies = [party.name for party in parties if party.role == "agency"]
    given = {
        "purpose": [purpose] if purpose else [],
        "legal-basis": [legal_basis] if legal_basis else [],
        "dpia": [dpia] if dpia else [],
        "valid-until": [valid_until] if valid_until else [],
        "population": population or [],
        "max-records": max_records or [],
    }
    with publish(out, force=force, inputs=files) as temporary:
        answers = _answers(kind, agencies, given)
        answers = replace(
            answers,
            releases=releases(kind, release or []),
            disclosure=with_tables(
                kind.disclosure,
                mode=_mode(mode),
                strata=stratum or [],
                publish=table or [],
                noise=noise,
            ),
            coordinator_may_hold_register=_may_hold(coordinator_register),
            schema=schema or None,
        )
        made = draft(kind, parties, answers, today=_today())
        temporary.write_text(made.to_toml(), encoding="utf-8")
    ui.say("agreement.drafted", path=str(out), run=made.run)
    ui.say("agreement.drafted_with", why=scheme_of(made))
    ui.say("agreement.digest_is", digest=pretty(made.digest))
    ui.say("agreement.then_sign", path=str(out))


@agreement.command("show")
def show(
    source: Source,
    home: HomeOption = None,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print all of it, as a draft is.")] = (
        False
    ),
    as_json: AsJson = False,
) -> None:
    """Show an agreement: who, what for, until when, and what each party learns."""
    import json  # noqa: PLC0415 - commands import what they use

    found = _read(source, home)
    if as_toml:
        ui.out(found.to_toml().rstrip("\n"))
    elif as_json:
        ui.out_json({"digest": found.digest, "agreement": json.loads(found.to_bytes())})
    else:
        show_agreement(found)


@agreement.command("sign")
def sign(
    file: Annotated[
        Path | None,
        typer.Argument(readable=False, help="The draft, when it isn't published yet."),
    ] = None,
    exchange: Annotated[
        str, typer.Option(help="Folder that all parties reach, to publish the draft in.")
    ] = "",
    run: Annotated[str, typer.Option("--run", help="Or: a run that is published.")] = "",
    home: HomeOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="I have read it; don't ask.")] = False,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
) -> None:
    """Sign an agreement for this party; the first one to sign a draft publishes it."""
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use
    from pprl_protocols.exchange import Exchange  # noqa: PLC0415
    from pprl_protocols.home import Home  # noqa: PLC0415
    from pprl_protocols.identity import pretty  # noqa: PLC0415
    from pprl_protocols.roles.signing import check_identities, check_pins  # noqa: PLC0415
    from pprl_protocols.roles.signing import sign as sign_now  # noqa: PLC0415
    from pprl_protocols.session import own_party  # noqa: PLC0415

    if (file is None) == (not run) or (file is not None) == (not exchange):
        raise ConfigError("agreement.what_to_sign")
    shown = _read(run or str(file), home)
    folder = home_folder(home)
    own_party(shown, Home.who(folder))
    check_pins(shown, Home.pins_of(folder), but=Home.who(folder).name)
    if not yes:
        show_agreement(shown)
        _confirm()
    if file is not None:
        Exchange.open(exchange).put_agreement(shown.run, shown.to_bytes())
    place = run or f"{exchange.rstrip('/')}/{shown.run}"
    with at_work(place, home, passphrase_file, passphrase_fd) as session:
        if session.agreement.digest != shown.digest:
            raise ConfigError("agreement.changed_meanwhile")
        if session.said("SIGN", session.me.name) is None:
            check_identities(session)
            sign_now(session)
            ui.say("run.signed", run=shown.run)
        else:
            ui.say("run.said_before", kind="SIGN")
        session.folder.keep_exchange(find_run(place, home).address)
    ui.say("agreement.digest_is", digest=pretty(shown.digest))


@agreement.command("verify")
def verify(
    source: Source,
    home: HomeOption = None,
    trust: Annotated[
        Path | None, typer.Option(readable=False, help="File of pins; default: the home's.")
    ] = None,
) -> None:
    """Check an agreement: form, cards, identities that I pinned, and who has signed it."""
    from pprl.errors import PeerError  # noqa: PLC0415 - commands import what they use
    from pprl_protocols.home import Home  # noqa: PLC0415
    from pprl_protocols.identity import pretty  # noqa: PLC0415
    from pprl_protocols.pins import Pins  # noqa: PLC0415
    from pprl_protocols.roles.signing import check_pins  # noqa: PLC0415
    from pprl_protocols.session import read_logs  # noqa: PLC0415
    from pprl_protocols.transcript import Transcript  # noqa: PLC0415

    found = _read(source, home)
    folder = home_folder(home)
    me = Home.who(folder).name if trust is None else None
    check_pins(found, Pins.load(trust) if trust else Home.pins_of(folder), but=me)
    ui.say("agreement.identities_pinned", count=len(found.parties) - (me is not None))
    missing = found.without_card()
    if missing:
        raise PeerError("protocol.no_card", party=missing[0])
    ui.say("agreement.cards_signed", count=len(found.parties))
    if not Path(source).is_file():
        place = find_run(source, home)
        transcript = Transcript(found)
        for fault in read_logs(transcript.add, place.exchange, place.run):
            raise fault
        signed = sorted(step.party for step in transcript.steps() if step.kind == "SIGN")
        left = [party.name for party in found.parties if party.name not in signed]
        ui.say("agreement.signed_by", parties=", ".join(signed) or "-")
        ui.say("agreement.not_signed_by", parties=", ".join(left) or "-")
    ui.say("agreement.digest_is", digest=pretty(found.digest))


def _mode(text: str) -> Mode | None:
    """Return the mode of an option; None when it isn't given.

    Raises
    ------
    ConfigError
        There is no such mode.
    """
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use

    if text == "count":
        return "count"
    if text == "link":
        return "link"
    if text:
        raise ConfigError("cli.choice", option="--mode", value=text, choices="link, count")
    return None


def _may_hold(text: str) -> bool | None:
    """Return what an option says of the coordinator; None when it isn't given.

    Raises
    ------
    ConfigError
        It says something else.
    """
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use

    options = {"": None, "none": False, "may-hold": True}
    if text not in options:
        option, choices = "--coordinator-register", "none, may-hold"
        raise ConfigError("cli.choice", option=option, value=text, choices=choices)
    return options[text]


def _read(source: str, home: Path | None) -> Agreement:
    """Return the agreement that is meant: a file's, or a run's.

    Raises
    ------
    ConfigError, PeerError
        It can't be read, or isn't as it should be.
    """
    from pprl.errors import ConfigError, PeerError  # noqa: PLC0415 - commands import what they use
    from pprl_protocols import limits  # noqa: PLC0415
    from pprl_protocols.agreement import Agreement  # noqa: PLC0415

    path = Path(source)
    if not path.is_file():
        if path.suffix == ".toml":
            raise ConfigError("agreement.no_file", path=source)
        place = find_run(source, home)
        found = Agreement.from_bytes(place.exchange.agreement(place.run))
        if found.run != place.run:
            raise PeerError("protocol.other_run")
        return found
    try:
        with path.open("rb") as file:
            data = file.read(limits.MAX_AGREEMENT_BYTES + 1)
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigError("agreement.no_file", path=source) from None
    return Agreement.from_toml(text)


def _answers(template: Template, agencies: list[str], given: dict[str, list[str]]) -> Answers:
    """Take the six answers from the options, and ask for the missing ones.

    Raises
    ------
    ConfigError
        One is missing and nobody can be asked, or it can't be read.
    """
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use
    from pprl_protocols.draft import Answers  # noqa: PLC0415

    proposed = {
        "purpose": " ".join(template.purpose.split()),
        "valid-until": str(_today() + timedelta(template.valid_days)),
    }
    left = [name for name, values in given.items() if not values and name not in proposed]
    if left and not sys.stdin.isatty():
        raise ConfigError("agreement.answers_missing", options=", ".join(f"--{x}" for x in left))
    answers: dict[str, list[str]] = {}
    for name, values in given.items():
        answer = values
        if not answer and sys.stdin.isatty():
            question = ui.sentence(f"agreement.ask_{name.replace('-', '_')}")
            answer = [typer.prompt(question, default=proposed.get(name), err=True)]
        answers[name] = answer or [proposed[name]]
    records = _by_agency("max-records", answers["max-records"], agencies)
    try:
        numbers = {name: int(text.replace("_", "")) for name, text in records.items()}
    except ValueError:
        raise ConfigError("agreement.no_number", option="--max-records") from None
    try:
        last = date.fromisoformat(answers["valid-until"][0])
    except ValueError:
        raise ConfigError("agreement.no_date", option="--valid-until") from None
    return Answers(
        purpose=answers["purpose"][0],
        legal_basis=answers["legal-basis"][0],
        dpia=answers["dpia"][0],
        valid_until=last,
        population=_by_agency("population", answers["population"], agencies),
        max_records=numbers,
    )


def _by_agency(option: str, values: list[str], agencies: list[str]) -> dict[str, str]:
    """Read ``TEXT`` for all agencies and ``NAME=TEXT`` for one of them."""
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use

    found: dict[str, str] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if equals and name in agencies:
            found[name] = text
        else:
            found = {**dict.fromkeys(agencies, value), **found}
    for name in agencies:
        if name not in found:
            raise ConfigError("agreement.answer_of", option=f"--{option}", party=name)
    return found


def _confirm() -> None:
    from pprl.errors import ConfigError  # noqa: PLC0415 - commands import what they use

    if not sys.stdin.isatty():
        raise ConfigError("agreement.yes_needed")
    typer.confirm(ui.sentence("agreement.ask_sign"), abort=True, err=True)


def _today() -> date:
    return date.today()  # noqa: DTZ011 - agreements are about calendar days where they are made
